-- Expand: the new column beside the old one. Release 1 does not know it, release 2 writes both.
ALTER TABLE customers ADD COLUMN full_name text;
UPDATE customers SET full_name = name;
