-- The one old table with many rows gets its indexes without a lock. In a file of their own, since such statements
-- refuse a transaction; doorstep runs them one by one, and goes on where it stopped.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "alert_logs_alert_type_idx" ON "alert_logs"("alert_type");
CREATE INDEX CONCURRENTLY IF NOT EXISTS "alert_logs_alert_key_idx" ON "alert_logs"("alert_key");
