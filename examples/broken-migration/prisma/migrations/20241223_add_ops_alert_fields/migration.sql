-- What the stuck-client detector remembers of each client.
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "opsAlertsMuted" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "paymentGateAlertedAt" TIMESTAMP(3);
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "paymentGateAlertCount" INTEGER NOT NULL DEFAULT 0;
