CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, note text);
CREATE TABLE drafts (id bigint PRIMARY KEY);
