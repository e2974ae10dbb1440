-- Who made a one-time link: it works only while they may make one. Who made the links of before is not known, and those work for
-- a day at the most: they are made again.
DROP TABLE invitation;
CREATE TABLE invitation (
    token BLOB PRIMARY KEY,
    name TEXT,
    role TEXT NOT NULL,
    expires BIGINT NOT NULL,
    made_by TEXT NOT NULL
);
