"""Runs the parts of a benchmark, each of which adds its lines to the table, and prints what they found."""

import datetime
import os
import platform
import sys
import time
from subprocess import SubprocessError

from processes import Failed, say


def heading(*servers):
    """When and where: beside the numbers, which mean little without it."""
    load = f"load average {os.getloadavg()[0]:.1f} at the start"
    return f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, " \
        f"{', '.join(servers)}, {load}; medians"


def run(parts, cluster, table, options):
    """One after the other. A part that fails leaves a line, so that the numbers of the others are not lost."""
    for name, part in parts.items():
        began = time.monotonic()
        try:
            part(cluster, table, options)
        except (Failed, OSError, SubprocessError) as failure:
            say(f"{name}: {failure}")
            table.fail(name)
        say(f"  {time.monotonic() - began:.0f} s")


def show(text, table):
    """A missed goal is no error: this is not a test. A part that could not be measured is one."""
    print(f"{text}\n\n{table}\n\n{table.verdict()}")
    sys.exit(1 if table.failed else 0)
