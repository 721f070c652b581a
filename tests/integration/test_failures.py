"""Whatever is killed and whenever: nothing acknowledged is lost, nothing happens twice
(promises 1, 3, 5, 6, 13)."""

import itertools
import os
import pathlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.system import PIPELINE

THOUSAND = 1000


class Crowd:
    """Citizens who submit one after the other, and try again with the same key until accepted: so many of
    them, or (count None) until it is enough."""

    def __init__(self, system, count=None, threads=8, label="crowd"):
        self.system = system
        self.label = label
        self.accepted = {}   # seed -> reply
        self.refused = []    # (status, Retry-After) of replies other than 201
        self._next = itertools.count() if count is None else iter(range(count))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while True:
            with self._lock:
                serial = next(self._next, None)
            if serial is None:
                return
            seed = f"{self.label} {serial}"
            self.accepted[seed] = self._insist(submission(seed)[0], seed)

    def _insist(self, body, key):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                reply = self.system.post(body, key)
            except requests.RequestException:
                time.sleep(0.2)     # intake itself is away: a citizen comes again
                continue
            if reply.status_code == 201:
                return reply.json()
            self.refused.append((reply.status_code, reply.headers.get("Retry-After")))
            time.sleep(0.2)
        return None

    def progress(self):
        return len(self.accepted)

    def enough(self):
        with self._lock:
            self._next = iter(())
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join(600)
            assert not thread.is_alive(), "nobody is accepted"
        assert None not in self.accepted.values()


def assert_complete(system, accepted):
    """Counts and contents, from outside: what was sent is what the archive and the API have."""
    numbers = {case_number.read(reply["case_number"]): seed for seed, reply in accepted.items()}
    assert len(numbers) == len(accepted), "a number was given twice"
    # what its broker or a store made end is started again, as systemd would
    wait_for("every case is archived", lambda: system.supervise() or system.archived() >= set(numbers), 120, 0.5)
    assert_gapless(system, numbers)
    assert_contents(system, numbers)
    for seed in list(accepted)[::50]:
        reply = accepted[seed]
        page = system.track(reply["case_number"], reply["receipt_code"])
        assert page["status"] != "received"


def assert_gapless(system, numbers):
    history = {}
    for row in system.sql("SELECT number, version FROM case_events ORDER BY number, version"):
        history.setdefault(row.number, []).append(row.version)
    for number, versions in history.items():
        assert versions == list(range(1, len(versions) + 1)), f"{number}: {versions}"
    in_kafka = [(e.number, e.version) for e in system.topics.decoded("cases.events") if e.version]
    assert len(in_kafka) == len(set(in_kafka)), "an event was published twice"
    archived = {(number, version) for number, versions in history.items() for version in versions}
    assert archived == set(in_kafka)
    assert {number for number, _ in archived} >= set(numbers)


def assert_contents(system, numbers):
    desk = system.role("officer")
    records = system.grievance_records()
    for number, seed in numbers.items():
        record, (body, citizen) = records[number], submission(seed)
        text = desk.text(record.epoch, record.key, number, record.sealed_text)
        contact = desk.contact(record.epoch, record.key, number, record.sealed_contact)
        assert (text.subject, text.description, text.address) == (
            body["subject"], body["description"], citizen.street)
        assert (contact.name, contact.email, contact.phone) == (
            citizen.name, citizen.email, citizen.phone)


@pytest.mark.timeout(1800)
def test_a_thousand_while_everything_is_killed_in_turn(system):
    system.start()
    for daemon in system.daemons.values():
        daemon.allow("will try again", "kafka: ", "redis", "postgres", "Redis", "PostgreSQL",
                     "the broker does not take", "ending to be started again")
    crowd = Crowd(system, THOUSAND)
    for step, name in enumerate(PIPELINE):
        wait_for("the crowd goes on", lambda: crowd.progress() > step * 100, 120)
        daemon = system.daemon(name)
        daemon.kill()
        time.sleep(0.3)
        daemon.start(wait=False)
    wait_for("the crowd goes on", lambda: crowd.progress() > 650, 120)
    system.redis.flushdb()
    wait_for("the crowd goes on", lambda: crowd.progress() > 750, 120)
    system.servers.stop("postgres")
    back = time.monotonic() + 20
    wait_for("nobody waits for PostgreSQL", lambda: crowd.progress() > 800, 60)
    time.sleep(max(0, back - time.monotonic()))
    system.servers.start("postgres")
    crowd.join()
    system.supervise()
    assert_complete(system, crowd.accepted)
    assert system.count("cases") == THOUSAND
    assert not [m for topic in ("grievances.received", "cases.commands", "cases.events",
                                "notifications.outcomes") for m in system.topics.read(topic + ".dead")]


@pytest.mark.timeout(1800)
def test_kafka_restarted_under_load(system):
    """Meanwhile 503 with Retry-After; afterwards everything acknowledged is there."""
    system.settings = {"intake.broker_patience": "3s"}
    system.start()
    for daemon in system.daemons.values():
        daemon.allow("will try again", "kafka: ", "Kafka", "the broker does not take",
                     "the view cannot be restored yet", "ending to be started again")
    crowd = Crowd(system, threads=16)
    wait_for("the crowd goes on", lambda: crowd.progress() > 150, 60)
    system.servers.stop("kafka")
    wait_for("the first 503", lambda: crowd.refused, 60)
    reply = system.post(submission("while Kafka is away")[0])
    assert reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0
    system.servers.start("kafka")
    system.supervise()
    taken = crowd.progress()
    wait_for("the crowd goes on again", lambda: crowd.progress() > taken + 150, 60)
    crowd.enough()
    assert {status for status, _ in crowd.refused} == {503}
    assert all(int(after) > 0 for _, after in crowd.refused)
    assert_complete(system, crowd.accepted)


def is_frozen(pid):
    try:
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T"
                   for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))
    except OSError:
        return False    # a thread has just ended


def freeze(pid):
    """As a machine that hangs. On a busy one a signal takes effect later, and for every thread by itself."""
    os.kill(pid, signal.SIGSTOP)
    wait_for("it is frozen", lambda: is_frozen(pid))


def outcome(reply):
    return "taken" if reply.status_code == 201 else reply.json()["type"].rpartition(":")[2]


def submit_until(system, enough, threads=12, most=2000):
    """Everybody submits without a key, again and again, also while nothing is taken; gives back all replies."""
    replies = []

    def one(thread):
        for serial in range(most):
            if enough(replies):
                return
            replies.append(system.post(submission(f"silent {thread} {serial}")[0], timeout=120))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
    return replies


def numbers_in_kafka(system):
    return [received.grievance.number for received in system.topics.decoded("grievances.received")]


def assert_told_what_is_so(system, replies):
    """Not taken is not there, and never comes; what is not known has a number, and is there under it or not."""
    number = {"taken": set(), "outcome-unknown": set(), "busy": set()}
    for reply in replies:
        body = reply.json()
        if "case_number" in body:
            number[outcome(reply)].add(case_number.read(body["case_number"]))
            assert body["receipt_code"] and body["status_url"].endswith(body["case_number"])
        if reply.status_code != 201:
            assert reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0
    assert not number["busy"], "what is not taken has no number"
    there = numbers_in_kafka(system)
    assert len(there) == len(set(there))
    assert number["taken"] <= set(there)
    assert set(there) <= number["taken"] | number["outcome-unknown"], "something came that was refused"
    return number["outcome-unknown"]


def test_a_silent_broker_and_what_is_known(system):
    system.settings = {"intake.broker_patience": "2s"}
    system.start("intake", "portal")
    for daemon in system.daemons.values():
        daemon.allow("the broker does not take", "no case numbers can be had", "kafka: ", "will try again")
    kafka = system.servers.pids()["kafka"]
    taken = threading.Event()

    def freeze_in_the_middle():
        taken.wait(120)
        freeze(kafka)

    def enough(replies):
        done = [outcome(reply) for reply in list(replies)]
        if done.count("taken") >= 5:
            taken.set()
        return done.count("outcome-unknown") and done.count("busy")

    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(freeze_in_the_middle)
        try:
            replies = submit_until(system, enough)
            frozen.result()
        finally:
            taken.set()
            os.kill(kafka, signal.SIGCONT)
    wait_for("it is taken in again", lambda: (probe := system.post(submission("probe")[0])) and
             (replies.append(probe) or probe.status_code == 201), 60, 0.5)
    # one behind the other in each partition: whatever was to come has come
    replies += [system.post(submission(f"after {i}")[0], f"after {i}") for i in range(40)]
    unknown = assert_told_what_is_so(system, replies)
    assert unknown
    absent = next((r.json() for r in replies if outcome(r) == "outcome-unknown"
                   and case_number.read(r.json()["case_number"]) not in numbers_in_kafka(system)), None)
    if absent:      # nobody reads "received" of what never came
        page = requests.get(absent["status_url"], headers={"Authorization": f"Receipt {absent['receipt_code']}"},
                            timeout=60)
        assert page.status_code in (404, 503)


def test_who_waits_for_a_silent_broker_is_answered_before_the_door_closes(system):
    system.settings = {"intake.broker_patience": "12s"}
    system.start("intake")
    intake = system.daemon("intake")
    intake.allow("the broker does not take", "kafka: ")
    before = system.post(submission("before")[0])
    kafka = system.servers.pids()["kafka"]
    freeze(kafka)
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(system.post, submission("meanwhile")[0])
            wait_for("it is on its way", lambda: len(list(system.redis.scan_iter("contact:*"))) == 2)
            intake.stop()
            reply = waiting.result()
            assert reply.status_code == 503
    finally:
        os.kill(kafka, signal.SIGCONT)
    intake.start()
    assert assert_told_what_is_so(system, [before, reply]) == {case_number.read(reply.json()["case_number"])}


def test_redis_replaced_while_running(system):
    """The view is rebuilt; what a citizen is told meanwhile is never wrong."""
    system.start()
    for daemon in system.daemons.values():
        daemon.allow("will try again", "redis", "Redis")
    replies = [system.submit(submission(f"flush {i}")[0], f"flush {i}") for i in range(40)]
    for reply in replies:
        system.wait_archived(case_number.read(reply["case_number"]))
    system.redis.flushdb()
    for reply in replies:
        page = system.track(reply["case_number"], reply["receipt_code"])
        assert page["case_number"] == reply["case_number"] and page["status"] == "assigned"
    wait_for("every open case is in Redis again", lambda: len(list(system.redis.scan_iter(
        "case:*"))) == 40, 60, 0.5)
    wait_for("and so is its clock", lambda: sum(
        system.redis.zcard(key) for key in system.redis.scan_iter("due:*")) == 40, 60, 0.5)


def hang_in_transaction(system, daemon):
    """Frozen while it holds the offset rows in an open transaction."""
    with psycopg2.connect(system.servers.conninfo(system.name)) as lock:
        lock.cursor().execute("LOCK TABLE counters IN SHARE MODE")
        system.submit(submission("zombie, in the middle")[0])
        wait_for("it waits in its transaction", lambda: system.count(
            "pg_stat_activity WHERE application_name = 'redress-archival'"
            " AND wait_event_type = 'Lock'"), 30)
        freeze(daemon.process.pid)
        lock.rollback()


def test_a_zombie_archival_writes_nothing_twice(system):
    """Two instances, one of them frozen in a transaction: the other goes on, the offset row decides."""
    system.start("intake", "classification", "routing")
    first = system.daemon("archival").start()
    replies = [system.submit(submission(f"zombie {i}")[0]) for i in range(50)]
    wait_for("some are archived", lambda: system.count("cases") > 0, 30)
    first.allow("will try again", "offset", "kafka: ")
    hang_in_transaction(system, first)
    try:
        second = system.another("archival", node__id=2)
        second.allow("will try again", "offset")
        second.start()
        replies += [system.submit(submission(f"zombie {i}")[0]) for i in range(50, 100)]
        wait_for("the second does all", lambda: system.count("cases") == 101, 60, 0.3)
    finally:
        first.process.send_signal(signal.SIGCONT)
    replies += [system.submit(submission(f"zombie {i}")[0]) for i in range(100, 120)]
    for reply in replies:
        system.wait_archived(case_number.read(reply["case_number"]))
    assert_gapless(system, [case_number.read(reply["case_number"]) for reply in replies])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["routing", "archival"])
def test_instances_come_and_go_under_load(system, name):
    """Partitions change hands while there is work: every event once, in order, by whoever has them."""
    system.start()
    first = system.daemon(name)
    second = system.another(name, node__id=2)
    first.allow("will try again")
    second.allow("will try again")
    accepted = {}

    def meanwhile(label, change):
        crowd = Crowd(system, 200, label=label)
        wait_for("some work", lambda: crowd.progress() > 20, 30)
        change()
        crowd.join()
        accepted.update(crowd.accepted)

    share = f"{system.partitions if name == 'routing' else 7 * system.partitions} partitions are ours"
    meanwhile("one joins", second.start)
    meanwhile("one leaves", first.stop)
    wait_for("the other has everything", lambda: share in second.log(), 30, 0.2)
    meanwhile("it comes back", first.start)
    meanwhile("the other is killed", second.kill)
    assert_complete(system, accepted)


@pytest.fixture(scope="module")
def town(shared):
    return shared.start()


@pytest.mark.parametrize("name", PIPELINE)
def test_a_clean_stop_gives_back_what_it_holds(town, name):
    """SIGTERM in the middle of work: it ends by itself with 0, and nothing is lost or doubled."""
    crowd = Crowd(town, 60, threads=4, label=f"stop of {name}")
    wait_for("some work", lambda: crowd.progress() > 20, 30)
    town.daemon(name).restart()
    crowd.join()
    assert_complete(town, crowd.accepted)
