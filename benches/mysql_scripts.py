"""The migrations of `scripts`, as `prisma migrate dev` writes them for MySQL and MariaDB."""

import scripts

TYPES = {
    "TEXT NOT NULL": "VARCHAR(191) NOT NULL", "TEXT": "VARCHAR(191) NULL", "DOUBLE PRECISION": "DOUBLE NULL",
    "JSONB NOT NULL DEFAULT '{}'": "LONGTEXT NOT NULL", "JSONB": "JSON NULL", "TEXT[] DEFAULT ARRAY[]::TEXT[]": "TEXT NULL",
    "INET": "VARCHAR(45) NULL", "UUID": "CHAR(36) NULL",
}
# No index on these: MySQL wants a length for it.
LONG = ("LONGTEXT", "JSON", "TEXT")
END = ") DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n"


def of_mysql(kind):
    kind = TYPES.get(kind, kind).replace("TIMESTAMP(3)", "DATETIME(3)")
    return kind if "NULL" in kind else f"{kind} NULL"


class Model(scripts.Model):
    """What the migrations so far have built."""

    def index_parts(self, table):
        """Name, columns, whether it is unique."""
        column = self.chance.choice(self.schema[table])
        self.serial += 1
        if column.startswith("externalId") and self.chance.random() < 0.5:
            return f"{table}_{column}_{self.serial}_key", f"`{column}`", True
        columns = [column] if self.chance.random() < 0.7 else [column, "createdAt"]
        return f"{table}_{'_'.join(columns)}_{self.serial}_idx", ", ".join(f"`{name}`" for name in columns), False

    def index(self, table):
        name, columns, unique = self.index_parts(table)
        return f"-- CreateIndex\nCREATE {'UNIQUE ' if unique else ''}INDEX `{name}` ON `{table}`({columns});\n"

    def reference(self, table, column, other):
        return f"-- AddForeignKey\nALTER TABLE `{table}` ADD CONSTRAINT `{table}_{column}_fkey` FOREIGN KEY (`{column}`) " \
            f"REFERENCES `{other}`(`id`) ON DELETE {self.chance.choice(['CASCADE', 'RESTRICT'])} ON UPDATE CASCADE;\n"

    def one_table(self, name):
        """One CREATE TABLE with its indexes, no statements for indexes, and its foreign keys."""
        columns = [(column, of_mysql(kind)) for column, kind in self.chance.sample(scripts.COLUMNS, self.chance.randint(4, 15))]
        others = self.chance.sample(list(self.schema), min(len(self.schema), self.chance.randint(0, 3)))
        references = [(other[0].lower() + other[1:] + "Id", other) for other in others]
        states = ", ".join(f"'{value}'" for value in self.chance.sample(scripts.VALUES, self.chance.randint(3, 8)))
        self.enums[name] = states
        self.schema[name] = [column for column, kind in columns if not kind.startswith(LONG)]
        every = [("id", "VARCHAR(191) NOT NULL"), *((column, "VARCHAR(191) NOT NULL") for column, _ in references), *columns,
                 ("state", f"ENUM({states}) NOT NULL"),
                 ("createdAt", "DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)"), ("updatedAt", "DATETIME(3) NOT NULL")]
        lines = "".join(f"    `{column}` {kind},\n" for column, kind in every)
        parts = [self.index_parts(name) for _ in range(self.chance.randint(1, 4))]
        indexes = "".join(f"    {'UNIQUE ' if unique else ''}INDEX `{index}`({columns}),\n" for index, columns, unique in parts)
        create = f"-- CreateTable\nCREATE TABLE `{name}` (\n{lines}\n{indexes}    PRIMARY KEY (`id`)\n{END}"
        return create, [], [self.reference(name, column, other) for column, other in references]

    def columns(self):
        table = self.table()
        added = [(column, of_mysql(kind)) for column, kind in self.fresh(self.chance.randint(1, 4))]
        self.schema[table] += [column for column, kind in added if not kind.startswith(LONG)]
        lines = ",\n".join(f"    ADD COLUMN `{column}` {kind}" for column, kind in added).strip()
        indexes = [self.index(table)] if self.chance.random() < 0.4 else []
        return [f"-- AlterTable\nALTER TABLE `{table}` {lines};\n", *indexes]

    def values(self):
        table = self.chance.choice(list(self.enums))
        self.enums[table] += f", 'STEP_{self.serial}'"
        return [f"-- AlterTable\nALTER TABLE `{table}` MODIFY `state` ENUM({self.enums[table]}) NOT NULL;\n"]

    def enum(self):
        return self.create(1) if self.names else self.columns()

    def backfill(self):
        """A required column for rows that are there: nullable first, filled, then required."""
        table = self.table()
        self.serial += 1
        column = f"reference{self.serial}"
        self.schema[table].append(column)
        return [
            scripts.warning(f"Added the required column `{column}` to the `{table}` table without a default value. "
                            "This is not possible if the table is not empty."),
            f"-- AlterTable\nALTER TABLE `{table}` ADD COLUMN `{column}` VARCHAR(191) NULL;\n",
            f"-- Fill the rows that are there\nUPDATE `{table}`\nSET `{column}` = CONCAT('{table[:3].upper()}-', `id`)\n"
            f"WHERE `{column}` IS NULL;\n",
            f"-- AlterTable\nALTER TABLE `{table}` MODIFY `{column}` VARCHAR(191) NOT NULL;\n",
            self.index(table),
        ]

    def seed(self):
        """A table of reference data with its rows."""
        self.serial += 1
        name = f"Reference{self.serial}"
        rows = ",\n".join(f"    ('{name}-{row}', 'Entry {row} of {name}', {row})" for row in range(self.chance.randint(10, 60)))
        return [
            f"-- CreateTable\nCREATE TABLE `{name}` (\n    `id` VARCHAR(191) NOT NULL,\n    `label` VARCHAR(191) NOT NULL,\n"
            f"    `position` INTEGER NOT NULL DEFAULT 0,\n\n    PRIMARY KEY (`id`)\n{END}",
            f"INSERT INTO `{name}` (`id`, `label`, `position`) VALUES\n{rows};\n",
        ]

    def drop(self):
        table = self.table()
        column = self.schema[table].pop(self.chance.randrange(len(self.schema[table])))
        text = f"You are about to drop the column `{column}` on the `{table}` table. All the data in the column will be lost."
        return [scripts.warning(text), f"-- AlterTable\nALTER TABLE `{table}` DROP COLUMN `{column}`;\n"]

