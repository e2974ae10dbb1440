-- What administrators are told of, through which channels, and how far that came.
ALTER TABLE head ADD COLUMN alert BIGINT NOT NULL DEFAULT 0;
ALTER TABLE head ADD COLUMN channel BIGINT NOT NULL DEFAULT 0;
-- When the provider's credential stops working, if an administrator said so.
ALTER TABLE connection ADD COLUMN expires BIGINT;

CREATE TABLE alert_channel (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    -- The kinds that it is told of; all when empty.
    alerts TEXT NOT NULL,
    -- Sealed: the address of a webhook, the password of a mailbox.
    secret BLOB NOT NULL,
    -- In a row, since when, why, and when it is tried again.
    failures BIGINT NOT NULL,
    failing_since BIGINT,
    problem TEXT,
    retry_at BIGINT,
    told_at BIGINT
);

CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    directory BIGINT NOT NULL,
    directory_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What of it was told already; something new in it is told again.
    aspects TEXT NOT NULL,
    title TEXT NOT NULL,
    details TEXT NOT NULL,
    -- Counts what there was to tell of it.
    version BIGINT NOT NULL,
    raised BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    resolved BIGINT,
    acknowledged BIGINT
);
-- One matter is open once.
CREATE UNIQUE INDEX alert_open ON alert (directory, kind) WHERE resolved IS NULL;
CREATE INDEX alert_resolved ON alert (resolved);

-- Up to which version a channel was told.
CREATE TABLE alert_told (
    alert BIGINT NOT NULL,
    channel BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (alert, channel)
);
