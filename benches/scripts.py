"""Migrations as `prisma migrate dev` writes them for a product that has grown for years; the same ones every time."""

import random
from pathlib import Path

# Name, type and default.
COLUMNS = [
    ("name", "TEXT NOT NULL"), ("title", "TEXT NOT NULL"), ("description", "TEXT"), ("slug", "VARCHAR(191) NOT NULL"),
    ("email", "VARCHAR(255)"), ("phone", "VARCHAR(32)"), ("notes", "TEXT"), ("externalId", "TEXT"),
    ("amount", "DECIMAL(12,2) NOT NULL DEFAULT 0"), ("currency", "CHAR(3) NOT NULL DEFAULT 'EUR'"),
    ("quantity", "INTEGER NOT NULL DEFAULT 1"), ("position", "INTEGER NOT NULL DEFAULT 0"), ("weight", "DOUBLE PRECISION"),
    ("isActive", "BOOLEAN NOT NULL DEFAULT true"), ("isArchived", "BOOLEAN NOT NULL DEFAULT false"),
    ("metadata", "JSONB NOT NULL DEFAULT '{}'"), ("settings", "JSONB"), ("tags", "TEXT[] DEFAULT ARRAY[]::TEXT[]"),
    ("locale", "VARCHAR(16)"), ("timezone", "TEXT"), ("ipAddress", "INET"), ("token", "UUID"), ("bytes", "BIGINT"),
    ("startsAt", "TIMESTAMP(3)"), ("endsAt", "TIMESTAMP(3)"), ("dueOn", "DATE"), ("deletedAt", "TIMESTAMP(3)"),
]
SUBJECTS = "Account Address Agreement Alert Asset Booking Branch Budget Campaign Category Channel Claim Contact Contract " \
    "Coupon Course Customer Device Document Employee Event Export Feature Folder Group Image Invoice Item Lead Ledger " \
    "Location Member Message Note Notification Order Partner Payment Plan Policy Product Project Quote Refund Report " \
    "Review Role Schedule Session Shipment Store Subscription Supplier Task Team Ticket Transfer User Vendor Visit".split()
ASPECTS = ["", "Item", "Log", "Setting", "Template", "Version", "Tag", "Share"]
VALUES = "DRAFT PENDING ACTIVE PAUSED APPROVED REJECTED CANCELLED EXPIRED FAILED DONE ARCHIVED".split()
# How often each kind of change comes.
KINDS = {"tables": 30, "columns": 25, "indexes": 15, "backfill": 10, "values": 6, "enum": 6, "seed": 4, "drop": 4}
SEVERAL_VALUES = """-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single transaction. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


"""


def warning(text):
    return f"/*\n  Warnings:\n\n  - {text}\n\n*/\n"


class Model:
    """What the migrations so far have built, so that each next one fits."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.schema = {}  # name: the columns that one may still index or drop
        self.enums = {}  # name: how many values were added
        self.names = [subject + aspect for aspect in ASPECTS for subject in SUBJECTS]
        self.serial = 0

    def next(self):
        """The name and the text of the next migration."""
        kinds = list(KINDS) if len(self.schema) > 10 and self.enums else ["enum", "tables"]
        kind = self.chance.choices(kinds, [KINDS[kind] for kind in kinds])[0]
        if kind == "tables" and not self.names:
            kind = "columns"
        self.serial += 1
        return kind, "\n".join(getattr(self, kind)())

    def table(self):
        """Any of those that are there."""
        return self.chance.choice(list(self.schema))

    def fresh(self, count):
        """Columns that no table has yet."""
        self.serial += 1
        return [(f"{name}{self.serial}", kind) for name, kind in self.chance.sample(COLUMNS, count)]

    def index(self, table):
        column = self.chance.choice(self.schema[table])
        self.serial += 1
        if column.startswith("externalId") and self.chance.random() < 0.5:
            return f'-- CreateIndex\nCREATE UNIQUE INDEX "{table}_{column}_{self.serial}_key" ON "{table}"("{column}");\n'
        columns = [column] if self.chance.random() < 0.7 else [column, "createdAt"]
        listed = ", ".join(f'"{name}"' for name in columns)
        return f'-- CreateIndex\nCREATE INDEX "{table}_{"_".join(columns)}_{self.serial}_idx" ON "{table}"({listed});\n'

    def reference(self, table, column, other):
        return f'-- AddForeignKey\nALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_fkey" FOREIGN KEY ("{column}") ' \
            f'REFERENCES "{other}"("id") ON DELETE {self.chance.choice(["CASCADE", "RESTRICT"])} ON UPDATE CASCADE;\n'

    def one_table(self, name):
        """One CREATE TABLE, its indexes, and its foreign keys."""
        columns = self.chance.sample(COLUMNS, self.chance.randint(4, 15))
        others = self.chance.sample(list(self.schema), min(len(self.schema), self.chance.randint(0, 3)))
        references = [(other[0].lower() + other[1:] + "Id", other) for other in others]
        state = [("state", f'"{self.chance.choice(list(self.enums))}" NOT NULL')] if self.enums else []
        columns = [("id", "TEXT NOT NULL"), *((column, "TEXT NOT NULL") for column, _ in references), *columns, *state,
                   ("createdAt", "TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP"), ("updatedAt", "TIMESTAMP(3) NOT NULL")]
        lines = "".join(f'    "{column}" {kind},\n' for column, kind in columns)
        create = f'-- CreateTable\nCREATE TABLE "{name}" (\n{lines}\n    CONSTRAINT "{name}_pkey" PRIMARY KEY ("id")\n);\n'
        self.schema[name] = [column for column, kind in columns[1:-2] if not kind.startswith(("JSONB", "TEXT["))]
        indexes = [self.index(name) for _ in range(self.chance.randint(1, 4))]
        return create, indexes, [self.reference(name, column, other) for column, other in references]

    def create(self, count):
        parts = [self.one_table(self.names.pop(0)) for _ in range(min(count, len(self.names)))]
        # Prisma's order: all tables, then all indexes, then all foreign keys.
        return [part[0] for part in parts] + sum((part[1] for part in parts), []) + sum((part[2] for part in parts), [])

    def tables(self):
        return self.create(self.chance.choice([1, 1, 2, 3]))

    def columns(self):
        table = self.table()
        added = self.fresh(self.chance.randint(1, 4))
        self.schema[table] += [column for column, kind in added if not kind.startswith(("JSONB", "TEXT["))]
        lines = ",\n".join(f'ADD COLUMN     "{column}" {kind}' for column, kind in added)
        indexes = [self.index(table)] if self.chance.random() < 0.4 else []
        return [f'-- AlterTable\nALTER TABLE "{table}" {lines};\n', *indexes]

    def indexes(self):
        return [self.index(self.table()) for _ in range(self.chance.randint(1, 4))]

    def values(self):
        name = self.chance.choice(list(self.enums))
        count = self.chance.choice([1, 1, 2, 3])
        added = [f"STEP_{self.enums[name] + index}" for index in range(count)]
        self.enums[name] += count
        comment = SEVERAL_VALUES if count > 1 else ""
        return ["-- AlterEnum\n" + comment + "".join(f"ALTER TYPE \"{name}\" ADD VALUE '{value}';\n" for value in added)]

    def enum(self):
        name = f"State{self.serial}"
        values = ", ".join(f"'{value}'" for value in self.chance.sample(VALUES, self.chance.randint(3, 8)))
        parts = [f'-- CreateEnum\nCREATE TYPE "{name}" AS ENUM ({values});\n']
        self.enums[name] = 0
        return parts + (self.create(1) if self.names else [])

    def backfill(self):
        """A required column for rows that are there: nullable first, filled, then required."""
        table = self.table()
        self.serial += 1
        column = f"reference{self.serial}"
        self.schema[table].append(column)
        return [
            warning(f"Added the required column `{column}` to the `{table}` table without a default value. "
                    "This is not possible if the table is not empty."),
            f'-- AlterTable\nALTER TABLE "{table}" ADD COLUMN     "{column}" TEXT;\n',
            f'-- Fill the rows that are there\nUPDATE "{table}"\nSET "{column}" = \'{table[:3].upper()}-\' || "id"\n'
            f'WHERE "{column}" IS NULL;\n',
            f'-- AlterTable\nALTER TABLE "{table}" ALTER COLUMN "{column}" SET NOT NULL;\n',
            self.index(table),
        ]

    def seed(self):
        """A table of reference data with its rows."""
        self.serial += 1
        name = f"Reference{self.serial}"
        rows = ",\n".join(f"    ('{name}-{row}', 'Entry {row} of {name}', {row})" for row in range(self.chance.randint(10, 60)))
        return [
            f'-- CreateTable\nCREATE TABLE "{name}" (\n    "id" TEXT NOT NULL,\n    "label" TEXT NOT NULL,\n'
            f'    "position" INTEGER NOT NULL DEFAULT 0,\n\n    CONSTRAINT "{name}_pkey" PRIMARY KEY ("id")\n);\n',
            f'INSERT INTO "{name}" ("id", "label", "position") VALUES\n{rows};\n',
        ]

    def drop(self):
        table = self.table()
        column = self.schema[table].pop(self.chance.randrange(len(self.schema[table])))
        text = f"You are about to drop the column `{column}` on the `{table}` table. All the data in the column will be lost."
        return [warning(text), f'-- AlterTable\nALTER TABLE "{table}" DROP COLUMN "{column}";\n']


def write(project, count, model=None):
    """`count` of them in Prisma's layout below `project`; gives their files in the order they are applied."""
    model, files = model or Model(500), []
    for number in range(1, count + 1):
        kind, text = model.next()
        folder = Path(project) / f"prisma/migrations/{20220101000000 + number}_{kind}"
        folder.mkdir(parents=True)
        file = folder / "migration.sql"
        file.write_text(text)
        files.append(file)
    return files
