-- Users who are gone at the provider and still in the mirror, with their employee number: an active account of the same name in
-- a later directory of an application may take their place.
CREATE TABLE gone_user (
    directory BIGINT NOT NULL,
    no BIGINT NOT NULL,
    employee TEXT NOT NULL,
    PRIMARY KEY (directory, no)
) WITHOUT ROWID;
