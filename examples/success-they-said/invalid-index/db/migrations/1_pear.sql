-- migrate:up
CREATE TABLE pear (id int);
INSERT INTO pear VALUES (1), (1);
-- migrate:down
DROP TABLE pear;
