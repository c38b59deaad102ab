"""Measures doorstep beside the `mariadb` client on one MariaDB; called by `benches/run mysql`."""

import argparse
import datetime
import os
import platform
import signal
import statistics
import sys
import tempfile
from pathlib import Path

import mysql_scripts
import scripts
from listeners import CountsMysql
from mariadb import Mariadb
from measure import (DOORSTEP, MIGRATIONS, REAL, REQUIRED, SPREAD, Table, alternating, checked, doorstep, environment,
                     peak_memory, say, spent)

TABLES = 500


def prisma_project(folder):
    below = Path(folder, "prisma")
    (below / "migrations").mkdir(parents=True, exist_ok=True)
    (below / "migrations/migration_lock.toml").write_text('provider = "mysql"\n')


def write_small():
    """A hundred migrations, below the working directory."""
    prisma_project(".")
    for number in range(1, MIGRATIONS + 1):
        table = f"t{number:03}"
        folder = Path(f"prisma/migrations/{20250101000000 + number}_{table}")
        folder.mkdir()
        (folder / "migration.sql").write_text(f"""-- CreateTable
CREATE TABLE `{table}` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(191) NOT NULL,
    `email` VARCHAR(255) NULL,
    `amount` DECIMAL(12, 2) NOT NULL DEFAULT 0,
    `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    UNIQUE INDEX `{table}_email_key`(`email`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
""")


def loads():
    return f"load average {os.getloadavg()[0]:.1f}"


def no_op(server, table, rounds):
    """A start with nothing to do."""
    say(f"no-op start, {rounds} rounds")
    server.sql("CREATE DATABASE bench")
    url = server.url("bench")
    first = checked(doorstep(), environment(url))
    if f"({MIGRATIONS} applied)" not in first:
        raise SystemExit(f"doorstep did not apply {MIGRATIONS} migrations:\n{first}")
    client = "mariadb -e 'select 1'"
    env = environment(url)
    commands = {
        "doorstep": (doorstep(), env),
        "wait": (doorstep("wait", service=()), env),
        client: (server.client("select 1", "bench"), env),
        "true": (["true"], env),
    }
    found = alternating(commands, rounds)
    (ours, our_processor), (theirs, their_processor) = found["doorstep"], found[client]
    processor = f" (processor time {our_processor:.2f} ms)"
    table.add(f"no-op start, {MIGRATIONS} migrations, {REQUIRED} tables, exec of true", f"{ours:.2f} ms{processor}")
    ratio = ours / theirs
    table.add(f"  against {client}", f"{theirs:.2f} ms ({their_processor:.2f} ms): ratio {ratio:.2f}", "≤ 0.8", ratio <= 0.8)
    table.add("  doorstep wait", f"{found['wait'][0]:.2f} ms ({found['wait'][1]:.2f} ms)")
    table.add("  true, without anything", f"{found['true'][0]:.2f} ms ({found['true'][1]:.2f} ms)")
    with CountsMysql(server.port) as proxy:
        checked(doorstep(), environment(server.url("bench", proxy.port)))
        table.add("round trips after login, no-op start", str(proxy.round_trips()))
        table.add("connections of a no-op start", str(len(proxy.accepted)))
    peaks = [peak_memory(doorstep(service=()), env) for _ in range(5)]
    table.add("peak memory, no-op start", "GNU time is not installed" if None in peaks else f"{max(peaks):.2f} MiB")


# What both have built must be the same.
BUILT = [
    "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type, extra FROM "
    "information_schema.columns WHERE table_schema = 'apply' AND table_name <> '_prisma_migrations' ORDER BY 1, 3",
    "SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics "
    "WHERE table_schema = 'apply' AND table_name <> '_prisma_migrations' ORDER BY 1, 2, 3",
    "SELECT table_name, constraint_name, referenced_table_name, update_rule, delete_rule FROM "
    "information_schema.referential_constraints WHERE constraint_schema = 'apply' ORDER BY 1, 2",
]


def apply_all(server, table, rounds):
    """Real-sized migrations on fresh databases: doorstep, and one session of the client."""
    say(f"{REAL} migrations, {rounds} rounds")
    prisma_project("real")
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
                say(f"  {name} {took[0] / 1000:.2f} s, {loads()}")
            else:
                built[name] = [server.sql(query) for query in BUILT]
    if built["doorstep"] != built["mariadb"]:
        raise SystemExit("doorstep and mariadb have built different databases")
    took = {name: tuple(statistics.median(column) for column in zip(*found)) for name, found in times.items()}
    (ours, processor), (theirs, _) = took["doorstep"], took["mariadb"]
    table.add(f"{REAL} migrations, {statements} statements ({min(sizes)} to {max(sizes)} bytes, {sum(sizes) / 1024:.0f} KiB)",
              f"{ours:.0f} ms (processor time {processor:.0f} ms)")
    ratio = ours / theirs
    table.add("  against one session of mariadb", f"{theirs:.0f} ms: ratio {ratio:.2f}", "≤ 1.3", ratio <= 1.3)
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
    prisma_project("tables")
    datasource = 'datasource db {\n  provider = "mysql"\n  url      = env("DATABASE_URL")\n}\n'
    Path("tables/prisma/schema.prisma").write_text(datasource + "".join(models))
    Path("tables/create.sql").write_text("".join(create))


def backs(number):
    """The models that refer to this one."""
    own = [number] if number == 1 else []
    return [f"Model{other:03}" for other in [*own, number + 1] if other <= TABLES]


def verify(server, table, rounds):
    """Verify of many tables, against reading the same rows of information_schema with the client."""
    say(f"verify of {TABLES} tables, {rounds} rounds")
    write_tables()
    server.sql("CREATE DATABASE verify CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    server.sql("source tables/create.sql", "verify")
    env = environment(server.url("verify"))
    words = [DOORSTEP, "verify", "--prisma-schema", "tables/prisma/schema.prisma"]
    checked(words, env)
    with CountsMysql(server.port) as proxy:
        checked(words, environment(server.url("verify", proxy.port)))
    catalog = max(proxy.messages, key=len)
    found = alternating({"verify": (words, env), "mariadb": (server.client(catalog, "verify"), env)}, rounds)
    (ours, processor), (theirs, _) = found["verify"], found["mariadb"]
    ratio = ours / theirs
    table.add(f"verify of {TABLES} tables", f"{ours:.0f} ms (processor time {processor:.0f} ms)")
    table.add("  against reading the same rows with mariadb", f"{theirs:.0f} ms: ratio {ratio:.2f}", "≤ 1.5", ratio <= 1.5)
    peak = peak_memory(words, env)
    table.add("  peak memory", f"{peak:.0f} MiB" if peak else "GNU time is not installed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of the no-op start (default 100)")
    parser.add_argument("--applies", type=int, default=5, help=f"of {REAL} migrations (default 5)")
    parser.add_argument("--verifies", type=int, default=20, help=f"of {TABLES} tables (default 20)")
    options = parser.parse_args()
    # So that the server goes away with us.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Mariadb() as server:
        os.chdir(project)
        write_small()
        version = server.sql("SELECT VERSION()")
        if options.rounds:
            no_op(server, table, options.rounds)
        if options.verifies:
            verify(server, table, options.verifies)
        if options.applies:
            apply_all(server, table, options.applies)
        os.chdir("/")
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
          f"MariaDB {version.split('-')[0]} with its own settings, {loads()}; medians\n")
    print(table)
    print(f"\n{table.missed} target(s) MISSED" if table.missed else "\nevery target met")


if __name__ == "__main__":
    main()
