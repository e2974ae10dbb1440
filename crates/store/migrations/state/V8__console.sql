-- Who is signed in to the console. What is kept of a session's id is its SHA-256.
CREATE TABLE console_session (
    token BLOB PRIMARY KEY,
    administrator BIGINT NOT NULL,
    created BIGINT NOT NULL,
    used BIGINT NOT NULL,
    origin TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX console_session_administrator ON console_session (administrator);

-- When each application last called.
CREATE TABLE caller (
    application BIGINT PRIMARY KEY,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    client TEXT NOT NULL,
    agent TEXT NOT NULL
);
