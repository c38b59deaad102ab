-- Expand: release 3 no longer writes the old column. Release 2 still does.
ALTER TABLE customers ALTER COLUMN name DROP NOT NULL;
-- The rows that release 1 has inserted since 0002.
UPDATE customers SET full_name = name WHERE full_name IS NULL;
