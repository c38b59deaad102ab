-- Stub: already in production; what it renamed is in 20241221_initial_clean_baseline.
-- It ran on production from a branch whose files are lost; the history needs the name, nobody needs the SQL.
SELECT 1;
