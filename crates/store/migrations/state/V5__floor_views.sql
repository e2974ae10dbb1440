-- Of which view, of which history, the list was. A list of a view that is not known is of none.
ALTER TABLE floor ADD COLUMN view TEXT NOT NULL DEFAULT '';
