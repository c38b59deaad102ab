-- CreateTable
CREATE TABLE "app"."Start" (
    "id" SERIAL NOT NULL,
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Start_pkey" PRIMARY KEY ("id")
);
