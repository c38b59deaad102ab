-- Aligns the schema with what production has been given by hand over the year.
--
-- Everything here is written so that it may find its work done already: production has most of it.
-- Order: types, columns, tables, indexes, keys, data.

-- ============================================================
-- 1. Types
-- ============================================================

DO $$ BEGIN
    CREATE TYPE "BillingStatus" AS ENUM ('TRIAL', 'ACTIVE', 'PAST_DUE', 'CANCELED');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    CREATE TYPE "AppointmentStatus" AS ENUM ('REQUESTED', 'CONFIRMED', 'DONE', 'NO_SHOW', 'CANCELED');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    CREATE TYPE "MessageChannel" AS ENUM ('SMS', 'VOICE', 'EMAIL');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    CREATE TYPE "StaffRole" AS ENUM ('OWNER', 'MANAGER', 'OPERATOR');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

-- ============================================================
-- 2. Columns
-- ============================================================

-- clients: billing, as the old dashboard wrote it
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "billing_status" "BillingStatus" NOT NULL DEFAULT 'TRIAL';
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "trial_ends_at" TIMESTAMP(3);
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "stripe_customer_id" TEXT;
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "stripe_subscription_id" TEXT;

-- clients: where and when they work
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "timezone" TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "opening_hours" JSONB NOT NULL DEFAULT '{}';
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "website" TEXT;
ALTER TABLE "clients" ADD COLUMN IF NOT EXISTS "is_active" BOOLEAN NOT NULL DEFAULT true;

-- customers: whose customer it is
ALTER TABLE "customers" ADD COLUMN IF NOT EXISTS "clientId" TEXT;
ALTER TABLE "customers" ADD COLUMN IF NOT EXISTS "notes" TEXT;
ALTER TABLE "customers" ADD COLUMN IF NOT EXISTS "last_contact_at" TIMESTAMP(3);

-- customers: how they like to be reached
ALTER TABLE "customers" ADD COLUMN IF NOT EXISTS "language" TEXT NOT NULL DEFAULT 'en';
ALTER TABLE "customers" ADD COLUMN IF NOT EXISTS "may_be_called" BOOLEAN NOT NULL DEFAULT true;

-- calls: what came of them
ALTER TABLE "calls" ADD COLUMN IF NOT EXISTS "customer_id" TEXT;
ALTER TABLE "calls" ADD COLUMN IF NOT EXISTS "recording_url" TEXT;
ALTER TABLE "calls" ADD COLUMN IF NOT EXISTS "transcript" TEXT;
ALTER TABLE "calls" ADD COLUMN IF NOT EXISTS "summary" TEXT;

-- onboarding_states: the new way to the client
ALTER TABLE "onboarding_states" ADD COLUMN IF NOT EXISTS "clientId" TEXT;
ALTER TABLE "onboarding_states" ADD COLUMN IF NOT EXISTS "blocked_reason" TEXT;
ALTER TABLE "onboarding_states" ADD COLUMN IF NOT EXISTS "last_activity_at" TIMESTAMP(3);

-- ============================================================
-- 3. Tables
-- ============================================================

CREATE TABLE IF NOT EXISTS "staff_members" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "StaffRole" NOT NULL DEFAULT 'OPERATOR',
    "password_hash" TEXT NOT NULL,
    "last_login_at" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "staff_members_pkey" PRIMARY KEY ("id")
);

CREATE TABLE IF NOT EXISTS "appointments" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "call_id" TEXT,
    "status" "AppointmentStatus" NOT NULL DEFAULT 'REQUESTED',
    "starts_at" TIMESTAMP(3) NOT NULL,
    "ends_at" TIMESTAMP(3) NOT NULL,
    "notes" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "appointments_pkey" PRIMARY KEY ("id")
);

CREATE TABLE IF NOT EXISTS "messages" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "customer_id" TEXT,
    "channel" "MessageChannel" NOT NULL,
    "direction" "CallDirection" NOT NULL,
    "body" TEXT NOT NULL,
    "twilio_sid" TEXT,
    "sent_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("id")
);

-- What the voice answers, if nobody else does.
CREATE TABLE IF NOT EXISTS "faq_entries" (
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "question" TEXT NOT NULL,
    "answer" TEXT NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,
    "is_active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "faq_entries_pkey" PRIMARY KEY ("id")
);

-- ============================================================
-- 4. Indexes
-- ============================================================

CREATE UNIQUE INDEX IF NOT EXISTS "clients_stripe_customer_id_key" ON "clients"("stripe_customer_id");
CREATE INDEX IF NOT EXISTS "clients_billing_status_idx" ON "clients"("billing_status");
CREATE INDEX IF NOT EXISTS "customers_clientId_idx" ON "customers"("clientId");
CREATE INDEX IF NOT EXISTS "calls_customer_id_idx" ON "calls"("customer_id");
CREATE INDEX IF NOT EXISTS "onboarding_states_clientId_idx" ON "onboarding_states"("clientId");
CREATE INDEX IF NOT EXISTS "onboarding_states_status_idx" ON "onboarding_states"("status");
CREATE UNIQUE INDEX IF NOT EXISTS "staff_members_email_key" ON "staff_members"("email");
CREATE INDEX IF NOT EXISTS "appointments_client_id_starts_at_idx" ON "appointments"("client_id", "starts_at");
CREATE INDEX IF NOT EXISTS "faq_entries_client_id_position_idx" ON "faq_entries"("client_id", "position");
CREATE INDEX IF NOT EXISTS "messages_client_id_sent_at_idx" ON "messages"("client_id", "sent_at");

-- ============================================================
-- 5. Keys
-- ============================================================

DO $$ BEGIN
    ALTER TABLE "customers" ADD CONSTRAINT "customers_clientId_fkey"
        FOREIGN KEY ("clientId") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "calls" ADD CONSTRAINT "calls_customer_id_fkey"
        FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE SET NULL ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "staff_members" ADD CONSTRAINT "staff_members_client_id_fkey"
        FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "appointments" ADD CONSTRAINT "appointments_client_id_fkey"
        FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "appointments" ADD CONSTRAINT "appointments_customer_id_fkey"
        FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "messages" ADD CONSTRAINT "messages_client_id_fkey"
        FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

DO $$ BEGIN
    ALTER TABLE "faq_entries" ADD CONSTRAINT "faq_entries_client_id_fkey"
        FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

-- ============================================================
-- 6. Backfill
-- ============================================================

-- onboarding_states: find the client behind the customer
UPDATE "onboarding_states" os
SET "clientId" = c."clientId"
FROM "customers" c
WHERE os."customer_id" = c."id"
  AND os."clientId" IS NULL;

-- customers: belong to the client who has called them
UPDATE "customers" c
SET "clientId" = k."client_id"
FROM "calls" k
WHERE k."customer_id" = c."id"
  AND c."clientId" IS NULL;

-- onboarding_states: whoever has begun was active then
UPDATE "onboarding_states" os
SET "last_activity_at" = os."updated_at"
WHERE os."last_activity_at" IS NULL
  AND os."status" <> 'NOT_STARTED';

-- ============================================================
-- 7. Comments
-- ============================================================

COMMENT ON COLUMN "onboarding_states"."clientId" IS 'to replace client_id, when nobody reads that any more';
COMMENT ON COLUMN "clients"."billing_status" IS 'as the old dashboard writes it';
