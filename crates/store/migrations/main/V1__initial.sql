-- What the service keeps. Numbers are given once and never reused (see `head`); times are milliseconds
-- since 1970; blobs are packed by `encoding.rs` and begin with their version.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row: the writer takes its numbers here, under its lock.
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    run BIGINT NOT NULL,
    at BIGINT NOT NULL,
    directory BIGINT NOT NULL,
    application BIGINT NOT NULL
);
INSERT INTO head (one, seq, run, at, directory, application) VALUES (1, 0, 0, 0, 0, 0);

CREATE TABLE connection (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    settings TEXT NOT NULL,
    secret BLOB NOT NULL,
    rules TEXT NOT NULL,
    schedule TEXT NOT NULL,
    paused BOOLEAN NOT NULL,
    removing BOOLEAN NOT NULL,
    served_once BOOLEAN NOT NULL,
    cursor TEXT,
    last_full_read BIGINT,
    last_read BIGINT,
    next_user BIGINT NOT NULL,
    next_group BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE application (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    directories TEXT NOT NULL,
    aggregate BOOLEAN NOT NULL,
    addresses TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- The mirror: what the provider last said.
CREATE TABLE mirror_person (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
CREATE TABLE mirror_group (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
-- Direct members of a group, packed by kind (0 people, 1 groups) and by the upper half of their number.
CREATE TABLE mirror_members (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (directory, grp, kind, chunk)
) WITHOUT ROWID;
-- The few memberships that a listing lacked and the provider has not yet denied.
CREATE TABLE mirror_unconfirmed (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    no BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (directory, grp, kind, no)
) WITHOUT ROWID;

-- The directory as served.
CREATE TABLE served_user (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
CREATE TABLE served_group (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
CREATE TABLE served_members (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    members BLOB NOT NULL,
    PRIMARY KEY (directory, grp, kind, chunk)
) WITHOUT ROWID;

-- Decisions.
CREATE TABLE past_name (
    directory BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    folded TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (directory, kind, folded)
) WITHOUT ROWID;
CREATE TABLE accepted_name (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (directory, grp)
) WITHOUT ROWID;
CREATE TABLE discard (
    directory BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    no BIGINT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (directory, kind, no)
) WITHOUT ROWID;

-- The append-only change log: one row for each object and run. Kinds: 0 person, 1 group, 2 members.
CREATE TABLE change_log (
    seq INTEGER PRIMARY KEY,
    run BIGINT NOT NULL,
    at BIGINT NOT NULL,
    directory BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    no BIGINT NOT NULL,
    change BLOB NOT NULL
);
CREATE INDEX change_log_object ON change_log (directory, kind, no, seq);

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    directory BIGINT NOT NULL,
    at BIGINT NOT NULL,
    quiet BOOLEAN NOT NULL,
    report TEXT NOT NULL
);
CREATE INDEX run_directory ON run (directory, at);
