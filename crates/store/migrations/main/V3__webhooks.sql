-- Where applications want to be told that there is something new.
ALTER TABLE head ADD COLUMN webhook BIGINT NOT NULL DEFAULT 0;
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    application BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    -- Sealed; what the endpoint wants to see in the Authorization header.
    token BLOB,
    -- In a row, and since when.
    failures BIGINT NOT NULL,
    failing_since BIGINT,
    UNIQUE (application, endpoint)
);
