"""Verify of a large database, beside psql that sends the same queries and prints the rows."""

from pathlib import Path

from cluster import PSQL
from listeners import Counts
from processes import Failed, alternating, checked, environment, peak_memory, say
from projects import DOORSTEP, prisma_project

TABLES = 2000
COLUMNS = 20
# PostgreSQL locks each table, index and sequence until the transaction ends.
PER_MESSAGE = 200
WORDS = [DOORSTEP, "verify", "--prisma-schema", "many/prisma/schema.prisma", "--migrate", "off"]


def model(name):
    texts = "".join(f"  text{number:02} String?\n" for number in range(1, COLUMNS))
    return f"\nmodel {name} {{\n  id Int @id @default(autoincrement())\n{texts}\n  @@unique([text01])\n  @@index([text02])\n" \
        "  @@index([text03, text04])\n}\n"


def create(name):
    texts = ", ".join(f'"text{number:02}" TEXT' for number in range(1, COLUMNS))
    return f'CREATE TABLE "{name}" ("id" SERIAL NOT NULL, {texts}, CONSTRAINT "{name}_pkey" PRIMARY KEY ("id"));\n' \
        f'CREATE UNIQUE INDEX "{name}_text01_key" ON "{name}"("text01");\n' \
        f'CREATE INDEX "{name}_text02_idx" ON "{name}"("text02");\n' \
        f'CREATE INDEX "{name}_text03_text04_idx" ON "{name}"("text03", "text04");\n'


def build(cluster):
    """The tables, and the Prisma schema that matches them."""
    names = [f"Model{number:04}" for number in range(1, TABLES + 1)]
    prisma_project("many", "postgresql", "".join(map(model, names)))
    files = []
    for first in range(0, TABLES, PER_MESSAGE):
        files.append(Path(f"many/{first:04}.sql"))
        files[-1].write_text("".join(map(create, names[first:first + PER_MESSAGE])))
    cluster.sql("CREATE DATABASE many")
    checked(cluster.floor("many", *files), environment(""))
    # As autovacuum would do sooner or later, in the middle of a measurement.
    cluster.sql("VACUUM ANALYZE", database="many")


def measure(cluster, table, options):
    say(f"verify of {TABLES} tables, {options.verifies} rounds")
    build(cluster)
    env = environment(cluster.trusted_url("many"))
    found = checked(WORDS, env)
    if "0 errors, 0 warnings" not in found:
        raise Failed(f"the schema file and the tables differ:\n{found}")
    with Counts(cluster.port) as proxy:
        checked(WORDS, environment(cluster.trusted_url("many", port=proxy.port)))
    queries = proxy.queries()
    if not queries or not proxy.only_queries():
        raise Failed("doorstep sends verify's queries in a form that psql cannot repeat")
    psql = [PSQL, "-XAtq", *(word for query in queries for word in ("-c", query)), cluster.trusted_url("many")]
    took = alternating({"doorstep": (WORDS, env), "psql": (psql, env)}, options.verifies)
    (ours, processor), (theirs, _) = took["doorstep"], took["psql"]
    table.ratio(f"verify of {TABLES} tables of {COLUMNS} columns, 3 indexes and a key; against psql, same rows", ours, theirs,
                1.2, digits=0, detail=f" (processor {processor:.0f} ms)")
    peak = peak_memory(WORDS, env)
    if peak is None:
        table.add("  peak memory", "GNU time is not installed")
    else:
        table.at_most("  peak memory", peak, 40, " MiB", digits=1)
