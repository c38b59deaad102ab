CREATE OR REPLACE VIEW totals AS SELECT customer, sum(cents) AS cents FROM orders GROUP BY customer;
