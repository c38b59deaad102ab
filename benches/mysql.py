"""doorstep beside the `mariadb` client on one MariaDB: starts and verify for the goal table, and migrations.

Usage: benches/run mysql [--rounds N] [--applies N] [--verifies N]     (N = 0 leaves a part out)
"""

import argparse
import os
import shutil
import tempfile
from contextlib import chdir
from pathlib import Path

import mysql_scripts
import parts
import projects
import scripts
from apply import REAL
from listeners import CountsMysql
from mariadb import Mariadb
from processes import (SPREAD, Failed, alternating, checked, die_tidily, environment, medians, memory_row, peak_memory, say,
                       spent)
from projects import DOORSTEP, MIGRATIONS, REQUIRED, doorstep, prisma_project
from table import Table

TABLES = 500
CLIENT = "mariadb -e 'select 1'"


def no_op(server, table, options):
    """A start with nothing to do."""
    say(f"MariaDB: no-op start, {options.rounds} rounds")
    projects.write_small(".", "mysql", projects.of_tables(projects.MYSQL))
    server.sql("CREATE DATABASE bench")
    url = server.url("bench")
    env = environment(url)
    first = checked(doorstep(), env)
    if f"({MIGRATIONS} applied)" not in first:
        raise Failed(f"doorstep did not apply {MIGRATIONS} migrations:\n{first}")
    commands = {"doorstep": doorstep(), "wait": doorstep("wait", service=()), CLIENT: server.client("select 1", "bench")}
    found = alternating({name: (words, env) for name, words in commands.items()}, options.rounds)
    (ours, processor), (theirs, _), (wait, _) = found["doorstep"], found[CLIENT], found["wait"]
    table.ratio(f"MariaDB: no-op start, {MIGRATIONS} migrations, {REQUIRED} tables, exec of true; against {CLIENT}", ours,
                theirs, 0.6, detail=f" (processor {processor:.2f} ms)")
    table.ratio("  doorstep wait", wait, theirs)
    with CountsMysql(server.port) as proxy:
        checked(doorstep(), environment(server.url("bench", proxy.port)))
        table.add("  round trips after login", str(proxy.round_trips()))
        table.add("  connections", str(len(proxy.accepted)), "1", len(proxy.accepted) == 1)
    memory_row(table, "  peak memory", doorstep(service=()), env, 5)


# What both have built must be the same.
BUILT = [
    "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type, extra FROM "
    "information_schema.columns WHERE table_schema = 'apply' AND table_name <> '_prisma_migrations' ORDER BY 1, 3",
    "SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics "
    "WHERE table_schema = 'apply' AND table_name <> '_prisma_migrations' ORDER BY 1, 2, 3",
    "SELECT table_name, constraint_name, referenced_table_name, update_rule, delete_rule FROM "
    "information_schema.referential_constraints WHERE constraint_schema = 'apply' ORDER BY 1, 2",
]


def apply_all(server, table, options):
    """Real-sized migrations on fresh databases: doorstep, and one session of the client."""
    rounds = options.applies
    say(f"MariaDB: {REAL} migrations, {rounds} rounds")
    prisma_project("real", "mysql")
    files = scripts.write("real", REAL, mysql_scripts.Model(500))
    Path("real/all.sql").write_text("".join(f"source {file}\n" for file in files))
    sizes = [file.stat().st_size for file in files]
    statements = sum(file.read_text().count(";\n") for file in files)
    commands = {
        "doorstep": [DOORSTEP, "migrate", "--migrations", "real/prisma/migrations"],
        "mariadb": server.client("source real/all.sql", "apply"),
    }
    env = environment(server.url("apply"))
    times, built = {name: [] for name in commands}, {}

    def fresh():
        server.sql("DROP DATABASE IF EXISTS apply; CREATE DATABASE apply CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")

    for turn in range(rounds + 1):
        for name in SPREAD.sample(list(commands), len(commands)):
            fresh()
            took = spent(commands[name], env)
            if turn:
                times[name].append(took)
                say(f"  {name} {took[0] / 1000:.2f} s")
            else:
                built[name] = [server.sql(query) for query in BUILT]
    if built["doorstep"] != built["mariadb"]:
        raise Failed("doorstep and mariadb have built different databases")
    (ours, processor), (theirs, _) = (medians(times[name]) for name in commands)
    table.add(f"MariaDB: {REAL} migrations, {statements} statements ({min(sizes)} to {max(sizes)} bytes, "
              f"{sum(sizes) / 1024:.0f} KiB)", f"{ours:.0f} ms (processor {processor:.0f} ms)")
    table.ratio("  against one session of mariadb", ours, theirs, 1.3, digits=0)
    fresh()
    with CountsMysql(server.port) as proxy:
        checked(commands["doorstep"], environment(server.url("apply", proxy.port)))
        table.add("  round trips per statement", f"{proxy.round_trips() / statements:.1f}")


def write_tables():
    """A schema of tables with 12 columns, two indexes and a key each; gives its SQL."""
    models, create = [], []
    for number in range(1, TABLES + 1):
        name, other = f"Model{number:03}", f"Model{max(number - 1, 1):03}"
        fields = "".join(f"  field{field} String?\n" for field in range(8))
        models.append(f"model {name} {{\n  id Int @id @default(autoincrement())\n{fields}  amount Decimal @db.Decimal(12, 2)\n"
                      f"  otherId Int?\n  other {other}? @relation(\"{name}\", fields: [otherId], references: [id])\n"
                      f"  createdAt DateTime @default(now()) @db.DateTime(3)\n"
                      + "".join(f"  back{back} {back}[] @relation(\"{back}\")\n" for back in backs(number))
                      + f"\n  @@index([field0])\n  @@unique([field1])\n}}\n")
        columns = "".join(f"`field{field}` VARCHAR(191) NULL, " for field in range(8))
        create.append(f"CREATE TABLE `{name}` (`id` INTEGER NOT NULL AUTO_INCREMENT, {columns}`amount` DECIMAL(12, 2) NOT NULL, "
                      f"`otherId` INTEGER NULL, `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), "
                      f"INDEX `{name}_field0_idx`(`field0`), UNIQUE INDEX `{name}_field1_key`(`field1`), PRIMARY KEY (`id`), "
                      f"CONSTRAINT `{name}_otherId_fkey` FOREIGN KEY (`otherId`) REFERENCES `{other}`(`id`) "
                      f"ON DELETE SET NULL ON UPDATE CASCADE) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n")
    prisma_project("tables", "mysql", "".join(models))
    Path("tables/create.sql").write_text("".join(create))


def backs(number):
    """The models that refer to this one."""
    own = [number] if number == 1 else []
    return [f"Model{other:03}" for other in [*own, number + 1] if other <= TABLES]


def verify(server, table, options):
    """Verify of many tables, against reading the same rows of information_schema with the client."""
    say(f"MariaDB: verify of {TABLES} tables, {options.verifies} rounds")
    write_tables()
    server.sql("CREATE DATABASE verify CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    server.sql("source tables/create.sql", "verify")
    env = environment(server.url("verify"))
    words = [DOORSTEP, "verify", "--prisma-schema", "tables/prisma/schema.prisma"]
    checked(words, env)
    with CountsMysql(server.port) as proxy:
        checked(words, environment(server.url("verify", proxy.port)))
    catalog = max(proxy.messages, key=len)
    found = alternating({"verify": (words, env), "mariadb": (server.client(catalog, "verify"), env)}, options.verifies)
    (ours, processor), (theirs, _) = found["verify"], found["mariadb"]
    table.ratio(f"MariaDB: verify of {TABLES} tables of 12 columns, 2 indexes and a key; against mariadb, same rows", ours,
                theirs, 1.2, digits=0, detail=f" (processor {processor:.0f} ms)")
    peak = peak_memory(words, env)
    table.add("  peak memory", f"{peak:.0f} MiB" if peak else "GNU time is not installed")


def measure(_cluster, table, options):
    """The part of the goal table."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db") and shutil.which("mariadb")):
        table.absent("MariaDB")
        return
    Path("mysql").mkdir()
    with chdir("mysql"), Mariadb() as server:
        no_op(server, table, options)
        verify(server, table, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="of the no-op start (default 100)")
    parser.add_argument("--applies", type=int, default=5, help=f"of {REAL} migrations (default 5)")
    parser.add_argument("--verifies", type=int, default=20, help=f"of {TABLES} tables (default 20)")
    options = parser.parse_args()
    die_tidily()
    found = {"starts": (no_op, options.rounds), "verify": (verify, options.verifies), "migrations": (apply_all, options.applies)}
    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Mariadb() as server:
        os.chdir(project)
        heading = parts.heading(f"MariaDB {server.sql('SELECT VERSION()').split('-')[0]} with its own settings")
        parts.run({name: part for name, (part, count) in found.items() if count}, server, table, options)
        os.chdir("/")
    parts.show(heading, table)


if __name__ == "__main__":
    main()
