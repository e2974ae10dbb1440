-- Accounts that an administrator let take the place of a leaver of another directory: the directory and number of each, and the
-- folded name for which this holds.
CREATE TABLE take_over (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    leaver_directory BIGINT NOT NULL,
    leaver BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (directory, no, leaver_directory, leaver)
) WITHOUT ROWID;
CREATE INDEX take_over_leaver ON take_over (leaver_directory, leaver);
