"""Stores that hang without closing a connection: what needs them not goes on, what needs them says so in
time, and everything ends when it is told to. An answer counts only if it came while the store was hanging."""

import contextlib
import os
import signal
import threading
import time

import psycopg2
import pytest
import requests

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.system import PIPELINE

TROUBLE = ("will try again", "cannot be looked", "shown without", "cannot be read", "edis", "PostgreSQL",
           "kafka: ", "Kafka", "does not take", "could not end in time")


def tree(pid):
    """A process and all that come from it."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError):
            stat = open(f"/proc/{entry}/stat").read()
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


@contextlib.contextmanager
def frozen(servers, name):
    """Nothing of the store runs, and its connections stay open."""
    pids = tree(servers.pids()[name])

    def tell(which, what):
        for pid in which:
            with contextlib.suppress(ProcessLookupError):   # a connection's process that has ended meanwhile
                os.kill(pid, what)

    try:
        tell(pids, signal.SIGSTOP)
        yield
    finally:
        tell(reversed(pids), signal.SIGCONT)


@contextlib.contextmanager
def locked(system, table):
    db = psycopg2.connect(system.servers.conninfo(system.name))
    try:
        with db.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        db.close()


@pytest.fixture(scope="module")
def town(shared):
    shared.settings = {"postgres.timeout": "2s", "redis.timeout": "2s"}
    for name in PIPELINE:
        shared.daemon(name).allow(*TROUBLE)
    return shared.start()


def portal(system, path, receipt=None, **options):
    headers = {"Authorization": f"Receipt {receipt}"} if receipt else {}
    return requests.get(f"http://127.0.0.1:{system.portal_port}{path}", headers=headers, timeout=100, **options)


def ask(system, number, receipt):
    return portal(system, f"/v1/cases/{number}", receipt)


def known_case(system, seed):
    """In Redis and in the record."""
    reply = system.submit(submission(seed)[0])
    system.wait_archived(case_number.read(reply["case_number"]))
    wait_for("the case is shown whole", lambda: "not_known_now" not in system.track(
        reply["case_number"], reply["receipt_code"]), 20, 0.1)
    return reply


def readiness(system, name="portal"):
    return requests.get(f"http://{system.daemon(name).admin}/readyz", timeout=100)


def healthy(system, name="portal"):
    return requests.get(f"http://{system.daemon(name).admin}/healthz", timeout=100).status_code == 200


def wait_back(system):
    wait_for("the portal is ready again", lambda: readiness(system).status_code == 200, 30, 0.2)


def old_number():
    """As one of an hour ago, which nobody was given."""
    millis = int(time.time() * 1000) - case_number.EPOCH_MS - 3600_000
    return next(n for n in range(millis << 22 | 255 << 6, (millis << 22 | 255 << 6) + 64) if n % 37 < 32)


def assert_rest_goes_on(system):
    """What needs no store at all."""
    assert portal(system, "/v1/nothing").status_code == 404
    assert portal(system, "/v1/cases/not-a-number", "8QK2-93FM-0XDR-7Y1A").status_code == 404
    assert portal(system, f"/v1/cases/{case_number.write(old_number())}").status_code == 401
    assert portal(system, "/v1/ledger/consistency").status_code == 422
    assert healthy(system)


# ---- the portal

def test_cases_in_redis_are_shown_while_postgres_hangs(town):
    known = known_case(town, "hot while frozen")
    with frozen(town.servers, "postgres"):
        for _ in range(10):
            page = ask(town, known["case_number"], known["receipt_code"])
            assert page.status_code == 200 and page.json()["status"] == "assigned"
            assert page.json()["not_known_now"] == ["notifications", "erased_at"]
            assert_rest_goes_on(town)
        wait_for("the portal says which store is away", lambda: (
            lambda reply: reply.status_code == 503 and "PostgreSQL" in reply.text)(readiness(town)), 20, 0.1)
        unknown = ask(town, case_number.write(old_number()), "8QK2-93FM-0XDR-7Y1A")
        assert unknown.status_code == 503 and "Retry-After" in unknown.headers
        assert portal(town, "/v1/ledger/head").status_code == 503
    wait_back(town)
    assert "not_known_now" not in town.track(known["case_number"], known["receipt_code"])
    assert ask(town, case_number.write(old_number()), "8QK2-93FM-0XDR-7Y1A").status_code == 404
    assert "a case cannot be looked up: PostgreSQL" in town.daemon("portal").log()


def test_many_slow_look_ups_leave_room_for_the_others(town):
    known = known_case(town, "room for others")
    with locked(town, "cases"):
        answers = []
        slow = [threading.Thread(target=lambda: answers.append(ask(
            town, case_number.write(old_number()), "8QK2-93FM-0XDR-7Y1A").status_code)) for _ in range(40)]
        for thread in slow:
            thread.start()
        assert_rest_goes_on(town)
        assert ask(town, known["case_number"], known["receipt_code"]).status_code == 200
        for thread in slow:
            thread.join()
        assert answers == [503] * 40
    wait_back(town)


def test_a_locked_table_of_erasures_keeps_nobody_waiting(town):
    known = known_case(town, "locked erasures")
    with locked(town, "erasures"):
        page = ask(town, known["case_number"], known["receipt_code"])
        assert page.status_code == 200 and "not_known_now" in page.json()
    wait_for("it is shown whole again", lambda: "not_known_now" not in town.track(
        known["case_number"], known["receipt_code"]), 20, 0.1)


def test_archived_cases_are_shown_while_redis_hangs(town):
    known = known_case(town, "cold while frozen")
    with frozen(town.servers, "redis"):
        assert ask(town, known["case_number"], known["receipt_code"]).status_code == 200
        assert_rest_goes_on(town)
        wait_for("the portal says which store is away", lambda: "Redis" in readiness(town).text, 20, 0.1)
        wait_for("so does routing", lambda: "Redis" in readiness(town, "routing").text or town.post(
            submission("while redis hangs")[0]) is None, 20, 0.1)
        assert healthy(town, "routing")
    wait_back(town)


# ---- no oracle

def test_nobody_learns_which_numbers_are_cases(town):
    """Whoever has no right code gets one answer, whether or not there is such a case."""
    desk, wrong = Desk(town), "8QK2-93FM-0XDR-7Y1A"
    young = known_case(town, "young and known")["case_number"]
    old = old_number()
    desk.send_open(number=old)
    town.wait_archived(old)
    nobody = next(n for n in range(old + 1, old + 60) if n % 37 < 32)

    def answers(*numbers):
        replies = [ask(town, number, code) for number in numbers for code in (wrong, "nonsense", "0" * 500)]
        return {(r.status_code, r.text, r.headers.get("Retry-After"), r.headers.get("Content-Type"))
                for r in replies}

    for number, other in ((young, case_number.write(case_number.make())),
                          (case_number.write(old), case_number.write(nobody))):
        assert len(answers(number, other)) == 1
        for path in ("events", "proof"):
            assert len({(r.status_code, r.text) for r in (
                portal(town, f"/v1/cases/{n}/{path}", wrong) for n in (number, other))}) == 1
    assert {answer[0] for answer in answers(case_number.write(old))} == {404}
    for store in ("postgres", "redis"):
        with frozen(town.servers, store):
            wait_for("the portal notices", lambda: readiness(town).status_code == 503, 20, 0.1)
            given = answers(young, case_number.write(case_number.make()), case_number.write(old),
                            case_number.write(nobody))
            assert len(given) == 1 and given.pop()[0] == 503
        wait_back(town)


# ---- the record

def test_a_batch_whose_end_nobody_saw_is_stored_once(system):
    system.settings = {"postgres.bulk_timeout": "2s"}
    system.daemon("archival").allow(*TROUBLE)
    system.start()
    numbers = set()
    for round_ in range(4):
        for i in range(10):
            numbers.add(case_number.read(system.submit(submission(f"hang {round_} {i}")[0])["case_number"]))
        with frozen(system.servers, "postgres"):
            numbers.add(case_number.read(system.submit(submission(f"hang {round_}")[0])["case_number"]))
            wait_for("archival says why it waits", lambda: "PostgreSQL" in readiness(system, "archival").text, 30)
            assert healthy(system, "archival")
    wait_for("everything is archived", lambda: numbers <= system.archived(), 60, 0.2)
    assert system.count("grievances") == len(numbers)
    assert [row for row in system.sql("SELECT number, version FROM case_events WHERE version > 0"
                                      " GROUP BY 1, 2 HAVING count(*) > 1")] == []


# ---- the end

@pytest.mark.parametrize("store", ["postgres", "redis", "kafka"])
def test_everything_ends_while_a_store_hangs(system, store):
    system.settings = {"stop.timeout": "40s"}
    for name in PIPELINE:
        system.daemon(name).allow(*TROUBLE)
    system.start()
    known_case(system, "before the end")
    with frozen(system.servers, store):
        for daemon in system.daemons.values():
            daemon.process.send_signal(signal.SIGTERM)
        for daemon in system.daemons.values():
            daemon.process.wait(300)
            assert "leaving what is under way" not in daemon.log() or store == "kafka", daemon.log()


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_commands_say_what_does_not_answer(town, store):
    number = known_case(town, f"commands and {store}")["case_number"]
    words = {"postgres": [("officer", "show", number), ("officer", "due", "municipal-head"), ("audit", "verify"),
                          ("similar", number), ("erase", "list"), ("labels",), ("migrate",)],
             "redis": [("erase", number, "--reason", "a test")]}[store]
    ends = {}

    def run(command):
        ends[command] = town.tool(command[0], *command[1:], check=False)

    with frozen(town.servers, store):
        threads = [threading.Thread(target=run, args=(command,)) for command in words]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for command, end in ends.items():
        assert end.returncode not in (0, None), command
        assert {"postgres": "PostgreSQL: cannot connect in time", "redis": "redis at "}[store] in end.stderr, (
            command, end.stderr)
    wait_back(town)
