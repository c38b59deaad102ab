"""What doorstep starts with: small migrations for each engine, a Prisma schema that matches them, and its command line."""

import os
import shutil
from pathlib import Path

MIGRATIONS = 100
REQUIRED = 20
VERIFIED = 30

DOORSTEP = str(Path(os.environ["DOORSTEP"]).resolve())
# Its folder has the migrations, too: what else a Prisma project has, which a start without verify does without.
SCHEMA = "verified/prisma/schema.prisma"

POSTGRES = """-- CreateTable
CREATE TABLE "{table}" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "email" VARCHAR(255),
    "amount" DECIMAL(12,2) NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "{table}_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "{table}_email_key" ON "{table}"("email");

-- CreateIndex
CREATE INDEX "{table}_name_idx" ON "{table}"("name");
"""
# What later migrations add to some of the tables; with the table's own index and one more, four indexes.
CREATED_AT_INDEX = """-- CreateIndex
CREATE INDEX "{table}_createdAt_idx" ON "{table}"("createdAt");
"""
AMOUNT_INDEX = """-- CreateIndex
CREATE INDEX "{table}_name_amount_idx" ON "{table}"("name", "amount");
"""
NOTE = """-- AlterTable
ALTER TABLE "{table}" ADD COLUMN     "note" TEXT;
"""
MODEL = """
model {table} {{
  id        Int      @id @default(autoincrement())
  name      String
  email     String?  @unique @db.VarChar(255)
  amount    Decimal  @default(0) @db.Decimal(12, 2)
  createdAt DateTime @default(now())
{note}
  @@index([name])
  @@index([createdAt])
  @@index([name, amount])
}}
"""
SQLITE = """-- CreateTable
CREATE TABLE "{table}" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "amount" DECIMAL NOT NULL DEFAULT 0,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- CreateIndex
CREATE UNIQUE INDEX "{table}_email_key" ON "{table}"("email");
"""
MYSQL = """-- CreateTable
CREATE TABLE `{table}` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(191) NOT NULL,
    `email` VARCHAR(255) NULL,
    `amount` DECIMAL(12, 2) NOT NULL DEFAULT 0,
    `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    UNIQUE INDEX `{table}_email_key`(`email`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
"""


def datasource(provider):
    return f'datasource db {{\n  provider = "{provider}"\n  url      = env("DATABASE_URL")\n}}\n'


def prisma_project(folder, provider, schema=None):
    """Prisma's layout without migrations; without `schema` it has no schema file, either."""
    below = Path(folder, "prisma")
    (below / "migrations").mkdir(parents=True, exist_ok=True)
    (below / "migrations/migration_lock.toml").write_text(f'provider = "{provider}"\n')
    if schema is not None:
        (below / "schema.prisma").write_text(datasource(provider) + schema)


def names(count):
    """Of tables."""
    return [f"t{number:03}" for number in range(1, count + 1)]


def numbered(scripts):
    """With the version that each has in its name."""
    return [(f"{20250101000001 + number}_{name}", sql) for number, (name, sql) in enumerate(scripts)]


def of_tables(sql):
    """A hundred migrations, each of which creates one table."""
    return numbered((table, sql.format(table=table)) for table in names(MIGRATIONS))


def of_postgres():
    """A hundred migrations that leave the tables of the Prisma schema, and no others."""
    steps = [(sql, table) for sql in (POSTGRES, CREATED_AT_INDEX, AMOUNT_INDEX, NOTE) for table in names(VERIFIED)]
    return numbered((table, sql.format(table=table)) for sql, table in steps[:MIGRATIONS])


def write_small(folder, provider, migrations):
    prisma_project(folder, provider)
    for name, sql in migrations:
        migration = Path(folder, "prisma/migrations", name)
        migration.mkdir()
        (migration / "migration.sql").write_text(sql)


def write_postgres():
    """Below the working directory: a project without a schema file, and one with it."""
    write_small(".", "postgresql", of_postgres())
    shutil.copytree("prisma", "verified/prisma")
    noted = names(MIGRATIONS - 3 * VERIFIED)
    models = (MODEL.format(table=table, note="  note      String?\n" if table in noted else "") for table in names(VERIFIED))
    prisma_project("verified", "postgresql", "".join(models))


def doorstep(*words, service=("true",)):
    """The command line of a start; by default the no-op start, which requires some of the tables."""
    command = [DOORSTEP, *(words or ("run", "--require-tables", ",".join(names(REQUIRED))))]
    return command + ["--", *service] if service else command


def verified(service=("true",)):
    """The no-op start that verifies the Prisma schema besides."""
    return doorstep(*doorstep(service=())[1:], "--prisma-schema", SCHEMA, service=service)
