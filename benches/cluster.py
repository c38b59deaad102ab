"""A throw-away PostgreSQL cluster on a loopback port, with TLS, stopped by pg_ctl: one role logs in with SCRAM, one by trust."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from processes import Failed, checked, environment

PASSWORD = "doorstep"
# It has the rights of the other role, and no password.
TRUSTED = "trusted"
PSQL = shutil.which("psql")  # benches/run puts PostgreSQL's own bin first: not Debian's Perl wrapper


def free_port():
    """Below the ephemeral range: a client that dials a dead port of that range can meet itself."""
    for port in range(20000 + os.getpid() % 10000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed("no free port below 32000")


class Cluster:
    """Usage: `with Cluster() as cluster:`; it is up inside, and gone afterwards."""

    def __init__(self, settings=""):
        self.settings = settings
        self.work = Path(tempfile.mkdtemp(prefix="doorstep-bench-"))
        self.work.chmod(0o755)
        self.data = self.work / "data"
        self.port = free_port()
        self.starts = 0
        self.prefix = []
        # PostgreSQL refuses to run as root.
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            group = grp.getgrgid(nobody.pw_gid).gr_name
            self.prefix = ["setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups"]
            os.chown(self.work, nobody.pw_uid, nobody.pw_gid)

    def __enter__(self):
        try:
            self._create()
            self.start()
            self.sql(f"CREATE ROLE {TRUSTED} SUPERUSER LOGIN")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop("immediate", check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def _run(self, *words, check=True):
        done = subprocess.run([*self.prefix, *map(str, words)], cwd=self.work, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode:
            raise Failed(f"{words[0]} failed:\n{done.stdout}")

    def _create(self):
        password = self.work / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}",
                  "-N", "--locale=C.UTF-8", "-E", "UTF8")
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                  "-keyout", self.data / "server.key", "-out", self.data / "server.crt")
        self._run("chmod", "0600", self.data / "server.key")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {TRUSTED} 127.0.0.1/32 trust\n" + rules.read_text())
        self.configure("")

    def configure(self, more):
        """Settings for the next start."""
        text = f"""
            port = {self.port}
            listen_addresses = '127.0.0.1'
            unix_socket_directories = '{self.work}'
            ssl = on
            fsync = off
            full_page_writes = off
            log_line_prefix = '%n '
            {self.settings}
            {more}
        """
        conf = self.data / "postgresql.auto.conf"
        conf.write_text("\n".join(line.strip() for line in text.splitlines()))

    def start(self, wait=True):
        """Starts it; with `wait=False` returns at once."""
        self.starts += 1
        self.log = self.work / f"log.{self.starts}"
        self._run("pg_ctl", "-D", self.data, "-w" if wait else "-W", "-l", self.log, "start")

    def stop(self, mode="fast", check=True):
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop", check=check)

    def ready_at(self, deadline=15.0):
        """When the server said that it accepts connections, by its own clock (seconds since the epoch)."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            text = self.log.read_text() if self.log.exists() else ""
            for line in text.splitlines():
                if "database system is ready to accept connections" in line:
                    return float(line.split()[0])
            time.sleep(0.02)
        raise Failed(f"the server did not start:\n{text}")

    def url(self, database, sslmode="disable", port=None):
        """Of the role with a password."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port or self.port}/{database}?sslmode={sslmode}"

    def trusted_url(self, database, port=None):
        """Of the role without one."""
        return f"postgresql://{TRUSTED}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def sql(self, *statements, database="postgres"):
        """What psql prints."""
        words = [word for statement in statements for word in ("-c", statement)]
        return checked([PSQL, "-XAtq", "-v", "ON_ERROR_STOP=1", *words, self.url(database)], environment(""))

    def floor(self, database, *words):
        """The command line of benches/floor.rs on this server."""
        return [os.environ["FLOOR"], f"127.0.0.1:{self.port}", TRUSTED, database, *map(str, words)]
