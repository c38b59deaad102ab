-- The alert log (the baseline has it already) and the pool of telephone numbers.
CREATE TABLE IF NOT EXISTS "alert_logs" (
    "id" TEXT NOT NULL,
    "alert_type" TEXT NOT NULL,
    "alert_key" TEXT NOT NULL,
    "severity" "AlertSeverity" NOT NULL DEFAULT 'WARNING',
    "message" TEXT NOT NULL,
    "metadata" JSONB,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_logs_pkey" PRIMARY KEY ("id")
);

CREATE TYPE "TwilioNumberStatus" AS ENUM ('AVAILABLE', 'ASSIGNED', 'RELEASED');

CREATE TABLE "twilio_number_pool" (
    "id" TEXT NOT NULL,
    "phone_number" TEXT NOT NULL,
    "twilio_sid" TEXT NOT NULL,
    "status" "TwilioNumberStatus" NOT NULL DEFAULT 'AVAILABLE',
    "client_id" TEXT,
    "assigned_at" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "twilio_number_pool_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "twilio_number_pool_phone_number_key" ON "twilio_number_pool"("phone_number");
CREATE UNIQUE INDEX "twilio_number_pool_twilio_sid_key" ON "twilio_number_pool"("twilio_sid");
CREATE INDEX "twilio_number_pool_status_idx" ON "twilio_number_pool"("status");

ALTER TABLE "twilio_number_pool" ADD CONSTRAINT "twilio_number_pool_client_id_fkey"
    FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE SET NULL ON UPDATE CASCADE;
