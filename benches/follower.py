"""What `migrate = await` costs while it waits: processor time of both ends, and statements, for each minute.

Usage: benches/run follower [--seconds N]     (about a minute and a half)

A follower with a role that may only read waits for the last of 100 Prisma migrations. The first ten seconds, in which it
looks more often, are left out. Statements are counted in the server's log (log_statement = all).
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Cluster

MIGRATIONS = 100
SETTLE = 10
ROLE = """
    CREATE ROLE follower LOGIN PASSWORD 'follower';
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO follower;
"""


def migration(number):
    folder = Path("prisma/migrations", f"{20250101000000 + number}_t{number}")
    folder.mkdir(parents=True)
    folder.joinpath("migration.sql").write_text(f'CREATE TABLE "t{number}" (id integer PRIMARY KEY, name text);\n')


def psql(cluster, sql):
    words = ["psql", "-XAtqd", cluster.url("postgres"), "-v", "ON_ERROR_STOP=1", "-c", sql]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def doorstep(url, *words, **how):
    environment = {"DATABASE_URL": url, "PATH": os.environ["PATH"], "HOSTNAME": "follower"}
    return subprocess.Popen([os.environ["DOORSTEP"], *words], env=environment, stdin=subprocess.DEVNULL, **how)


def processor(pid):
    """Seconds on a processor so far, by the scheduler's own count."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def of_ended_backends(cluster):
    """Seconds of the server's processes that have ended: a follower has a connection, and so a backend, for each poll."""
    server = (cluster.data / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    # cutime and cstime, the 16th and 17th of proc(5).
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def statements(cluster):
    lines = cluster.log.read_text().splitlines()
    return sum(" follower LOG:  " in line and ("statement: " in line or "execute " in line) for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="to measure for (default 60)")
    seconds = parser.parse_args().seconds
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        cluster.stop()
        cluster.configure("log_statement = all\nlog_line_prefix = '%n %u '")
        cluster.start()
        psql(cluster, ROLE)
        for number in range(1, MIGRATIONS):
            migration(number)
        leader = doorstep(cluster.url("postgres"), "migrate", stderr=subprocess.DEVNULL)
        if leader.wait():
            raise SystemExit("the leader failed")
        migration(MIGRATIONS)
        url = cluster.url("postgres").replace("postgres:doorstep@", "follower:follower@")
        tables = ",".join(f"t{number}" for number in range(1, 21))
        follower = doorstep(url, "run", "--migrate", "await", "--require-tables", tables, "--", "true",
                            stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE)
            began = (processor(follower.pid), of_ended_backends(cluster), statements(cluster))
            time.sleep(seconds)
            ended = (processor(follower.pid), of_ended_backends(cluster), statements(cluster))
            status = Path(f"/proc/{follower.pid}/status").read_text()
            if doorstep(cluster.url("postgres"), "migrate", stderr=subprocess.DEVNULL).wait():
                raise SystemExit("the leader failed")
            done = time.monotonic()
            if follower.wait(timeout=10):
                raise SystemExit("the follower failed")
            lag = time.monotonic() - done
        finally:
            if follower.poll() is None:
                follower.kill()
                follower.wait()
        os.chdir("/")
    ours, theirs, asked = ((last - first) * 60 / seconds for first, last in zip(began, ended))
    resident = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
    print(f"statements per minute               {asked:.0f}")
    print(f"processor time per minute, follower {ours * 1000:.0f} ms ({ours / 60:.4%})")
    print(f"processor time per minute, backends {theirs * 1000:.0f} ms ({theirs / 60:.4%})")
    print(f"resident memory of the follower     {resident / 1024:.1f} MiB")
    print(f"from the leader's end to its exec   {lag:.1f} s (once)")


if __name__ == "__main__":
    main()
