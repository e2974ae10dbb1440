-- Several whole user lists of one client are told apart, since two products may stand behind one address;
-- the number says which came first, and is never given twice.
-- A list is finished when its reader has used a token that was made after it.
CREATE TABLE floor_list (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application BIGINT NOT NULL,
    client TEXT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    view TEXT NOT NULL,
    finished BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX floor_list_client ON floor_list (application, client);
INSERT INTO floor_list (application, client, at, seq, view)
    SELECT application, client, at, seq, view FROM floor ORDER BY at;
DROP TABLE floor;
