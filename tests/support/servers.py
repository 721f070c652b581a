"""The real Kafka, Redis and PostgreSQL, private to the test run, through scripts/servers."""

import pathlib
import shlex
import subprocess

import psycopg2

from support.messages import ROOT

SCRIPT = ROOT / "scripts" / "servers"


class Servers:
    def __init__(self, folder, ports):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.ports = ports

    def _run(self, *words):
        # into a file: the servers inherit it, and would keep a pipe open for ever
        log = self.folder / "servers.log"
        with log.open("ab") as out:
            done = subprocess.run([SCRIPT, *words, "--dir", self.folder, "--ports", str(self.ports)],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=600)
        assert done.returncode == 0, f"servers {words}: {log.read_text()[-3000:]}"

    def start(self, *which):
        self._run("start", *which)

    def stop(self, *which):
        self._run("stop", *which)

    def pids(self):
        """The process of each server that runs."""
        return {path.parent.name: int(path.read_text()) for path in self.folder.glob("*/pid")}

    # ---- where they are

    def _fact(self, name):
        for line in (self.folder / "env").read_text().splitlines():
            key, _, value = line.partition("=")
            if key == name:
                return shlex.split(value)[0]
        raise KeyError(name)

    @property
    def brokers(self):
        return self._fact("REDRESS_KAFKA_BROKERS")

    @property
    def redis_port(self):
        return int(self._fact("REDRESS_REDIS_ADDRESS").rpartition(":")[2])

    def conninfo(self, database, role="redress_owner"):
        """As libpq takes it; the passwords are in a file that only we may read."""
        where = self._fact("REDRESS_POSTGRES_CONNINFO").replace("dbname=redress", f"dbname={database}")
        return f"{where} user={role} passfile={self.folder / 'postgres' / 'pgpass'}"

    def database_settings(self, database, role):
        """A program's settings: as its own role, with a password of its own."""
        where = self._fact("REDRESS_POSTGRES_CONNINFO").replace("dbname=redress", f"dbname={database}")
        return {"postgres.conninfo": f"{where} user={role}",
                "postgres.password_file": self.folder / "postgres" / "passwords" / role}

    # ---- a database of a test's own

    def admin(self, statement):
        """One statement as the server's administrator, outside of any transaction."""
        db = psycopg2.connect(self.conninfo("postgres", "postgres"), options="-c default_transaction_read_only=off")
        try:
            db.autocommit = True
            with db.cursor() as cursor:
                cursor.execute(statement)
        finally:
            db.close()

    def create_database(self, name):
        # nobody can be connected to this template, which would refuse it to us
        self.admin(f'CREATE DATABASE "{name}" OWNER redress_owner TEMPLATE template0')

    def drop_database(self, name):
        self.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
