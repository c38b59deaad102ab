-- Contract: no release that runs knows the old column.
ALTER TABLE customers DROP COLUMN name;
