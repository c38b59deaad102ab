-- AlterTable
ALTER TABLE "financial"."clients" ADD COLUMN "notes" TEXT;
