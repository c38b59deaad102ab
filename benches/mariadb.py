"""A throw-away MariaDB on a loopback port with the settings that the server has by itself, its data on the disk of TMPDIR."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from cluster import free_port
from processes import Failed

PASSWORD = "doorstep"
INIT = f"""ALTER USER root@localhost IDENTIFIED BY '{PASSWORD}';
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
"""


class Mariadb:
    """Usage: `with Mariadb() as server:`; it is up inside, and gone afterwards."""

    def __init__(self):
        self.work = Path(tempfile.mkdtemp(prefix="doorstep-bench-"))
        self.work.chmod(0o755)
        self.port = free_port()
        self.process = None
        self.user = []
        # MariaDB refuses to run as root unless it is told to.
        if os.getuid() == 0:
            self.user = ["--user=nobody"]
            shutil.chown(self.work, "nobody")

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def _start(self):
        data, init = self.work / "data", self.work / "init"
        init.write_text(INIT)
        created = subprocess.run(
            ["mariadb-install-db", "--no-defaults", *self.user, f"--datadir={data}", "--skip-test-db",
             "--auth-root-authentication-method=normal", "--skip-name-resolve"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if created.returncode:
            raise Failed(f"mariadb-install-db failed:\n{created.stdout}")
        with (self.work / "log").open("w") as log:
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", *self.user, f"--tmpdir={self.work}", f"--datadir={data}",
                 f"--socket={self.work}/socket", f"--pid-file={self.work}/pid", "--bind-address=127.0.0.1",
                 f"--port={self.port}", f"--init-file={init}", "--skip-name-resolve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while subprocess.run(self.client("SELECT 1"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"mariadbd did not start:\n{(self.work / 'log').read_text()}")
            time.sleep(0.05)

    def client(self, sql, database=None):
        """The command line of the `mariadb` client, over TCP."""
        words = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot", f"-p{PASSWORD}", "-N", "-B"]
        return [*words, *([database] if database else []), "-e", sql]

    def sql(self, sql, database=None):
        """What the client prints."""
        done = subprocess.run(self.client(sql, database), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Failed(f"mariadb failed:\n{done.stdout}")
        return done.stdout.strip()

    def url(self, database, port=None):
        return f"mysql://root:{PASSWORD}@127.0.0.1:{port or self.port}/{database}"
