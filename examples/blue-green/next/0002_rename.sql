-- The short way: one statement, and an outage.
ALTER TABLE customers RENAME COLUMN name TO full_name;
