CREATE INDEX CONCURRENTLY orders_placed_at ON trading.orders (placed_at DESC);
