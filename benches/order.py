"""Writes packaging/start-functions.ld: the functions that starts run, for the linker; called by `benches/run order`.

Valgrind records them. A hash of the compiler in their names becomes `*`, so that the list holds for later commits and for other
processors; a name that is gone does no harm, and a function that is new stands where it would without the list.
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
from projects import DOORSTEP, doorstep, verified

LIST = Path(__file__).resolve().parent.parent / "packaging/start-functions.ld"


def recorded(words, env):
    """The names of the functions that this command runs. It may fail: the service of a start does."""
    with tempfile.NamedTemporaryFile() as file:
        command = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={file.name}", *words]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found = re.findall(r"^c?fn=\(\d+\) (\w[\w.$]*)", Path(file.name).read_text(errors="replace"), re.MULTILINE)
    # A name stands where it is mentioned first, also as a callee's.
    names = [name for name in found if not name.startswith("0x")]
    if len(names) < 300:
        raise Failed(f"{words} ran {len(names)} functions:\n{done.stderr}")
    return names


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


def on_files():
    """A folder of plain SQL, too: its files are found in another way."""
    for number, (name, sql) in enumerate(projects.of_tables(projects.SQLITE)):
        file = Path("files/migrations", f"{number}_{name}.sql")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sql)
    with chdir("files"):
        env = environment("file:./bench.db")
        checked(doorstep(), env)
        yield recorded(doorstep(service=broken_service()), env)


def on_sqlite():
    projects.write_small("sqlite", "sqlite", projects.of_tables(projects.SQLITE))
    with chdir("sqlite"):
        env = environment("file:./bench.db")
        checked(doorstep(), env)
        yield recorded(doorstep(service=broken_service()), env)


def on_mariadb():
    projects.write_small("mariadb", "mysql", projects.of_tables(projects.MYSQL))
    with chdir("mariadb"), Mariadb() as server:
        env = environment(server.url("bench"))
        checked(doorstep(), env)
        yield recorded(doorstep(service=broken_service()), env)


def dense_first(names):
    """The lines for these functions. A line whose functions are mostly run comes before one that also matches many that are not: of
    a generic function each copy has the same name."""
    run, all_of = {}, {}
    symbols = subprocess.run(["nm", "--print-size", DOORSTEP], check=True, capture_output=True, text=True).stdout
    for words in map(str.split, symbols.splitlines()):
        if len(words) == 4 and words[2] in "tTwW":
            line, size = pattern(words[3]), int(words[1], 16)
            all_of[line] = all_of.get(line, 0) + size
            run[line] = run.get(line, 0) + size * (words[3] in names)
    lines = dict.fromkeys(map(pattern, names))
    return sorted(lines, key=lambda line: 2 * run.get(line, 0) < all_of.get(line, 0))


def main():
    die_tidily(10 * 60)
    if not shutil.which("valgrind"):
        raise Failed("needs valgrind (Debian: apt-get install valgrind)")
    found = {}
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        starts.prepare(cluster)
        for run in (on_postgres(cluster), on_files(), on_sqlite(), on_mariadb()):
            for names in run:
                found |= dict.fromkeys(names)
        os.chdir("/")
    lines = dense_first(found)
    LIST.write_text("".join(["/* Functions that starts run. Written by `benches/run order`. */\n", *(f"{line}\n" for line in lines)]))
    say(f"{LIST}: {len(lines)} functions")


if __name__ == "__main__":
    main()
