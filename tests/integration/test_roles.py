"""Least right in the database: what each role must not do, and that Redress works without it."""

import psycopg2
import psycopg2.errors
import pytest

from support import case_number
from support.grievances import submission
from support.system import ROLES

DENIED = (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.FeatureNotSupported)
PROGRAMS = ("archival", "notification", "portal", "officer", "learner", "eraser", "auditor", "casework", "administrator")
TABLES = ("grievances", "case_keys", "epochs", "erasures", "case_events", "refusals", "cases", "dead_letters",
          "notification_outcomes", "ledger", "ledger_nodes", "counters", "signatures", "offsets")
OFFICERS = ("accounts", "sessions", "open_cases", "readings")

# beside its program's work, nothing; each as that role
FORBIDDEN = [
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES),
    *(f"TRUNCATE {table}" for table in TABLES),
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"DROP TABLE {table}" for table in TABLES),
    "UPDATE case_events SET actor = 'x'", "UPDATE grievances SET channel = 'x'",
    "UPDATE ledger SET events = 1", "UPDATE ledger_nodes SET hash = ''", "UPDATE erasures SET reason = 'x'",
    "UPDATE notification_outcomes SET delivery = 'delivered'", "UPDATE refusals SET reason = 'x'",
    "UPDATE case_keys SET text_key = ''", "UPDATE epochs SET text_for_officer = ''",
    "UPDATE dead_letters SET body = ''", "UPDATE signatures SET signature = ''",
    "SET session_replication_role = replica",
    "COPY cases TO PROGRAM 'true'", "COPY cases TO '/tmp/cases'", "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')", "SELECT pg_ls_dir('/')", "CREATE ROLE mine", "CREATE TABLE mine ()",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SET ROLE redress_owner", "SET ROLE postgres",
    "CREATE EXTENSION dblink",
]
READS_NO = {
    "archival": ("case_keys", "epochs", "erasures", "case_events", "refusals", "notification_outcomes", "signatures"),
    "notification": ("case_events", "refusals", "dead_letters", "ledger", "erasures", "signatures"),
    "portal": ("case_keys", "epochs", "refusals", "dead_letters", "signatures", "counters"),
    "officer": ("dead_letters", "ledger", "offsets"),
    "learner": ("erasures", "dead_letters", "notification_outcomes", "ledger"),
    "eraser": ("case_keys", "epochs", "case_events", "ledger", "signatures"),
    "auditor": ("accounts", "sessions"),
    "casework": (*TABLES, *OFFICERS),
    "administrator": (*TABLES, "accounts", "sessions", "open_cases", "readings"),
}
COLUMNS_NO = {"administrator": ["SELECT password FROM accounts", "SELECT totp FROM accounts", "SELECT token_hash FROM sessions"],
              "notification": ["SELECT text_key FROM case_keys", "SELECT text_for_officer FROM epochs"],
              "learner": ["SELECT contact_key FROM case_keys", "SELECT contact_for_officer FROM epochs"],
              "eraser": ["SELECT reason FROM dead_letters"]}
WRITES_NO = {"archival": ["erasures"], **{role: TABLES for role in PROGRAMS if role != "archival"}}


@pytest.fixture(scope="module")
def running(shared):
    shared.start()
    reply = shared.submit(submission("a lamp that is out")[0])
    shared.wait_archived(case_number.read(reply["case_number"]))
    return shared


def may(running, role, statement):
    """Whether the role is allowed it; nothing is changed."""
    db = psycopg2.connect(running.servers.conninfo(running.name, f"redress_{role}"))
    try:
        with db.cursor() as cursor:
            cursor.execute(statement)
        return True
    except DENIED:
        return False
    finally:
        db.rollback()
        db.close()


def statements(role):
    yield from FORBIDDEN
    yield from (f"SELECT * FROM {table}" for table in READS_NO.get(role, ()))
    yield from COLUMNS_NO.get(role, ())
    yield from (f"INSERT INTO {table} DEFAULT VALUES" for table in WRITES_NO.get(role, ()))
    if role != "eraser":
        yield "SELECT erase_keys(ARRAY[1::bigint], 'x', 'y')"
    if role != "archival":
        yield "SELECT ensure_month('2020-01-01')"
        yield "CREATE TEMP TABLE mine ()"


@pytest.mark.parametrize("role", PROGRAMS)
def test_a_role_may_not_do_what_its_program_does_not(running, role):
    allowed = [statement for statement in statements(role) if may(running, role, statement)]
    assert not allowed


def test_no_program_is_a_superuser_or_owns_anything(running):
    owned = running.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert [row.tableowner for row in owned] == ["redress_owner"]
    roles = running.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'redress%%' AND (rolsuper OR rolcreaterole"
                        " OR rolcreatedb OR rolreplication OR rolbypassrls)")
    assert roles == []
    members = running.sql("SELECT m.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member"
                          " WHERE m.rolname LIKE 'redress%%' AND m.rolname <> 'redress_owner'")
    assert members == []


def test_every_daemon_is_connected_as_its_own_role(running):
    for row in running.sql("SELECT DISTINCT application_name, usename FROM pg_stat_activity WHERE datname = %s"
                           " AND application_name LIKE 'redress-%%'", running.name):
        name = row.application_name.removeprefix("redress-")
        assert row.usename == f"redress_{ROLES.get(name, name)}"


def test_the_owner_cannot_overwrite_without_disabling_the_triggers(running):
    for table in ("grievances", "epochs", "case_events", "refusals", "erasures", "notification_outcomes",
                  "ledger", "ledger_nodes"):
        column = running.sql("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1",
                             table)[0].attname
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
                running.sql(statement)


def test_what_was_granted_by_hand_is_taken_away(running):
    running.sql("GRANT SELECT ON case_keys TO redress_portal")
    assert may(running, "portal", "SELECT * FROM case_keys")
    running.tool("migrate")
    assert not may(running, "portal", "SELECT * FROM case_keys")


def test_a_password_that_others_may_read_is_refused(running, tmp_path):
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    running.settings["postgres.password_file"] = password
    try:
        done = running.tool("audit", "verify", check=False)
    finally:
        del running.settings["postgres.password_file"]
    assert done.returncode == 1 and "others may read this secret" in done.stderr
