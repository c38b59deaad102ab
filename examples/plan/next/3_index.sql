CREATE INDEX orders_customer ON orders (customer);
DROP TABLE drafts;
