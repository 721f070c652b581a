"""redress-audit against who has all rights: every column, every row, of every table."""

import pytest

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept

TABLES = ("grievances", "case_keys", "epochs", "erasures", "case_events", "refusals", "cases", "signatures",
          "notification_outcomes", "dead_letters", "counters", "ledger", "ledger_nodes", "offsets")
# what verify says that it does not cover, and how it says so
NOT_COVERED = {("case_events", "source_offset"): "case_events.source_offset",
               ("dead_letters", "replayed_at"): "dead_letters.replayed_at",
               ("dead_letters", "discarded_at"): "dead_letters.replayed_at, discarded_at",
               ("dead_letters", "discard_reason"): "dead_letters.replayed_at, discarded_at and discard_reason",
               ("erasures", "at"): "erasures.at", ("erasures", "erased_by"): "erasures.at, erased_by",
               ("erasures", "db_user"): "erasures.at, erased_by, db_user",
               ("erasures", "reason"): "erasures.at, erased_by, db_user and reason",
               ("offsets", "next"): "offsets, but for being behind"}
OTHER = {"int2": "COALESCE({0}, 0) + 100::int2", "int4": "COALESCE({0}, 0) + 1000000", "int8": "COALESCE({0}, 0) + 1000000",
         "text": "COALESCE({0}, '') || 'x'", "bool": "NOT {0}", "float4": "COALESCE({0}, 0) / 2 + 0.25",
         "float8": "COALESCE({0}, 0) + 0.5", "bytea": "COALESCE({0}, '') || '\\x01'", "_int4": "{0} || 7",
         "timestamptz": "COALESCE({0}, '2026-01-01') + interval '1 ms'", "date": "{0} + 1"}
# a row of which something is said elsewhere
CHOSEN = {"offsets": "ORDER BY next DESC", "ledger": "ORDER BY partition, sequence"}


@pytest.fixture(scope="module")
def record(shared):
    """A record with rows in every table, nobody writing to it any more, and a copy of all of it."""
    shared.start()
    replies = [shared.submit(submission(f"street lamp {i}")[0]) for i in range(12)]
    numbers = [case_number.read(reply["case_number"]) for reply in replies]
    for number in numbers:
        shared.wait_archived(number)
    desk = Desk(shared)
    desk.send(numbers[0], 2, accept=Accept())
    desk.wait_version(numbers[0], 3)
    desk.send(numbers[0], 2, accept=Accept())         # refused: the case has changed
    for daemon in shared.daemons.values():
        daemon.allow("dead letter", "dead")
    shared.topics.produce("cases.commands", b"\xff nothing that can be read", b"x")
    shared.tool("erase", replies[3]["case_number"], "--reason", "asked for it", "--by", "clerk")
    for table in TABLES:
        wait_for(f"rows of {table}", lambda table=table: shared.count(table), 60)
    for daemon in shared.daemons.values():
        daemon.stop()
    shared.overrule("CREATE SCHEMA kept; " + "".join(
        f"CREATE TABLE kept.{table} AS SELECT * FROM {table};" for table in TABLES))
    assert "the record agrees" in audit(shared).stdout
    return shared


def audit(record):
    return record.tool("audit", "--key", record.keys / "ledger.pub", "verify", check=False)


def columns(record, table):
    return record.sql("SELECT attname AS name, typname AS type FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
                      " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", table)


def restore(record, table):
    record.overrule(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}")


def altered(record, table, statement):
    """What verify says after the statement; the record is as before afterwards."""
    record.overrule(statement)
    try:
        return audit(record)
    finally:
        restore(record, table)


def one(table):
    return f"ctid = (SELECT ctid FROM {table} {CHOSEN.get(table, '')} LIMIT 1)"


@pytest.mark.parametrize("table", TABLES)
def test_no_column_can_be_altered(record, table):
    missed = []
    for name, kind in columns(record, table):
        where = "at = (SELECT min(at) FROM case_events) AND version = 1" if table == "case_events" else one(table)
        said = altered(record, table, f"UPDATE {table} SET {name} = {OTHER[kind].format(name)} WHERE {where}")
        if (table, name) in NOT_COVERED:
            assert f"not covered: {NOT_COVERED[table, name]}" in said.stdout
        elif said.returncode != 1 or "NOT agree" not in said.stdout:
            missed.append(name)
    assert not missed
    assert "the record agrees" in audit(record).stdout


@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_taken_away_or_added(record, table):
    names = columns(record, table)
    key, kind = names[0]
    if table == "case_events":
        some = "SELECT * FROM case_events ORDER BY number, version LIMIT 1"
        away = ("DELETE FROM case_events e USING (SELECT number, version FROM case_events ORDER BY number, version"
                " LIMIT 1) f WHERE e.number = f.number AND e.version = f.version")
    else:
        some, away = f"SELECT * FROM {table} WHERE {one(table)}", f"DELETE FROM {table} WHERE {one(table)}"
    said = altered(record, table, away)
    assert said.returncode == 1 and "NOT agree" in said.stdout, f"a row of {table} was taken away"
    if table == "offsets":
        return      # a further row says nothing about what is there
    rest = ", ".join(name for name, _ in names[1:])
    said = altered(record, table, f"INSERT INTO {table} ({key}, {rest}) SELECT {OTHER[kind].format(key)}, {rest}"
                                  f" FROM ({some}) AS t")
    assert said.returncode == 1 and "NOT agree" in said.stdout, f"a row was added to {table}"


def test_what_was_done_is_named(record):
    said = altered(record, "grievances", "DELETE FROM grievances")
    assert said.returncode == 1 and "grievances, partition" in said.stdout and "another number of rows" in said.stdout
    said = altered(record, "cases", "UPDATE cases SET status = 'closed'")
    assert said.returncode == 1 and "cases: status of" in said.stdout
    said = altered(record, "case_events", "UPDATE case_events SET actor = 'nobody'")
    assert said.returncode == 1 and "case_events: actor of version" in said.stdout
    said = altered(record, "counters", "UPDATE counters SET events = events + 1 WHERE kind = 'opened'")
    assert said.returncode == 1 and "counters: those of" in said.stdout
