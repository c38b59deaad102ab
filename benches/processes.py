"""Runs processes, and measures what they take: time, processor time, memory."""

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

# The order of commands within a round, and the pauses of the lag, are random, but the same ones every time.
SPREAD = random.Random(20)


class Failed(SystemExit):
    """A command that should have succeeded; its text says which, and what it printed. Uncaught, it ends the program with that."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def die_tidily(seconds=None):
    """So that servers go away with this process, and, with `seconds`, this process if anything hangs."""
    for deadly in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(deadly, lambda number, _: sys.exit(128 + number))
    if seconds:
        signal.alarm(seconds)


def environment(url):
    """All that a measured command gets."""
    given = {name: os.environ[name] for name in ("PATH", "PRISMA_HOME") if name in os.environ}
    return {**given, "LANG": "C.UTF-8", "HOME": os.getcwd(), "DATABASE_URL": url}


def checked(words, env):
    """Runs once, gives what it printed, and shows what went wrong if anything did."""
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode:
        raise Failed(f"{words[0]} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def spent(words, env):
    """From posix_spawn to the end of the process, and its processor time, both in milliseconds."""
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    begin = time.perf_counter_ns()
    pid = os.posix_spawnp(words[0], words, env, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    end = time.perf_counter_ns()
    if status:
        checked(words, env)
        raise Failed(f"{words[0]} failed, but not when it was run again")
    return (end - begin) / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3


def medians(measured):
    """Of a list of (time, processor time)."""
    return tuple(statistics.median(column) for column in zip(*measured))


def alternating(commands, rounds):
    """The medians of times and processor times; each round in an order of its own, so that noise hits all commands alike."""
    for words, env in commands.values():
        spent(words, env)
    found = {name: [] for name in commands}
    for _ in range(rounds):
        for name in SPREAD.sample(list(commands), len(commands)):
            found[name].append(spent(*commands[name]))
    return {name: medians(measured) for name, measured in found.items()}


def peak_memory(words, env):
    """MiB of the largest process, by GNU time: one spawned from Python would count Python's pages as its own."""
    if not (gnu_time := shutil.which("time")):
        return None
    checked([gnu_time, "-f", "%M", "-o", "peak", *words], env)
    return int(Path("peak").read_text()) / 1024


def memory_row(table, what, words, env, limit=None, times=5):
    """The worst of some runs."""
    peaks = [peak_memory(words, env) for _ in range(times)]
    if None in peaks:
        table.add(what, "GNU time is not installed")
    elif limit:
        table.at_most(what, max(peaks), limit, " MiB")
    else:
        table.add(what, f"{max(peaks):.2f} MiB")
