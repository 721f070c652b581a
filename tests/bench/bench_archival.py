"""(c) Archival from Kafka against a bare binary COPY, with an offset row, of the same rows."""

import subprocess
import time

from measure import Meter, interleaved, median, table
from support.daemon import wait_for

CASES = 60000
CASES_PER_TRANSACTION = 1000    # as many as archival's batches hold


def tables(system):
    """The tables that hold rows."""
    found = system.sql("""
        SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname NOT IN ('offsets', 'schema_migrations') ORDER BY c.relname""")
    return [row.name for row in found if system.count(row.name)]


def fill_topics(bench, system):
    """Everything that archival will read; gives back how many messages that is."""
    bench.fill(system, CASES)
    to_read, published = CASES, {}
    for name in ("classification", "routing", "notification"):
        daemon = system.daemon(name).start()
        wait_for(f"{name} is through",
                 lambda: daemon.metric("redress_messages_read_total") >= to_read, 600, 0.2)
        to_read = published[name] = daemon.metric("redress_messages_published_total")
        daemon.stop()
    return CASES + published["routing"] + published["notification"]


def archive_all(system, messages):
    """Archival's whole run over topics that are full already, into an empty database."""
    system.servers.drop_database(system.name)
    system.servers.create_database(system.name)
    system.tool("migrate")
    daemon = system.daemon("archival").start()
    meter = Meter({"archival": daemon.process.pid, "postgres": system.servers.pids()["postgres"],
                   "kafka": system.servers.pids()["kafka"]}).start()
    first = daemon.metric("redress_messages_read_total")
    began = time.monotonic()
    wait_for("everything is archived",
             lambda: daemon.metric("redress_messages_read_total") >= messages, 600, 0.02)
    seconds, share = time.monotonic() - began, (messages - first) / messages
    meter.stop()
    daemon.stop()
    return {"rate": share * CASES / seconds,
            **{name: 1e6 * used / (share * CASES) for name, used in meter.used.items()}}


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
    """Into tables, indexes and partitions like the record's own."""
    name = f"{system.name}_bare"
    system.servers.create_database(name)
    try:
        config = system.folder / "bare.conf"
        config.write_text("".join(f"{key} = {value}\n" for key, value in {
            **system.settings_for("migrate"),
            "postgres.conninfo": system.servers.conninfo(name)}.items()))
        subprocess.run([bench.program("redress-migrate"), "--config", config], check=True,
                       capture_output=True)
        months = {row.month for row in system.sql(
            "SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM case_events")}
        for month in months:
            subprocess.run(["psql", "-q", system.servers.conninfo(name), "-c",
                            f"SELECT ensure_month('{month}')"], check=True, capture_output=True)
        meter = Meter({"postgres": system.servers.pids()["postgres"]}).start()
        done = subprocess.run([bench.program("bare_copy"), system.servers.conninfo(name),
                               str(CASES // CASES_PER_TRANSACTION), *files],
                              capture_output=True, text=True, check=True)
        meter.stop()
        return {"rate": CASES / float(done.stdout), "postgres": 1e6 * meter.used["postgres"] / CASES}
    finally:
        system.servers.drop_database(name)


def run(bench):
    with bench.system() as system:
        messages = fill_topics(bench, system)
        archive_all(system, messages)
        files = dump(system, bench.folder)
        runs = interleaved(bench.rounds, bare=lambda: copy_bare(bench, system, files),
                           ours=lambda: archive_all(system, messages))
    bare, ours = (median(run["rate"] for run in runs[name]) for name in ("bare", "ours"))
    cost = {name: median(run[name] for run in runs["ours"]) for name in ("archival", "postgres", "kafka")}
    bare_cost = median(run["postgres"] for run in runs["bare"])
    table("(c) archival, cases a second, from Kafka, against a bare binary COPY of the same rows",
          ["bare COPY", "redress-archival", "ratio", "µs a case: PostgreSQL under bare COPY",
           "PostgreSQL", "archival", "Kafka"],
          [[f"{bare:,.0f}", f"{ours:,.0f}", f"{ours / bare:.2f}", f"{bare_cost:.1f}",
            f"{cost['postgres']:.1f}", f"{cost['archival']:.1f}", f"{cost['kafka']:.1f}"]])
