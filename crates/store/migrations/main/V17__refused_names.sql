-- New names of groups that an administrator refused: the group keeps the name that products know.
CREATE TABLE refused_name (
    directory BIGINT NOT NULL,
    grp BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (directory, grp)
) WITHOUT ROWID;
