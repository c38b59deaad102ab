-- Up Migration
CREATE TABLE pear (id int PRIMARY KEY);
-- Down Migration
DROP TABLE pear;
