"""Measures doorstep side by side with its neighbours; called by benches/run."""

import argparse
import datetime
import json
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Cluster
from listeners import Closes, Counts, StartsUp

MIGRATIONS = 100
REQUIRED = 20
SPREAD = random.Random(20)

DOORSTEP = str(Path(os.environ["DOORSTEP"]).resolve())
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
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": os.getcwd(), "DATABASE_URL": url}


def checked(words, env):
    """Runs once, and shows what went wrong if anything did."""
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def milliseconds(words, env):
    """From fork to the end of the process."""
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    begin = time.perf_counter_ns()
    pid = os.posix_spawnp(words[0], words, env, file_actions=null)
    _, status = os.waitpid(pid, 0)
    end = time.perf_counter_ns()
    if status:
        checked(words, env)
        raise SystemExit(f"{words[0]} failed, but not when it was run again")
    return (end - begin) / 1e6


def interleaved(commands, rounds):
    """The median of each command's times; A, B, C, A, B, C, … so that noise hits all alike."""
    for words, env in commands.values():
        milliseconds(words, env)
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (words, env) in commands.items():
            times[name].append(milliseconds(words, env))
    return {name: statistics.median(found) for name, found in times.items()}


def percentile(values, share):
    """The nearest rank: with few values p99 is the worst one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def write_folders():
    """The same SQL in each tool's layout, below the working directory."""
    for folder in ("prisma/migrations", "sqlx", "dbmate"):
        Path(folder).mkdir(parents=True)
    Path("prisma/migrations/migration_lock.toml").write_text('provider = "postgresql"\n')
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
        checked(psql(cluster.url("postgres"))[:2] + [f"CREATE DATABASE {program}", cluster.url("postgres")], env)
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
    """By GNU time: a process spawned from Python would count Python's pages as its own."""
    say("memory")
    if not (gnu_time := shutil.which("time")):
        table.add("peak memory, no-op start", "GNU time is not installed")
        return
    for sslmode, what in (("disable", "peak memory, no-op start"), ("require", "  the same over TLS")):
        peaks = []
        for _ in range(5):
            words = [gnu_time, "-f", "%M", "-o", "peak", *doorstep(service=())]
            checked(words, environment(cluster.url("bench", sslmode)))
            peaks.append(int(Path("peak").read_text()) / 1024)
        table.at_most(what, max(peaks), 6, " MiB")


def size(table):
    table.at_most("binary size, PostgreSQL and SQLite", os.stat(DOORSTEP).st_size / 2**20, 4.5, " MiB")


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
    options = parser.parse_args()
    # So that the cluster goes away with us, and that we go away if anything hangs.
    for deadly in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(deadly, lambda number, _: sys.exit(128 + number))
    signal.alarm(15 * 60)

    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        write_folders()
        version = checked(psql(cluster.url("postgres"))[:2] + ["SHOW server_version", cluster.url("postgres")], {})
        no_op(cluster, table, options.rounds)
        tls(cluster, table, options.rounds)
        round_trips(cluster, table)
        memory(cluster, table)
        size(table)
        lag(cluster, table, options.starts)
        pressure(table)
        os.chdir("/")
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
          f"PostgreSQL {version.split()[0]}; medians\n")
    print(table)
    print(f"\n{table.missed} target(s) MISSED" if table.missed else "\nevery target met")


if __name__ == "__main__":
    main()
