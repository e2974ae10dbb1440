-- The product that an application was made for, as its key; none where nobody said so.
ALTER TABLE application ADD COLUMN product TEXT;
