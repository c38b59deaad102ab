-- migrate:up
CREATE TABLE apple (id int PRIMARY KEY);
-- migrate:down
DROP TABLE apple;

-- migrate:up
CREATE TABLE pear (id int PRIMARY KEY);
-- migrate:down
DROP TABLE pear;
