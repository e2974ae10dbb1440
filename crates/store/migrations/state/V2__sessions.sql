-- Single sign-on sessions. What is kept of a token is its SHA-256, so that a copy of this file lets nobody in.
CREATE TABLE session (
    token BLOB PRIMARY KEY,
    directory BIGINT NOT NULL,
    person TEXT NOT NULL,
    factors BLOB NOT NULL,
    created BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX session_person ON session (directory, person, created);
CREATE INDEX session_expires ON session (expires);
