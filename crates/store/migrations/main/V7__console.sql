-- Who looks after the service through the console, and what they did.
ALTER TABLE head ADD COLUMN administrator BIGINT NOT NULL DEFAULT 0;
CREATE TABLE administrator (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_sign_in BIGINT
);

-- One-time links, by the SHA-256 of their token. Without a name whoever follows it chooses one.
CREATE TABLE invitation (
    token BLOB PRIMARY KEY,
    name TEXT,
    role TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- What people changed. Details are JSON and never hold a secret.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Directories that are being connected, whole and sealed: they hold credentials.
CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    updated BIGINT NOT NULL,
    sealed BLOB NOT NULL
);
