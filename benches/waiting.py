"""From "the server is ready" to the start of the service, and what the waiting costs the server; called by `benches/run lag`."""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import parts
import starts
from cluster import Cluster
from listeners import Closes, StartsUp
from processes import SPREAD, Failed, die_tidily, environment, say
from projects import DOORSTEP, doorstep
from table import Table


def percentile(values, share):
    """The nearest rank: with few values p99 is the worst one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def waiters(cluster, count, delay):
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
                raise Failed(f"doorstep failed with {process.returncode}:\n{log}")
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


def lag(cluster, table, options):
    """Replicas that wait for a server that is down, or in recovery."""
    say(f"lag, {options.starts} starts of the server with 3 waiting")
    cases = {
        "server down": (options.starts, ""),
        # Archive recovery: it listens, and says 57P03 until the archive has no more to give.
        "server starting up": (max(options.starts // 4, 1), "hot_standby = off\nrestore_command = 'sleep 0.5; false'"),
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
        table.at_most("  attempts per second, the most of any", max(rates), 20)
    cluster.configure("")


def pressure(_cluster, table, _options, seconds=4):
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
    parser.add_argument("--starts", type=int, default=40, help="of the server, for the lag (default 40)")
    options = parser.parse_args()
    die_tidily(15 * 60)
    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        heading = parts.heading("PostgreSQL " + cluster.sql("SHOW server_version").split()[0])
        starts.prepare(cluster)
        parts.run({"lag": lag, "pressure": pressure}, cluster, table, options)
        os.chdir("/")
    parts.show(heading, table)


if __name__ == "__main__":
    main()
