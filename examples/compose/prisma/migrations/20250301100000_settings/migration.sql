-- CreateTable
CREATE TABLE "public"."Setting" (
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "Setting_pkey" PRIMARY KEY ("key")
);

-- Written by hand: migrations may carry data.
INSERT INTO "public"."Setting" ("key", "value") VALUES ('greeting', 'hello from the database');
