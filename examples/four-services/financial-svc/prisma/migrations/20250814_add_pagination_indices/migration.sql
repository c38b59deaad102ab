-- Each page of a list is sorted by date, and many are filtered first.
CREATE INDEX IF NOT EXISTS "idx_clients_created_at" ON "financial"."clients"("created_at" DESC);
CREATE INDEX IF NOT EXISTS "idx_clients_status_created_at" ON "financial"."clients"("status", "created_at" DESC);
CREATE INDEX IF NOT EXISTS "idx_accounts_created_at" ON "financial"."accounts"("created_at" DESC);
CREATE INDEX IF NOT EXISTS "idx_accounts_institution_created_at" ON "financial"."accounts"("institution_id", "created_at" DESC);
CREATE INDEX IF NOT EXISTS "idx_invoices_issue_date" ON "financial"."invoices"("issue_date" DESC);
CREATE INDEX IF NOT EXISTS "idx_invoices_status_issue_date" ON "financial"."invoices"("status", "issue_date" DESC);
CREATE INDEX IF NOT EXISTS "idx_transactions_account_date" ON "financial"."transactions"("account_id", "date" DESC);
CREATE INDEX IF NOT EXISTS "idx_transactions_status_date" ON "financial"."transactions"("status", "date" DESC);
