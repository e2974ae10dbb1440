-- The furthest that this file has seen the main database, to notice that an older copy was put in its place.
CREATE TABLE seen (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL
);
