"""A start with nothing to do and a very long history."""

import hashlib
from pathlib import Path

from processes import Failed, alternating, checked, environment, peak_memory, say
from projects import doorstep, prisma_project

APPLIED = 20_000
WORDS = ("run", "--migrations", "long/prisma/migrations")


def write():
    """The folder; gives each migration's name and checksum, Prisma's: SHA-256 of the file."""
    prisma_project("long", "postgresql")
    found = []
    for number in range(1, APPLIED + 1):
        name, text = f"{20150101000000 + number}_step", f'-- CreateTable\nCREATE TABLE "step{number}" ("id" INTEGER);\n'
        folder = Path("long/prisma/migrations", name)
        folder.mkdir()
        (folder / "migration.sql").write_text(text)
        found.append((name, hashlib.sha256(text.encode()).hexdigest()))
    return found


def record(cluster, migrations):
    """History rows as Prisma writes them. The tables are not created: a start without verify does not look at them."""
    rows = "".join(f"{checksum}\t{name}\n" for name, checksum in migrations)
    Path("long/rows").write_text(rows)
    cluster.sql("CREATE DATABASE long")
    cluster.sql(
        "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, "
        "finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ, "
        "started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)",
        "CREATE TEMPORARY TABLE given (number serial, checksum text, name text)",
        "\\copy given (checksum, name) FROM long/rows",
        "INSERT INTO _prisma_migrations SELECT gen_random_uuid(), checksum, at, name, NULL, NULL, at, 1 FROM "
        "(SELECT *, timestamptz '2015-01-01' + number * interval '1 hour' AS at FROM given ORDER BY number) numbered",
        "VACUUM ANALYZE _prisma_migrations", database="long")


def measure(cluster, table, _options, rounds=7):
    say(f"{APPLIED:,} applied migrations, {rounds} rounds")
    record(cluster, write())
    env = environment(cluster.trusted_url("long"))
    said = checked(doorstep(*WORDS), env)
    if "(0 applied)" not in said:
        raise Failed(f"doorstep had something to do:\n{said}")
    took, processor = alternating({"doorstep": (doorstep(*WORDS), env)}, rounds)["doorstep"]
    table.add(f"{APPLIED:,} applied migrations, nothing to do", f"{took / 1000:.2f} s (processor {processor / 1000:.2f} s)",
              "≤ 0.5 s", took <= 500)
    peak = peak_memory(doorstep(*WORDS, service=()), env)
    table.add("  peak memory", "GNU time is not installed" if peak is None else f"{peak:.1f} MiB")
