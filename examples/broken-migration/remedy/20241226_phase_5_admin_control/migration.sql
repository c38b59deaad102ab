-- Phase 5: operators get their own tables. Additive: what the old code reads stays where it is.

-- 1. The alert log is append-only: the same alert may be said again, and be acknowledged.
ALTER TABLE "alert_logs" DROP CONSTRAINT IF EXISTS "alert_logs_alert_type_alert_key_key";
ALTER TABLE "alert_logs" ADD COLUMN "acknowledged_at" TIMESTAMP(3);
ALTER TABLE "alert_logs" ADD COLUMN "acknowledged_by" TEXT;
ALTER TABLE "alert_logs" ADD COLUMN "resolution" TEXT;

-- 2. The new BillingStatus; the old one stays beside it, for the old column.
ALTER TYPE "BillingStatus" RENAME TO "BillingStatus_old";
CREATE TYPE "BillingStatus" AS ENUM (
    'TRIAL', 'PENDING_PAYMENT', 'ACTIVE', 'GRACE_PERIOD', 'PAST_DUE', 'SUSPENDED', 'CANCELED'
);
CREATE TYPE "PaymentSource" AS ENUM ('STRIPE', 'BANK_TRANSFER', 'MANUAL', 'COMPLIMENTARY');

-- 3. Billing: one row per client.
CREATE TABLE "client_billing" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "status" "BillingStatus" NOT NULL DEFAULT 'TRIAL',
    "payment_source" "PaymentSource",
    "trial_ends_at" TIMESTAMP(3),
    "stripe_customer_id" TEXT,
    "stripe_subscription_id" TEXT,
    "current_period_end" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "client_billing_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "client_billing_client_id_key" ON "client_billing"("client_id");
CREATE UNIQUE INDEX "client_billing_stripe_customer_id_key" ON "client_billing"("stripe_customer_id");
CREATE INDEX "client_billing_status_idx" ON "client_billing"("status");

INSERT INTO "client_billing"
    ("id", "client_id", "status", "payment_source", "trial_ends_at", "stripe_customer_id", "stripe_subscription_id", "updated_at")
SELECT gen_random_uuid()::text, "id", "billing_status"::text::"BillingStatus",
    CASE WHEN "stripe_customer_id" IS NOT NULL THEN 'STRIPE'::"PaymentSource" END,
    "trial_ends_at", "stripe_customer_id", "stripe_subscription_id", CURRENT_TIMESTAMP
FROM "clients";

-- 4. Controls: one row per client, with the alert fields that stood in clients.
CREATE TABLE "client_controls" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "ops_alerts_muted" BOOLEAN NOT NULL DEFAULT false,
    "payment_gate_alerted_at" TIMESTAMP(3),
    "payment_gate_alert_count" INTEGER NOT NULL DEFAULT 0,
    "voice_enabled" BOOLEAN NOT NULL DEFAULT true,
    "outbound_enabled" BOOLEAN NOT NULL DEFAULT true,
    "notes" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "client_controls_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "client_controls_client_id_key" ON "client_controls"("client_id");

INSERT INTO "client_controls"
    ("id", "client_id", "ops_alerts_muted", "payment_gate_alerted_at", "payment_gate_alert_count", "updated_at")
SELECT gen_random_uuid()::text, "id", "opsAlertsMuted", "paymentGateAlertedAt", "paymentGateAlertCount", CURRENT_TIMESTAMP
FROM "clients";

-- 5. The audit trail: what an operator did, to whom, and why.
CREATE TABLE "admin_actions" (
    "id" TEXT NOT NULL,
    "client_id" TEXT,
    "operator" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "reason" TEXT,
    "before" JSONB,
    "after" JSONB,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "admin_actions_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "admin_actions_client_id_created_at_idx" ON "admin_actions"("client_id", "created_at");
CREATE INDEX "admin_actions_operator_idx" ON "admin_actions"("operator");

-- 6. Keys, after the data.
ALTER TABLE "client_billing" ADD CONSTRAINT "client_billing_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "client_controls" ADD CONSTRAINT "client_controls_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "admin_actions" ADD CONSTRAINT "admin_actions_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE SET NULL ON UPDATE CASCADE;
