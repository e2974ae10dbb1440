-- History: the log by run, time, member and former name; the base into which old entries are folded.

-- Runs that changed something. A run's entries follow each other in the log.
CREATE TABLE log_run (
    run INTEGER PRIMARY KEY,
    directory BIGINT NOT NULL,
    at BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL
);
CREATE INDEX log_run_directory ON log_run (directory, last);
CREATE INDEX log_run_at ON log_run (at, first);

-- The entries of one run that touched the memberships of one person (kind 0) or nested group (kind 1), as
-- ascending distances from `first`.
CREATE TABLE log_member (
    directory BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    no BIGINT NOT NULL,
    run BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (directory, kind, no, run)
) WITHOUT ROWID;

-- Folded names, mail addresses and ids under which an object is not served any more, with the entry that ended it.
CREATE TABLE log_key (
    directory BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    key TEXT NOT NULL,
    no BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (directory, kind, key, no)
) WITHOUT ROWID;

-- Entries up to `seq`, committed at `at` or before, are folded into the base and no longer in the log.
CREATE TABLE base (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL
);
INSERT INTO base (one, seq, at) VALUES (1, 0, 0);
CREATE TABLE base_user (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
CREATE TABLE base_group (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
CREATE TABLE base_members (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (directory, grp, kind, chunk)
) WITHOUT ROWID;

-- To what a directory was put back, if it stays there (JSON).
ALTER TABLE connection ADD COLUMN pin TEXT;
