"""Writes packaging/start-functions.ld: the functions that starts run, for the linker; called by `benches/run order`.

Valgrind records them. A hash of a crate or of the compiler in their names becomes `*`, so that the list holds for later commits and for
other processors; a name that is gone does no harm, and a function that is new stands where it would without the list.
"""

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import chdir
from pathlib import Path

import projects
import starts
from cluster import Cluster
from mariadb import Mariadb
from processes import Failed, checked, die_tidily, environment, say
from projects import doorstep, verified

LIST = Path(__file__).resolve().parent.parent / "packaging/start-functions.ld"


def recorded(words, env):
    """The functions that this command runs, with the instructions of each. The command may fail: the service of a start does."""
    with tempfile.NamedTemporaryFile() as file:
        command = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={file.name}", *words]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        costs = read_costs(Path(file.name).read_text(errors="replace"))
    if len(costs) < 300:
        raise Failed(f"{words} ran {len(costs)} functions:\n{done.stderr}")
    return costs


def read_costs(text):
    """From callgrind's format: a function has a number, and its name stands where it is mentioned first, also as a callee's."""
    names, costs, function, is_call = {}, {}, None, False
    for line in text.splitlines():
        if mention := re.match(r"(c?)fn=\((\d+)\)(?: (\S+))?", line):
            callee, number, name = mention.groups()
            names.setdefault(number, name)
            function = function if callee else names[number]
            costs.setdefault(names[number], 0)
        elif line.startswith("calls="):
            is_call = True
        elif cost := re.match(r"[+\-*\d]\S* (\d+)$", line):
            # What stands behind a call is the callee's.
            if function and not is_call:
                costs[function] += int(cost[1])
            is_call = False
    return {name: cost for name, cost in costs.items() if re.fullmatch(r"[A-Za-z_][\w.$]*", name)}


def pattern(name):
    """The line for a function. Names of Rust lose their hashes, and the number of a second one of the same name; their
    section may be that for unlikely functions."""
    if not name.startswith(("_ZN", "_R")):
        return f"*(.text.{name})"
    name = re.sub(r"(\.llvm)?\.\d+$", "", name)
    name = re.sub(r"17h[0-9a-f]{16}E$", "17h", name)
    name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name)
    return f"*(.text.{name}* .text.unlikely.{name}*)"


def broken_service():
    """A program that the kernel refuses to execute, so that doorstep comes back after all that a start does."""
    service = Path("service")
    service.write_bytes(Path(shutil.which("true")).read_bytes()[:64])
    service.chmod(0o755)
    return (str(service.resolve()),)


def on_postgres(cluster):
    service = broken_service()
    url, tls = cluster.url("bench"), cluster.url("bench", "require")
    yield recorded(doorstep(service=service), environment(url))
    yield recorded(verified(service=service), environment(url))
    yield recorded(doorstep(service=service), environment(tls))
    cluster.sql("CREATE DATABASE applied")
    yield recorded(doorstep(service=service), environment(cluster.url("applied")))


def recorded_again(folder, url):
    """The second start of a project, which has nothing to do."""
    with chdir(folder):
        env = environment(url)
        checked(doorstep(), env)
        return recorded(doorstep(service=broken_service()), env)


def on_sqlite():
    projects.write_small("sqlite", "sqlite", projects.of_tables(projects.SQLITE))
    yield recorded_again("sqlite", "file:./bench.db")
    # A folder of plain SQL, too: its files are found in another way.
    Path("files/migrations").mkdir(parents=True)
    for number, (name, sql) in enumerate(projects.of_tables(projects.SQLITE)):
        Path(f"files/migrations/{number}_{name}.sql").write_text(sql)
    yield recorded_again("files", "file:./bench.db")


def on_mariadb():
    projects.write_small("mariadb", "mysql", projects.of_tables(projects.MYSQL))
    with Mariadb() as server:
        yield recorded_again("mariadb", server.url("bench"))


def in_order(runs):
    """The lines for the functions of these runs.

    Those that take most of the time are together, because the processor keeps few addresses of pages. Then come those that every usual
    start runs, then those of the others.
    """
    costs, first = {}, {}
    for number, run in enumerate(runs):
        for name, cost in run.items():
            costs[name] = max(costs.get(name, 0), cost)
            first.setdefault(name, number)

    def key(name):
        # In powers of ten, so that the next list is easy to compare.
        return (-max(len(str(costs[name])), 4), first[name], name)

    return list(dict.fromkeys(pattern(name) for name in sorted(costs, key=key)))


def main():
    die_tidily(10 * 60)
    if not shutil.which("valgrind"):
        raise Failed("needs valgrind (Debian: apt-get install valgrind)")
    runs = []
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        starts.prepare(cluster)
        for of_engine in (on_postgres(cluster), on_sqlite(), on_mariadb()):
            runs += of_engine
        os.chdir("/")
    lines = in_order(runs)
    LIST.write_text("".join(["/* Functions that starts run. Written by `benches/run order`. */\n", *(f"{line}\n" for line in lines)]))
    say(f"{LIST}: {len(lines)} functions")


if __name__ == "__main__":
    main()
