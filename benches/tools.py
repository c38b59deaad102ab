"""A start with nothing to do beside the tools that do it in other images; those that this machine does not have are left out."""

import json
import os
import shutil
from pathlib import Path

from processes import Failed, alternating, checked, environment, peak_memory, say
from projects import doorstep, of_postgres

ROOT = Path(__file__).resolve().parent.parent
# Each tool's own layout of the same SQL, its database, and what it says if nothing is pending.
FOLDERS = Path("others")


def packages(variable):
    """A directory with node_modules that scripts/prepare-tests has filled, or None."""
    found = Path(os.environ.get(variable) or "/nonexistent", "node_modules")
    return found if found.is_dir() else None


def version(package):
    return json.loads((package / "package.json").read_text())["version"]


def prismas(folder):
    """`prisma migrate deploy` of both versions: the real engine as Wasm (tests/prisma/README.md)."""
    modules = packages("PRISMA_HOME")
    if not modules:
        return {}
    return {
        f"prisma {version(modules / package)}":
            [str(ROOT / "tests/prisma" / program), str(Path(folder).resolve()), "migrate", "deploy"]
        for package, program in {"prisma": "prisma6", "prisma7": "prisma7"}.items()
    }


def sqlx():
    found = os.environ.get("SQLX") or shutil.which("sqlx")
    return found and [found, "migrate", "run", "--source", str(FOLDERS / "sqlx")]


def dbmate():
    modules = packages("REAL_TOOLS")
    installed = modules and shutil.which(modules / "@dbmate/linux-x64/bin/dbmate")
    found = os.environ.get("DBMATE") or shutil.which("dbmate") or installed
    return found and [found, "--no-dump-schema", "--migrations-dir", str(FOLDERS / "dbmate"), "up"]


def drizzle_kit():
    """Its `migrate` loads drizzle-orm, as the next one does, and a driver, from the directory of its packages."""
    found = os.environ.get("DRIZZLE_KIT") or shutil.which("drizzle-kit")
    return found and ["env", "-C", str(FOLDERS), found, "migrate", "--config", "drizzle.config.json"]


def drizzle_orm():
    """The function that `drizzle-kit migrate` calls, without the command line around it."""
    modules = packages("REAL_TOOLS")
    program = ROOT / "tests/tools/npm/drizzle-migrate.cjs"
    return modules and ["env", "-C", str(FOLDERS), "node", str(program), str(modules.parent), "drizzle-orm"]


# Name and database: what runs it.
OTHERS = {
    ("sqlx migrate run", "sqlx"): sqlx,
    ("dbmate up", "dbmate"): dbmate,
    ("drizzle-kit migrate", "drizzle_kit"): drizzle_kit,
    ("drizzle-orm's migrate()", "drizzle_orm"): drizzle_orm,
}


def write(cluster):
    """The same SQL in each tool's layout."""
    for folder in ("sqlx", "dbmate", "drizzle/meta"):
        (FOLDERS / folder).mkdir(parents=True)
    entries = []
    for number, (name, sql) in enumerate(of_postgres()):
        (FOLDERS / f"sqlx/{name}.sql").write_text(sql)
        (FOLDERS / f"dbmate/{name}.sql").write_text(f"-- migrate:up\n{sql}\n-- migrate:down\nSELECT 1;\n")
        (FOLDERS / f"drizzle/{name}.sql").write_text(sql)
        entries.append({"idx": number, "version": "7", "when": 1735689600000 + number, "tag": name, "breakpoints": True})
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    (FOLDERS / "drizzle/meta/_journal.json").write_text(json.dumps(journal))
    config = {"dialect": "postgresql", "out": "./drizzle", "dbCredentials": {"url": cluster.url("drizzle_kit")}}
    (FOLDERS / "drizzle.config.json").write_text(json.dumps(config))


def found(cluster):
    """The commands that can run, each with a database on which nothing is pending; and the names of those that cannot."""
    commands, absent = {}, []
    for (name, database), command in OTHERS.items():
        if not (words := command()):
            absent.append(name)
            continue
        commands[name] = (words, environment(cluster.url(database)))
        cluster.sql(f"CREATE DATABASE {database}")
        checked(*commands[name])  # applies the hundred
    return commands, absent


def measure(cluster, table, options):
    rounds = max(options.rounds // 10, 1)
    say(f"no-op start beside other tools, {rounds} rounds")
    write(cluster)
    commands, absent = found(cluster)
    env = environment(cluster.url("bench"))
    prisma = prismas("verified")
    for name, words in prisma.items():
        said = checked(words, env)
        if "No pending migrations to apply" not in said:
            raise Failed(f"{name} had something to do:\n{said}")
        commands[f"{name} migrate deploy"] = (words, env)
    if not prisma:
        absent.append("prisma migrate deploy")
    took = alternating({"doorstep": (doorstep(), env), **commands}, rounds)
    ours = took["doorstep"][0]
    table.add("no-op start beside other tools, SCRAM", f"{ours:.2f} ms")
    for name, command in commands.items():
        theirs, peak = took[name][0], peak_memory(*command)
        memory = f", {peak:.0f} MiB" if peak else ""
        table.add(f"  {name}", f"{theirs:.1f} ms: {theirs / ours:.1f} ×{memory}")
    for name in absent:
        table.absent(f"  {name}")
