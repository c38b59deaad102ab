"""Two hundred replicas that wait for a migration of seconds, on a server with few connections."""

import subprocess
import time
from pathlib import Path

from cluster import Cluster
from processes import Failed, environment, say
from projects import doorstep, prisma_project

REPLICAS = 200
SECONDS = 8
CONNECTIONS = 20
UP, LOG = Path("replicas/up"), Path("replicas/log")
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
# Sessions of doorstep that do not hold the migration lock.
WAITERS = """SELECT count(*) FROM pg_stat_activity a WHERE application_name LIKE 'doorstep%' AND NOT EXISTS
    (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)"""
FINISHED = "SELECT extract(epoch FROM max(finished_at)) FROM _prisma_migrations"


def start(url, up, log):
    """A replica, whose service notes when it started. Both files are open to append, so that no line is lost."""
    words = doorstep("run", "--migrations", "replicas/prisma/migrations", "--wait-timeout", "60s", service=("date", "+%s.%N"))
    return subprocess.Popen(words, env=environment(url), stdin=subprocess.DEVNULL, stdout=up, stderr=log)


def watch(cluster, url, first):
    """While the migration runs: the most connections that waiters held after the first second, and logins refused to others."""
    arrived, most, refused = time.monotonic(), 0, 0
    # Its backend may still be ending at the next look, and is no waiter's.
    old_release = {**environment(url), "PGAPPNAME": "old release"}
    while first.poll() is None:
        wait = subprocess.run(doorstep("wait", "--wait-attempts", "1", service=()), env=old_release, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        refused += wait.returncode != 0
        if time.monotonic() - arrived > 1:
            most = max(most, int(cluster.sql(WAITERS)))
    return most, refused


def one_release(cluster, url):
    """Most connections of waiters, refused logins, and seconds from the migration's end to the last replica's service."""
    cluster.sql("DROP DATABASE IF EXISTS app WITH (FORCE)", "CREATE DATABASE app OWNER app")
    for path in (UP, LOG):
        path.write_text("")
    running = []
    with UP.open("a") as up, LOG.open("a") as log:
        try:
            running.append(start(url, up, log))
            end = time.monotonic() + 10
            while cluster.sql(HELD, database="app").strip() != "1":
                if time.monotonic() > end:
                    raise Failed("the migration did not start")
            running += [start(url, up, log) for _ in range(1, REPLICAS)]
            most, refused = watch(cluster, url, running[0])
            failed = sum(replica.wait(timeout=60) != 0 for replica in running)
        finally:
            for replica in running:
                if replica.poll() is None:
                    replica.kill()
                    replica.wait()
    if failed:
        raise Failed(f"{failed} of {REPLICAS} replicas failed:\n{LOG.read_text()[-2000:]}")
    last = max(map(float, UP.read_text().split()))
    return most, refused, last - float(cluster.sql(FINISHED, database="app"))


def measure(_cluster, table, options):
    say(f"{REPLICAS} replicas, {options.releases} times")
    prisma_project("replicas", "postgresql")
    folder = Path("replicas/prisma/migrations/20250101000000_users")
    folder.mkdir()
    (folder / "migration.sql").write_text(f"CREATE TABLE users (id integer PRIMARY KEY); SELECT pg_sleep({SECONDS});\n")
    with Cluster(f"max_connections = {CONNECTIONS}") as cluster:
        cluster.sql("CREATE ROLE app LOGIN PASSWORD 'doorstep'")
        url = cluster.url("app").replace("postgres:doorstep@", "app:doorstep@")
        most, refused, lags = zip(*(one_release(cluster, url) for _ in range(options.releases)))
    table.at_most(f"{REPLICAS} replicas, migration of {SECONDS} s, max_connections = {CONNECTIONS}: connections of waiters",
                  max(most), 5, digits=0)
    table.at_most("  last replica up after the migration's end", max(lags), 3, " s")
    table.at_most("  logins refused to others meanwhile", max(refused), 0, digits=0)
