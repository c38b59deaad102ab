CREATE TABLE "apple" (
    "id" INTEGER NOT NULL,
    CONSTRAINT "apple_pkey" PRIMARY KEY ("id")
);
