INSERT INTO clients SELECT i, 'c' || i FROM generate_series(1, 50) i;
INSERT INTO orders SELECT i, i % 50 + 1, 'open', i FROM generate_series(1, 20000) i;
ANALYZE clients, orders;
