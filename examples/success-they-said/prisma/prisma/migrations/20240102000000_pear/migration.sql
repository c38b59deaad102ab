CREATE TABLE "pear" (
    "id" INTEGER NOT NULL,
    CONSTRAINT "pear_pkey" PRIMARY KEY ("id")
);
