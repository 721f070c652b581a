"""A whole Redress of a test's own: its topics, Redis database, PostgreSQL database, keys and daemons
(the real binaries) on the servers that all tests share."""

import functools
import itertools
import os
import pathlib
import re
import subprocess
import types

import psycopg2
import psycopg2.extras
import redis
import requests

from support import case_number
from support.daemon import Daemon, wait_for
from support.messages import ROOT
from support.ports import free_port
from support.sealing import Role
from support.topics import Topics

BUILD = pathlib.Path(os.environ.get("REDRESS_BUILD", ROOT / "build")).resolve()
PIPELINE = ("intake", "classification", "routing", "notification", "archival", "portal")
PARTITIONS = 4
# who each program is for PostgreSQL
ROLES = {"account": "administrator", "migrate": "owner", "audit": "auditor", "erase": "eraser", "labels": "learner", "model": "learner",
         "similar": "officer"}
_serial = itertools.count(1)


def binary(name):
    path = BUILD / "bin" / f"redress-{name}"
    assert path.exists(), f"{path} is not built (REDRESS_BUILD names the build folder)"
    return path


@functools.lru_cache(maxsize=None)
def settings_of(name):
    """The settings a program knows, as its --help says."""
    text = subprocess.run([binary(name), "--help"], capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"^  ([a-z][a-z0-9_.]*) ", text.stdout, re.MULTILINE))


class Record:
    """A row of the record, its sealed parts as the messages have them."""

    def __init__(self, row):
        data = {name: bytes(value) if isinstance(value, memoryview) else value
                for name, value in row._asdict().items()}
        self.row = row
        self.epoch = types.SimpleNamespace(**data)
        self.key = types.SimpleNamespace(**data)
        self.sealed_text = data["sealed_text"]
        self.sealed_contact = data["sealed_contact"]


class System:
    def __init__(self, servers, folder, partitions=PARTITIONS):
        self.servers = servers
        self.folder = pathlib.Path(folder)
        self.partitions = partitions
        serial = next(_serial)
        self.name = f"t{os.getpid()}x{serial}"
        self.redis_db = serial % 15 + 1
        self.redis = redis.Redis(host="127.0.0.1", port=servers.redis_port, db=self.redis_db)
        self.redis.flushdb()
        self.topics = Topics(servers.brokers, f"{self.name}.")
        self.keys = self.folder / "keys"
        self.intake_port = free_port()
        self.portal_port = free_port()
        self.casework_port = free_port()
        self.daemons = {}
        self.settings = {}      # of a test's own, for every program that knows them
        self._make_stores()

    # ---- making it

    def shared(self):
        return {
            "kafka.brokers": self.servers.brokers,
            "kafka.topic_prefix": f"{self.name}.",
            "topics.partitions": self.partitions,
            "redis.address": f"127.0.0.1:{self.servers.redis_port}/{self.redis_db}",
            "keys.folder": self.keys,
            "sql.folder": ROOT / "deploy" / "sql",
            "catalogue.folder": ROOT / "deploy" / "catalogue",
            "templates.folder": ROOT / "deploy" / "templates",
            "model.file": ROOT / "deploy" / "model" / "default.model",
            "language.file": ROOT / "deploy" / "model" / "language.table",
            "urgency.file": ROOT / "deploy" / "classification" / "urgency.txt",
            "abuse.file": ROOT / "deploy" / "classification" / "abuse.txt",
            "intake.listen": f"127.0.0.1:{self.intake_port}",
            "portal.listen": f"127.0.0.1:{self.portal_port}",
            "portal.url": f"http://127.0.0.1:{self.portal_port}",
            "portal.intake_url": f"http://127.0.0.1:{self.intake_port}",
            "casework.listen": f"127.0.0.1:{self.casework_port}",
            "casework.url": f"http://127.0.0.1:{self.casework_port}",
            "casework.decision_wait": "30s",
            "casework.connections_per_ip": 0,
            "casework.rate_per_address": 0,
            "casework.rate_per_network": 0,
            "pages.folder": ROOT / "deploy" / "pages",
            "texts.folder": ROOT / "deploy" / "texts",
            "assets.folder": ROOT / "deploy" / "assets",
            "intake.connections_per_ip": 0,
            "portal.connections_per_ip": 0,
            "intake.rate_per_address": 0,
            "intake.rate_per_network": 0,
            "portal.rate_per_address": 0,
            "portal.rate_per_network": 0,
            # a store that a busy machine keeps waiting is not away: tests of one that is set their own
            "redis.timeout": "30s",
            "postgres.timeout": "30s",
            "stop.timeout": "3m",
            "intake.broker_patience": "30s",
            "command.wait": "60s",
        }

    def settings_for(self, name):
        known = settings_of(name)
        role = f"redress_{ROLES.get(name, name)}"
        database = self.servers.database_settings(self.name, role) if "postgres.conninfo" in known else {}
        settings = {**self.shared(), **database, **self.settings}
        return {key: value for key, value in settings.items() if key in known}

    def tool(self, name, *words, check=True, input=""):
        """Runs redress-NAME to its end."""
        config = self.folder / f"{name}.conf"
        config.write_text("".join(f"{k} = {v}\n" for k, v in self.settings_for(name).items()))
        done = subprocess.run([binary(name), "--config", config, *words], capture_output=True,
                              input=input, text=True, timeout=600)
        assert not check or done.returncode == 0, f"{name} {words}: {done.stdout}{done.stderr}"
        return done

    def _make_stores(self):
        subprocess.run([binary("keys"), self.keys], check=True, capture_output=True)
        self.tool("topics")
        self.servers.create_database(self.name)
        self.tool("migrate")

    def use_topics(self, nodes):
        """Other topics, of a cluster that has these nodes of case numbers; before anything is started."""
        self.settings |= {"kafka.topic_prefix": f"{self.name}n.", "topics.nodes": nodes}
        self.topics = Topics(self.servers.brokers, f"{self.name}n.")
        self.tool("topics")

    def daemon(self, name):
        if name not in self.daemons:
            self.daemons[name] = Daemon(name, binary(name), self.folder, self.settings_for(name))
        return self.daemons[name]

    def another(self, name, **settings):
        """One more instance of a service that runs already."""
        label = f"{name}-{len(self.daemons)}"
        extra = Daemon(label, binary(name), self.folder, self.settings_for(name)).set(**settings)
        self.daemons[label] = extra
        return extra

    def start_stranger(self):
        """A second intake that shares no Redis with the first, by mistake: the two can give a key two numbers. Gives
        back where to post to."""
        stranger = self.another("intake", node__id=2, intake__listen=f"127.0.0.1:{free_port()}",
                                redis__address=f"127.0.0.1:{self.servers.redis_port}/0")
        stranger.start()
        return f"http://{stranger.settings['intake.listen']}/v1/grievances"

    def start(self, *names):
        """Starts them all at once, then waits for each."""
        for name in names or PIPELINE:
            self.daemon(name).start(wait=False)
        for name in names or PIPELINE:
            self.daemon(name).wait_ready()
        return self

    def supervise(self):
        """Starts again what ended by itself, as systemd would, until all are ready: one that is
        about to end may still be running when it is looked at."""
        def all_ready():
            for daemon in self.daemons.values():
                if not daemon.running():
                    daemon.start(wait=False)
            return all(daemon.ready() for daemon in self.daemons.values())

        wait_for("every daemon is ready", all_ready, 60)

    def finish(self):
        """Stops what runs, drops what was made; gives back the log lines nobody announced."""
        problems = []
        for daemon in self.daemons.values():
            try:
                daemon.stop()
            except AssertionError as problem:
                problems.append(str(problem))
            problems += daemon.trouble()
        self.redis.flushdb()
        self.redis.close()
        self.servers.drop_database(self.name)
        return problems

    # ---- as a citizen

    def url(self, path):
        return f"http://127.0.0.1:{self.intake_port}{path}"

    def post(self, body, key=None, timeout=60, url=None):
        headers = {"Idempotency-Key": key} if key else {}
        return requests.post(url or self.url("/v1/grievances"), json=body, headers=headers,
                             timeout=timeout)

    def submit(self, body, key=None, url=None):
        """Accepted, or the test fails."""
        reply = self.post(body, key, url=url)
        assert reply.status_code == 201, f"{reply.status_code} {reply.text}"
        return reply.json()

    def wait_keys(self):
        """Until what Redis had lost of Idempotency-Keys is back: before, who has one is put off."""
        wait_for("every partition's keys are known", lambda: all(
            self.redis.hexists(f"reservations:{{{p}}}", ".") for p in range(self.partitions)))

    def track(self, number, receipt):
        """The page of a case, as the citizen gets it."""
        reply = requests.get(f"http://127.0.0.1:{self.portal_port}/v1/cases/{number}",
                             headers={"Authorization": f"Receipt {receipt}"}, timeout=60)
        assert reply.status_code == 200, f"{reply.status_code} {reply.text}"
        return reply.json()

    # ---- from outside

    def sql(self, query, *values):
        with psycopg2.connect(self.servers.conninfo(self.name)) as db:
            with db.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else []

    def overrule(self, statement, *values):
        """As who has all rights over the server: no trigger keeps anything."""
        with psycopg2.connect(self.servers.conninfo(self.name, "postgres")) as db:
            with db.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica; " + statement, values or None)

    def count(self, what, *values):
        return self.sql(f"SELECT count(*) FROM {what}", *values)[0].count

    def archived(self):
        """The numbers of the cases that are in the record."""
        return {row.number for row in self.sql("SELECT number FROM cases")}

    def wait_archived(self, number, version=2):
        """The case is in the record up to that version (2: the office it went to), or as an alias of another."""
        wait_for(f"version {version} of {case_number.write(number)} is archived", lambda: self.sql(
            "SELECT 1 FROM cases WHERE number = %s AND (version >= %s OR alias_of IS NOT NULL)",
            number, version), 40, 0.1)

    def grievance_records(self):
        """Each grievance of the record with what is needed to open it."""
        rows = self.sql("SELECT * FROM grievances JOIN case_keys USING (number)"
                        " JOIN epochs ON epochs.id = epoch_id")
        return {row.number: Record(row) for row in rows}

    def role(self, name):
        return Role(self.keys, name)

    def partition(self, number):
        return case_number.partition(number, self.partitions)
