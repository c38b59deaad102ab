"""Measures doorstep side by side with its neighbours; called by benches/run."""

import argparse
import datetime
import json
import os
import platform
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import scripts
from cluster import Cluster
from listeners import Closes, Counts, StartsUp

MIGRATIONS = 100
REAL = 500
REQUIRED = 20
SPREAD = random.Random(20)

DOORSTEP = str(Path(os.environ["DOORSTEP"]).resolve())
HERE = Path(__file__).resolve().parent
PSQL = shutil.which("psql")  # benches/run puts PostgreSQL's own bin first: not Debian's Perl wrapper


class Table:
    """The result: one line per measurement, Markdown that reads as text too."""

    def __init__(self):
        self.lines = [("what", "measured", "target", "")]
        self.missed = 0

    def add(self, what, measured, target="", ok=None):
        self.missed += ok is False
        self.lines.append((what, measured, target, {None: "", True: "ok", False: "MISSED"}[ok]))

    def at_most(self, what, measured, limit, unit, detail=""):
        self.add(what, f"{measured:.2f}{unit}{detail}", f"≤ {limit:g}{unit}", measured <= limit)

    def __str__(self):
        widths = [max(len(line[column]) for line in self.lines) for column in range(4)]
        rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in self.lines]
        rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(rows)


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(url):
    given = {name: os.environ[name] for name in ("PATH", "PRISMA_HOME") if name in os.environ}
    return {**given, "LANG": "C.UTF-8", "HOME": os.getcwd(), "DATABASE_URL": url}


def checked(words, env):
    """Runs once, and shows what went wrong if anything did."""
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def milliseconds(words, env):
    """From fork to the end of the process."""
    return spent(words, env)[0]


def spent(words, env):
    """The same, and the processor time of the process, both in milliseconds."""
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    begin = time.perf_counter_ns()
    pid = os.posix_spawnp(words[0], words, env, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    end = time.perf_counter_ns()
    if status:
        checked(words, env)
        raise SystemExit(f"{words[0]} failed, but not when it was run again")
    return (end - begin) / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3


def interleaved(commands, rounds):
    """The median of each command's times; one round after the other, so that noise hits all alike."""
    return {name: wall for name, (wall, _) in alternating(commands, rounds).items()}


def alternating(commands, rounds):
    """The medians of each command's times and processor times; each round in an order of its own."""
    for words, env in commands.values():
        spent(words, env)
    found = {name: [] for name in commands}
    for _ in range(rounds):
        for name in SPREAD.sample(list(commands), len(commands)):
            found[name].append(spent(*commands[name]))
    return {name: tuple(statistics.median(column) for column in zip(*times)) for name, times in found.items()}


def peak_memory(words, env):
    """MiB of the largest process, by GNU time: one spawned from Python would count Python's pages as its own."""
    if not (gnu_time := shutil.which("time")):
        return None
    checked([gnu_time, "-f", "%M", "-o", "peak", *words], env)
    return int(Path("peak").read_text()) / 1024


def percentile(values, share):
    """The nearest rank: with few values p99 is the worst one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def prisma_project(folder):
    """What `prisma migrate deploy` wants beside the migrations."""
    below = Path(folder, "prisma")
    below.mkdir(parents=True, exist_ok=True)
    (below / "schema.prisma").write_text(
        'datasource db {\n  provider = "postgresql"\n  url      = env("DATABASE_URL")\n}\n')
    (below / "migrations").mkdir(exist_ok=True)
    (below / "migrations/migration_lock.toml").write_text('provider = "postgresql"\n')


def write_folders():
    """The same SQL in each tool's layout, below the working directory."""
    for folder in ("prisma/migrations", "sqlx", "dbmate"):
        Path(folder).mkdir(parents=True)
    prisma_project(".")
    for number in range(1, MIGRATIONS + 1):
        table, version = f"t{number:03}", 20250101000000 + number
        sql = f"""-- CreateTable
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
"""
        prisma = Path(f"prisma/migrations/{version}_{table}")
        prisma.mkdir()
        (prisma / "migration.sql").write_text(sql)
        Path(f"sqlx/{version}_{table}.sql").write_text(sql)
        Path(f"dbmate/{version}_{table}.sql").write_text(f"-- migrate:up\n{sql}\n-- migrate:down\nDROP TABLE {table};\n")


def doorstep(*words, service=("true",)):
    """The command line of a start; by default the no-op start."""
    tables = ",".join(f"t{number * 5:03}" for number in range(1, REQUIRED + 1))
    command = [DOORSTEP, *(words or ("run", "--require-tables", tables))]
    return command + ["--", *service] if service else command


def psql(url):
    return [PSQL, "-Atc", "select 1", url]


def sql(cluster, *statements):
    words = [word for statement in statements for word in ("-c", statement)]
    return checked([PSQL, "-XAt", *words, cluster.url("postgres")], environment(""))


def prismas(folder):
    """`prisma migrate deploy` of both versions: the real engine as Wasm (tests/prisma/README.md), where it is there."""
    found = os.environ.get("PRISMA_HOME")
    if not found or not Path(found).is_dir():
        say("Prisma is left out: PRISMA_HOME names no packages (scripts/prepare-tests)")
        return {}
    versions = {"prisma": "prisma6", "prisma7": "prisma7"}
    return {
        "prisma " + json.loads(Path(found, "node_modules", package, "package.json").read_text())["version"]:
            [str(HERE.parent / "tests/prisma" / program), str(Path(folder).resolve()), "migrate", "deploy"]
        for package, program in versions.items()
    }


def no_op(cluster, table, rounds):
    """A start with nothing to do, against the tools that do it in other images."""
    say(f"no-op start, {rounds} rounds")
    url = cluster.url("bench")
    first = checked(doorstep(), environment(url))
    if f"({MIGRATIONS} applied)" not in first:
        raise SystemExit(f"doorstep did not apply {MIGRATIONS} migrations:\n{first}")
    commands = {
        "doorstep": (doorstep(), environment(url)),
        "psql -Atc 'select 1'": (psql(url), environment(url)),
        "true, without anything": (["true"], environment(url)),
    }
    others = {
        "sqlx migrate run": ("SQLX", "sqlx", ["migrate", "run", "--source", "sqlx"]),
        "dbmate up": ("DBMATE", "dbmate", ["--no-dump-schema", "--migrations-dir", "dbmate", "up"]),
    }
    absent = []
    for name, (variable, program, words) in others.items():
        found = os.environ.get(variable) or shutil.which(program)
        if not found:
            absent.append(name)
            continue
        env = environment(cluster.url(program))
        sql(cluster, f"CREATE DATABASE {program}")
        commands[name] = ([found, *words], env)
        checked(*commands[name])  # applies the hundred
    times = interleaved(commands, rounds)
    ours = times.pop("doorstep")
    table.add(f"no-op start, {MIGRATIONS} migrations, {REQUIRED} tables, exec of true", f"{ours:.2f} ms")
    for name, theirs in times.items():
        limit = {"psql -Atc 'select 1'": 0.8}.get(name)
        ratio = ours / theirs
        if name.startswith("true"):
            table.add(f"  {name}", f"{theirs:.2f} ms")
            continue
        table.add(f"  against {name}", f"{theirs:.2f} ms: ratio {ratio:.2f}", f"≤ {limit}" if limit else "",
                  ratio <= limit if limit else None)
    for name in absent:
        table.add(f"  against {name}", "not installed")


def tls(cluster, table, rounds):
    """Connecting with TLS must not be slower than it is with libpq and OpenSSL."""
    say(f"TLS, {rounds} rounds")
    url = cluster.url("bench", "require")
    env = environment(url)
    times = interleaved({"wait": (doorstep("wait", service=()), env), "psql": (psql(url), env), "run": (doorstep(), env)},
                        rounds)
    for name, what in (("wait", "TLS connect (doorstep wait)"), ("run", "no-op start over TLS")):
        ratio = times[name] / times["psql"]
        table.add(f"{what} against psql", f"{times[name]:.2f} / {times['psql']:.2f} ms: ratio {ratio:.2f}", "≤ 1",
                  ratio <= 1)


def round_trips(cluster, table):
    say("round trips")
    with Counts(cluster.port) as proxy:
        checked(doorstep(), environment(cluster.url("bench", port=proxy.port)))
        logins = len(proxy.accepted)
        table.add("round trips after login, no-op start", str(proxy.round_trips()), "≤ 3", proxy.round_trips() <= 3)
        table.add("connections of a no-op start", str(logins), "≤ 1", logins <= 1)


def memory(cluster, table):
    say("memory")
    for sslmode, what in (("disable", "peak memory, no-op start"), ("require", "  the same over TLS")):
        peaks = [peak_memory(doorstep(service=()), environment(cluster.url("bench", sslmode))) for _ in range(5)]
        if None in peaks:
            table.add(what, "GNU time is not installed")
        else:
            table.at_most(what, max(peaks), 6, " MiB")


def no_op_against_prisma(cluster, table, rounds):
    """The real engine beside doorstep, on the very same database and folder."""
    others = prismas(".")
    say(f"no-op against Prisma, {rounds} rounds")
    env = environment(cluster.url("bench"))
    commands = {"doorstep": doorstep(), **others}
    times = interleaved({name: (words, env) for name, words in commands.items()}, rounds)
    for name, words in others.items():
        said = checked(words, env)
        if "No pending migrations to apply" not in said:
            raise SystemExit(f"{name} had something to do:\n{said}")
        peak = peak_memory(words, env)
        ratio = times[name] / times["doorstep"]
        measured = f"{times[name]:.0f} / {times['doorstep']:.2f} ms: {ratio:.0f} ×"
        table.add(f"no-op: {name} migrate deploy takes", measured, "≥ 100 ×", ratio >= 100)
        table.add("  its largest process", f"{peak:.0f} MiB" if peak else "GNU time is not installed")
    if not others:
        table.add("no-op against prisma migrate deploy", "not installed")


def apply_all(cluster, table, rounds, rounds_of_prisma):
    """Real-sized migrations on fresh databases: doorstep, one psql session, and Prisma."""
    say(f"{REAL} migrations, {rounds} rounds with psql, {rounds_of_prisma} with Prisma")
    Path("real").mkdir()
    prisma_project("real")
    files = scripts.write("real", REAL)
    # One transaction each, as Prisma's and doorstep's are, but no history.
    Path("real/all.sql").write_text("".join(f"BEGIN;\n\\i {file}\nCOMMIT;\n" for file in files))
    sizes = [file.stat().st_size for file in files]
    env, others = environment(cluster.url("apply")), prismas("real")
    commands = {
        "doorstep": [DOORSTEP, "migrate", "--migrations", "real/prisma/migrations"],
        "psql": [PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "real/all.sql", cluster.url("apply")],
        **others,
    }
    times, dumps = {name: [] for name in commands}, {}
    for turn in range(rounds + 1):
        for name, words in commands.items():
            if name in others and turn > rounds_of_prisma:
                continue
            sql(cluster, "DROP DATABASE IF EXISTS apply", "CREATE DATABASE apply", "CHECKPOINT")
            took = milliseconds(words, env)
            if turn:
                times[name].append(took)
            else:
                dump = ["pg_dump", "--schema-only", "--exclude-table=_prisma_migrations", cluster.url("apply")]
                # Newer servers' dumps have a random word in two lines.
                dumps[name] = re.sub(r"(?m)^\\(un)?restrict .*$", "", checked(dump, env))
    for name, dump in dumps.items():
        if dump != dumps["psql"]:
            raise SystemExit(f"{name} and psql have built different databases")
    took = {name: statistics.median(found) for name, found in times.items()}
    ours, theirs = took["doorstep"], took["psql"]
    table.add(f"{REAL} migrations ({min(sizes)} to {max(sizes)} bytes, {sum(sizes) / 1024:.0f} KiB)", f"{ours:.0f} ms")
    ratio = ours / theirs
    table.add("  against one psql session", f"{theirs:.0f} ms: ratio {ratio:.2f}", "≤ 1.3", ratio <= 1.3)
    for name in others:
        table.add(f"  against {name} migrate deploy", f"{took[name]:.0f} ms: ratio {ours / took[name]:.2f}")
    if not others:
        table.add("  against prisma migrate deploy", "not installed")
    messages = {}
    for name in ("doorstep", "psql"):
        sql(cluster, "DROP DATABASE IF EXISTS apply", "CREATE DATABASE apply")
        with Counts(cluster.port) as proxy:
            url = cluster.url("apply", port=proxy.port)
            checked([word.replace(cluster.url("apply"), url) for word in commands[name]], environment(url))
            messages[name] = proxy.round_trips() / REAL
    table.add("  round trips per migration", f"{messages['doorstep']:.1f} (psql: {messages['psql']:.1f})")


def size(table):
    table.at_most("binary size, PostgreSQL and SQLite", os.stat(DOORSTEP).st_size / 2**20, 7, " MiB")


def waiters(cluster, count, delay, while_starting=()):
    """One start of the server, `count` starts of doorstep before it; their lags (ms) and attempts per second."""
    began = [time.monotonic() + SPREAD.uniform(0, 0.4) for _ in range(count)]
    start_server = time.monotonic() + 0.4 + delay
    waiting = []
    for at in sorted(began):
        time.sleep(max(0, at - time.monotonic()))
        words = doorstep(*doorstep(service=())[1:], "--log-format", "json", service=("date", "+%s.%N"))
        waiting.append(subprocess.Popen(words, env=environment(cluster.url("bench")), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        time.sleep(max(0, start_server - time.monotonic()))
        cluster.start(wait=False)
        ready = cluster.ready_at()
        lags, rates = [], []
        for process in waiting:
            out, log = process.communicate(timeout=30)
            if process.returncode:
                raise SystemExit(f"doorstep failed with {process.returncode}:\n{log}")
            lags.append((float(out) - ready) * 1000)
            events = [json.loads(line) for line in log.splitlines()]
            connected = next(event for event in events if event["event"] == "connected")
            rates.append((connected["attempts"] - 1) / (connected["duration_ms"] / 1000))
        return lags, rates
    finally:
        for process in waiting:
            if process.poll() is None:
                process.kill()
                process.wait()


def lag(cluster, table, starts):
    """From "the server is ready" to exec, and what the waiting costs the server."""
    say(f"lag, {starts} starts of the server with 3 waiting")
    cases = {
        "server down": (starts, ""),
        # Archive recovery: it listens, and says 57P03 until the archive has no more to give.
        "server starting up": (max(starts // 4, 1), "hot_standby = off\nrestore_command = 'sleep 0.5; false'"),
    }
    for what, (rounds, settings) in cases.items():
        lags, rates = [], []
        for _ in range(rounds):
            cluster.stop()
            cluster.configure(settings)
            if settings:
                cluster.data.joinpath("recovery.signal").touch()
            found = waiters(cluster, 3, 0 if settings else SPREAD.uniform(0.1, 2.6))
            lags += found[0]
            rates += found[1]
        count = f" (n = {len(lags)})"
        table.at_most(f"lag from ready to exec, {what}, median{count}", statistics.median(lags), 100, " ms")
        table.at_most("  p99", percentile(lags, 0.99), 300, " ms")
        table.at_most("  attempts per second, the most of any", max(rates), 20, "")
    cluster.configure("")


def pressure(table, seconds=4):
    """Attempts in the busiest second, counted by the other end."""
    say("attempts per second")
    for kind, what in ((Closes, "accepts and closes"), (StartsUp, "is starting up (57P03)")):
        with kind() as listener:
            url = f"postgresql://postgres:x@127.0.0.1:{listener.port}/bench?sslmode=disable"
            words = [DOORSTEP, "wait", "--wait-timeout", f"{seconds}s"]
            subprocess.run(words, env=environment(url), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            most = listener.busiest_second()
            table.add(f"attempts in the busiest second, server {what}", str(most), "≤ 20", 0 < most <= 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of each comparison (default 100)")
    parser.add_argument("--starts", type=int, default=40, help="of the server, for the lag (default 40)")
    parser.add_argument("--applies", type=int, default=9, help=f"of {REAL} migrations (default 9; a third with Prisma)")
    options = parser.parse_args()
    # So that the cluster goes away with us, and that we go away if anything hangs.
    for deadly in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(deadly, lambda number, _: sys.exit(128 + number))
    signal.alarm(15 * 60)

    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        write_folders()
        version = sql(cluster, "SHOW server_version")
        no_op(cluster, table, options.rounds)
        tls(cluster, table, options.rounds)
        round_trips(cluster, table)
        memory(cluster, table)
        size(table)
        no_op_against_prisma(cluster, table, max(options.rounds // 10, 1))
        apply_all(cluster, table, options.applies, max(options.applies // 3, 1))
        lag(cluster, table, options.starts)
        pressure(table)
        os.chdir("/")
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
          f"PostgreSQL {version.split()[0]}; medians\n")
    print(table)
    print(f"\n{table.missed} target(s) MISSED" if table.missed else "\nevery target met")


if __name__ == "__main__":
    main()
