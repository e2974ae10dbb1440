-- Tokens for the admin API. Of a token only the SHA-256 is kept; a revoked one stays in the list of what there was.
CREATE TABLE api_token (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    revoked BIGINT
);
CREATE UNIQUE INDEX api_token_living ON api_token (folded_name) WHERE revoked IS NULL;
