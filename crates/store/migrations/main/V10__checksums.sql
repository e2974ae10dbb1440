-- CRC-32 of `members`; NULL in rows that an earlier version wrote. Records carry theirs at their end.
ALTER TABLE mirror_members ADD COLUMN sum INTEGER;
ALTER TABLE served_members ADD COLUMN sum INTEGER;
ALTER TABLE base_members ADD COLUMN sum INTEGER;
