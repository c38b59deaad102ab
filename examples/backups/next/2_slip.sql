DROP TABLE users;
CREATE TABLE accounts (id integer PRIMARY KEY);
