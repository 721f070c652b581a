"""(c) Archival from Kafka against a bare binary COPY, with an offset row, of the same rows."""

import subprocess
import time

from measure import Meter, interleaved, median, table
from support.daemon import wait_for

CASES = 100000
CASES_PER_TRANSACTION = 2000


def tables(system):
    """The tables that hold rows, biggest first is not needed: foreign keys decide the order."""
    found = system.sql("""
        SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ORDER BY c.relname""")
    return [row.name for row in found if system.count(row.name)]


def archive_all(bench, system):
    """Archival's whole run over topics that are full already, into an empty database."""
    system.servers.drop_database(system.name)
    system.servers.create_database(system.name)
    system.tool("migrate")
    daemon = system.daemon("archival")
    began = time.monotonic()
    daemon.start()
    meter = Meter({"archival": daemon.process.pid, "postgresql": system.servers.pids()["postgres"]})
    meter.start()
    wait_for("everything is archived", lambda: system.archived_everything(), 600, 0.1)
    seconds = time.monotonic() - began
    meter.stop()
    daemon.stop()
    return {"rate": CASES / seconds, **{name: 1e6 * used / CASES for name, used in meter.used.items()}}


def dump(system, folder):
    """Every table's rows as COPY wrote them."""
    files = []
    for name in tables(system):
        path = folder / f"{name}.copy"
        subprocess.run(["psql", "-q", system.servers.conninfo(system.name), "-c",
                        f"\\copy (SELECT * FROM {name}) TO '{path}' (FORMAT binary)"], check=True)
        files.append(f"{name}={path}")
    return files


def copy_bare(bench, system, files):
    name = f"{system.name}_bare"
    system.servers.create_database(name)
    try:
        subprocess.run([bench.program("redress-migrate"), "--config",
                        system.config_for("migrate", **{
                            "postgres.conninfo": system.servers.conninfo(name)})],
                       check=True, capture_output=True)
        empty_tables(system, name)
        done = subprocess.run([bench.program("bare_copy"), system.servers.conninfo(name),
                               str(CASES // CASES_PER_TRANSACTION), *files],
                              capture_output=True, text=True, check=True)
        return {"rate": CASES / float(done.stdout)}
    finally:
        system.servers.drop_database(name)


def run(bench):
    with bench.system() as system:
        bench.fill(system, CASES)
        system.start("classification", "routing", "notification")
        wait_for("the topics are full", lambda: system.caught_up(), 600, 1)
        for name in ("classification", "routing", "notification"):
            system.daemon(name).stop()
        archive_all(bench, system)
        files = dump(system, bench.folder)
        results = interleaved(bench.rounds, ours=lambda: archive_all(bench, system),
                              bare=lambda: copy_bare(bench, system, files))
