"""Real-sized migrations on fresh databases: doorstep beside one bare session, with the files and with doorstep's own messages, one psql
session, and Prisma."""

import re
from pathlib import Path

import scripts
import tools
from cluster import PSQL
from listeners import Counts
from processes import SPREAD, Failed, checked, environment, medians, say, spent
from projects import DOORSTEP, prisma_project

REAL = 500


def fresh(cluster):
    cluster.sql("DROP DATABASE IF EXISTS apply", "CREATE DATABASE apply", "CHECKPOINT")


def dumped(cluster):
    words = ["pg_dump", "--schema-only", "--exclude-table=_prisma_migrations", cluster.url("apply")]
    # Newer servers' dumps have a random word in two lines.
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", checked(words, environment("")))


def commands_of(cluster, files):
    """All of the role that logs in by trust, because the bare session can do no more."""
    # One transaction each, as Prisma's and doorstep's are, but no history. The bare session has them, too: one message is one.
    Path("real/all.sql").write_text("".join(f"BEGIN;\n\\i {file}\nCOMMIT;\n" for file in files))
    doorstep = [DOORSTEP, "migrate", "--migrations", "real/prisma/migrations"]
    return {
        "doorstep": doorstep,
        "bare": cluster.floor("apply", *files),
        "messages": cluster.floor("apply", *messages(cluster, doorstep)),
        "psql": [PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "real/all.sql", cluster.trusted_url("apply")],
        **tools.prismas("real"),
    }


def measure(cluster, table, options):
    rounds, rounds_of_prisma = options.applies, max(options.applies // 3, 1)
    say(f"{REAL} migrations, {rounds} rounds, {rounds_of_prisma} with Prisma")
    prisma_project("real", "postgresql", "")
    files = scripts.write("real", REAL)
    commands, env = commands_of(cluster, files), environment(cluster.trusted_url("apply"))
    others = [name for name in commands if name.startswith("prisma")]
    times, dumps = {name: [] for name in commands}, {}
    for turn in range(rounds + 1):
        for name in SPREAD.sample(list(commands), len(commands)):
            if name in others and turn > rounds_of_prisma:
                continue
            fresh(cluster)
            took = spent(commands[name], env)
            if turn:
                times[name].append(took)
            else:
                dumps[name] = dumped(cluster)
    for name, dump in dumps.items():
        if dump != dumps["psql"]:
            raise Failed(f"{name} and psql have built different databases")
    report(table, files, {name: medians(found) for name, found in times.items()}, others)
    trips = {name: watched(cluster, commands[name]).round_trips() / REAL for name in ("doorstep", "psql")}
    table.add("  round trips per migration", f"{trips['doorstep']:.1f} (psql: {trips['psql']:.1f})")


def report(table, files, took, others):
    sizes = [file.stat().st_size for file in files]
    ours, processor = took["doorstep"]
    table.add(f"{REAL} migrations ({min(sizes)} to {max(sizes)} bytes, {sum(sizes) / 1024:.0f} KiB)",
              f"{ours:.0f} ms (processor {processor:.0f} ms)")
    table.ratio("  against one bare session, a message per file", ours, took["bare"][0], 1.1, digits=0)
    table.ratio("  the bare session with doorstep's messages, against it with the files", took["messages"][0], took["bare"][0], digits=0)
    table.ratio("  against one psql session, a transaction per file", ours, took["psql"][0], digits=0)
    for name in others:
        table.ratio(f"  against {name} migrate deploy", ours, took[name][0], digits=0)
    if not others:
        table.absent("  against prisma migrate deploy")


def watched(cluster, words):
    """A proxy that has seen what the command sends for all of the files."""
    fresh(cluster)
    with Counts(cluster.port) as proxy:
        direct, url = cluster.trusted_url("apply"), cluster.trusted_url("apply", port=proxy.port)
        checked([word.replace(direct, url) for word in words], environment(url))
        return proxy


def messages(cluster, words):
    """A file for each message of the command. Not the first one: it asks for a history that is not there yet, and the error would end
    a bare session."""
    folder, files = Path("real/messages"), []
    folder.mkdir()
    for number, text in enumerate(watched(cluster, words).queries()[1:]):
        files.append(folder / f"{number:04}")
        files[-1].write_text(text)
    return files
