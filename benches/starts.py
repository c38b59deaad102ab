"""A start with nothing to do, beside psql and the physical floor: time, messages, memory."""

from cluster import PSQL
from contextlib import chdir
from pathlib import Path

import projects
from listeners import Counts
from processes import Failed, alternating, checked, environment, memory_row, say
from projects import DOORSTEP, MIGRATIONS, REQUIRED, VERIFIED, doorstep, verified

SELECT = "select 1"
NO_OP = f"no-op start, {MIGRATIONS} migrations, {REQUIRED} tables, exec of true"
VERIFY = f"the same with verify of a Prisma schema of {VERIFIED} tables"
LOGINS = ("trust", "SCRAM")


def url_of(cluster, login):
    return cluster.trusted_url("bench") if login == "trust" else cluster.url("bench")


def prepare(cluster):
    """The database that has all migrations, and the folders."""
    projects.write_postgres()
    first = checked(doorstep(), environment(cluster.url("bench")))
    if f"({MIGRATIONS} applied)" not in first:
        raise Failed(f"doorstep did not apply {MIGRATIONS} migrations:\n{first}")
    found = checked([DOORSTEP, "verify", "--prisma-schema", projects.SCHEMA, "--notices"], environment(cluster.url("bench")))
    if "0 errors, 0 warnings, 0 notices" not in found:
        raise Failed(f"the schema file and the migrations differ:\n{found}")


def against_psql(cluster, table, options):
    """The goal table's first rows, for both ways to log in."""
    say(f"no-op start, {options.rounds} rounds")
    env = environment(cluster.trusted_url("bench"))
    commands = {
        "true": (["true"], env),
        "version": ([DOORSTEP, "--version"], env),
        "floor": (cluster.floor("bench"), env),
        "floor, true": (cluster.floor("bench", "--", "true"), env),
    }
    for login in LOGINS:
        url = url_of(cluster, login)
        env = environment(url)
        commands[f"psql, {login}"] = ([PSQL, "-XAtc", SELECT, url], env)
        commands[f"wait, {login}"] = (doorstep("wait", service=()), env)
        commands[f"no-op, {login}"] = (doorstep(), env)
        commands[f"verify, {login}"] = (verified(), env)
    found = alternating(commands, options.rounds)
    psql = found["psql, trust"][0]
    table.ratio("physical floor: connect, log in by trust, one query; against psql", found["floor"][0], psql)
    table.ratio("  and the exec of true", found["floor, true"][0], psql)
    table.add("true, without anything", f"{found['true'][0]:.2f} ms")
    for login in LOGINS:
        table.add(f"psql -XAtc '{SELECT}', {login}", taken(found[f"psql, {login}"]))
    for name, what, limit in (("no-op", NO_OP, 0.75), ("verify", VERIFY, 1), ("wait", "doorstep wait", None)):
        for login in LOGINS:
            ours, processor = found[f"{name}, {login}"]
            shown = f"{what}; {login}, against psql" if login == "trust" else f"  {login}"
            table.ratio(shown, ours, found[f"psql, {login}"][0], limit, detail=f" (processor {processor:.2f} ms)")
    profile(table, found)


def taken(measured):
    return f"{measured[0]:.2f} ms (processor {measured[1]:.2f} ms)"


def profile(table, found):
    """Where each millisecond goes: what each command needs more than the one that does less."""
    steps = [
        ("connection, backend, login, one query (floor without true)", "floor", "true"),
        ("doorstep's own process, settings and look at the server (doorstep wait without floor)", "wait, trust", "floor"),
        ("  part of it: process and arguments (--version without true)", "version", "true"),
        ("folder, history, required tables, exec of true", "no-op, trust", "wait, trust"),
        ("verify: schema file and catalogs", "verify, trust", "no-op, trust"),
        ("SCRAM instead of trust", "no-op, SCRAM", "no-op, trust"),
    ]
    table.add("where it goes: a process (true)", taken(found["true"]))
    for what, more, less in steps:
        table.add(f"  {what}", taken([ours - theirs for ours, theirs in zip(found[more], found[less])]))


def tls(cluster, table, options):
    """Connecting with TLS must not be slower than it is with libpq and OpenSSL."""
    say(f"TLS, {options.rounds} rounds")
    url = cluster.url("bench", "require")
    env = environment(url)
    commands = {"wait": doorstep("wait", service=()), "psql": [PSQL, "-XAtc", SELECT, url], "run": doorstep()}
    found = alternating({name: (words, env) for name, words in commands.items()}, options.rounds)
    for name, what in (("wait", "doorstep wait over TLS, against psql"), ("run", "no-op start over TLS, against psql")):
        table.ratio(what, found[name][0], found["psql"][0], 1)


def messages(cluster, table, _options):
    """What the server sees of a start."""
    say("round trips")
    for words, what in ((doorstep(), "no-op start"), (verified(), "no-op start with verify")):
        with Counts(cluster.port) as proxy:
            checked(words, environment(cluster.trusted_url("bench", port=proxy.port)))
            count, logins = proxy.round_trips(), len(proxy.accepted)
        table.add(f"round trips after login, {what}", str(count), "1", count <= 1)
        table.add("  connections", str(logins), "1", logins == 1)


def memory(cluster, table, _options):
    """Without CMD, because exec would replace the process."""
    say("memory and size")
    what = "peak memory of a no-op start"
    env = environment(cluster.url("bench"))
    memory_row(table, f"{what}, PostgreSQL", doorstep(service=()), env, 5)
    memory_row(table, "  over TLS", doorstep(service=()), environment(cluster.url("bench", "require")), 5)
    memory_row(table, f"  with verify of {VERIFIED} tables", verified(service=()), env, 5)
    projects.write_small("sqlite", "sqlite", projects.of_tables(projects.SQLITE))
    with chdir("sqlite"):
        env = environment("file:./bench.db")
        checked(doorstep(), env)
        memory_row(table, f"{what}, SQLite", doorstep(service=()), env, 5)
    table.at_most("size of the binary", Path(DOORSTEP).stat().st_size / 2**20, 7, " MiB")
