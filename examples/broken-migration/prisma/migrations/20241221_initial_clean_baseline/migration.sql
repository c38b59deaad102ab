-- The whole schema, as of 21 December 2024.

CREATE TYPE "OnboardingStatus" AS ENUM ('NOT_STARTED', 'IN_PROGRESS', 'WAITING_FOR_PAYMENT', 'LIVE');
CREATE TYPE "CallDirection" AS ENUM ('INBOUND', 'OUTBOUND');
CREATE TYPE "AlertSeverity" AS ENUM ('INFO', 'WARNING', 'CRITICAL');

CREATE TABLE "clients" (
    "id" TEXT NOT NULL,
    "business_name" TEXT NOT NULL,
    "owner_email" TEXT NOT NULL,
    "phone" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "customers" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "phone" TEXT NOT NULL,
    "email" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "calls" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "direction" "CallDirection" NOT NULL,
    "from_number" TEXT NOT NULL,
    "to_number" TEXT NOT NULL,
    "duration_seconds" INTEGER NOT NULL DEFAULT 0,
    "started_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "calls_pkey" PRIMARY KEY ("id")
);

-- One row per client: how far it has come. The column is client_id.
CREATE TABLE "onboarding_states" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "status" "OnboardingStatus" NOT NULL DEFAULT 'NOT_STARTED',
    "current_step" TEXT NOT NULL DEFAULT 'welcome',
    "data" JSONB NOT NULL DEFAULT '{}',
    "completed_at" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "onboarding_states_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "alert_logs" (
    "id" TEXT NOT NULL,
    "alert_type" TEXT NOT NULL,
    "alert_key" TEXT NOT NULL,
    "severity" "AlertSeverity" NOT NULL DEFAULT 'WARNING',
    "message" TEXT NOT NULL,
    "metadata" JSONB,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_logs_pkey" PRIMARY KEY ("id"),
    -- An alert is said once.
    CONSTRAINT "alert_logs_alert_type_alert_key_key" UNIQUE ("alert_type", "alert_key")
);

CREATE UNIQUE INDEX "clients_owner_email_key" ON "clients"("owner_email");
CREATE INDEX "customers_phone_idx" ON "customers"("phone");
CREATE INDEX "calls_client_id_started_at_idx" ON "calls"("client_id", "started_at");
CREATE UNIQUE INDEX "onboarding_states_client_id_key" ON "onboarding_states"("client_id");
CREATE INDEX "alert_logs_created_at_idx" ON "alert_logs"("created_at");

ALTER TABLE "calls" ADD CONSTRAINT "calls_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "onboarding_states" ADD CONSTRAINT "onboarding_states_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
