"""The real Kafka, Redis and PostgreSQL, private to the test run, through scripts/servers."""

import os
import pathlib
import subprocess

import psycopg2
import redis
from confluent_kafka.admin import AdminClient

from support.daemon import wait_for
from support.messages import ROOT

SCRIPT = ROOT / "scripts" / "servers"


class Servers:
    def __init__(self, folder, ports):
        self.folder = pathlib.Path(folder)
        self.ports = ports
        self.facts = {}
        self.databases = 0

    def _run(self, *words):
        done = subprocess.run([SCRIPT, *words, "--dir", self.folder, "--ports", str(self.ports)],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"servers {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *which):
        self._run("start", *which)

    def stop(self, *which):
        self._run("stop", *which)
