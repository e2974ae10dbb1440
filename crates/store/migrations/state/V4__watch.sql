-- Registrations at providers for word of changes; the secret is sealed.
CREATE TABLE watch (
    directory BIGINT PRIMARY KEY,
    secret BLOB NOT NULL,
    registered TEXT NOT NULL
);
