-- The first part of the keys by which products know a directory's users. Directories of before keep their number; a
-- key outlives its directory, so that the same tenant, connected again, has it again.
ALTER TABLE connection ADD COLUMN key TEXT NOT NULL DEFAULT '';
UPDATE connection SET key = CAST(id AS TEXT);
CREATE UNIQUE INDEX connection_key ON connection (key);
CREATE TABLE kept_key (
    key TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    settings TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    number BIGINT NOT NULL
);
