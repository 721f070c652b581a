"""A daemon that started on an empty database keeps reading by index when the tables have grown."""

import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission

GROWN = 20000
# Of each table that grows: what makes a row another one.
GROWING = {
    "cases": {"number": "g"}, "grievances": {"number": "g"}, "case_keys": {"number": "g"},
    "case_events": {"number": "g"}, "notification_outcomes": {"number": "g"},
    "ledger": {"partition": "99", "sequence": "g"}, "ledger_nodes": {"partition": "99", "index": "g"},
    "open_cases": {"number": "g"},
    "epochs": {"id": "decode(lpad(to_hex(g), 32, '0'), 'hex')"},
}


def grow(system, table):
    """As if much had been archived and the statistics had not been looked at since."""
    columns = [row.column_name for row in system.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(GROWING[table].get(name, f't."{name}"') for name in columns)
    system.sql(f"INSERT INTO {table} ({names}) SELECT {values}"
               f" FROM (SELECT * FROM {table} LIMIT 1) t, generate_series(1, {GROWN}) g")


def without_statistics(system):
    for row in system.sql("SELECT oid::regclass::text AS name FROM pg_class"
                          " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"):
        system.sql(f"ALTER TABLE {row.name} SET (autovacuum_enabled = false)")


def read_whole(system):
    return {row.relname: row.seq_tup_read for row in system.sql(
        "SELECT relname, seq_tup_read FROM pg_stat_user_tables")}


def proof(system, reply):
    return requests.get(f"http://127.0.0.1:{system.portal_port}/v1/cases/{reply['case_number']}/proof",
                        headers={"Authorization": f"Receipt {reply['receipt_code']}"}, timeout=60)


def go_through(system, seeds):
    """One case after another, each in transactions of its own, and looked at by its citizen."""
    for seed in seeds:
        reply = system.submit(submission(seed)[0])
        number = case_number.read(reply["case_number"])
        system.wait_archived(number)
        wait_for("what became of its message is in the record", lambda: system.sql(
            "SELECT 1 FROM notification_outcomes WHERE number = %s", number), 30, 0.05)
        assert system.track(reply["case_number"], reply["receipt_code"])["status"] == "assigned"
        assert wait_for("it is proven", lambda: proof(system, reply).status_code == 200, 20, 0.1)


def test_no_growing_table_is_read_whole(system):
    system.settings = {"portal.lookups": 1}     # one connection, which prepares while all is small
    system.start()
    without_statistics(system)
    go_through(system, [f"small {i}" for i in range(8)])
    without_statistics(system)                  # of the month's partition too
    for table in GROWING:
        grow(system, table)
    before = read_whole(system)
    system.redis.flushdb()                      # the contacts and the cases must come from the record
    go_through(system, [f"grown {i}" for i in range(8)])
    for daemon in system.daemons.values():      # what they read is counted when they go
        daemon.stop()
    after = read_whole(system)
    assert {name: after[name] - before.get(name, 0) for name in after
            if after[name] - before.get(name, 0) >= GROWN} == {}
