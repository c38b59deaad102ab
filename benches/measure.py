"""The goal table: doorstep beside psql, mariadb, a bare session and other tools, in one run; called by benches/run.

Usage: benches/run [--only PART]… [--rounds N] [--applies N] [--verifies N] [--releases N]     (about five minutes)
"""

import argparse
import os
import tempfile

import apply
import catalogs
import history
import mysql
import parts
import replicas
import starts
import tools
from cluster import Cluster
from processes import die_tidily
from table import Table

PARTS = {
    "start": starts.against_psql,
    "tls": starts.tls,
    "messages": starts.messages,
    "memory": starts.memory,
    "apply": apply.measure,
    "verify": catalogs.measure,
    "history": history.measure,
    "replicas": replicas.measure,
    "mysql": mysql.measure,
    "tools": tools.measure,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated (default: all)")
    parser.add_argument("--rounds", type=int, default=100, help="of the starts (default 100; other tools: a tenth)")
    parser.add_argument("--applies", type=int, default=7, help=f"of {apply.REAL} migrations (default 7; Prisma: a third)")
    parser.add_argument("--verifies", type=int, default=11, help="of the large databases (default 11)")
    parser.add_argument("--releases", type=int, default=2, help=f"of {replicas.REPLICAS} replicas (default 2)")
    options = parser.parse_args()
    die_tidily(20 * 60)
    wanted = {name: part for name, part in PARTS.items() if name in (options.only or PARTS)}
    table = Table()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as project, Cluster() as cluster:
        os.chdir(project)
        heading = parts.heading("PostgreSQL " + cluster.sql("SHOW server_version").split()[0])
        starts.prepare(cluster)
        parts.run(wanted, cluster, table, options)
        os.chdir("/")
    parts.show(heading, table)


if __name__ == "__main__":
    main()
