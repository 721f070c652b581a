"""A poison message harms nobody else (promise 7)."""

import hashlib
import os
import time

import pytest

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.hostile import SOUND, hostile
from support.messages import Assigned, CaseEvent, decode

GARBAGE = b"\xff\xfe this is no message \x00\x01"
# who reads each topic, and so must set the message aside
READERS = {
    "grievances.received": {"classification", "archival"},
    "cases.commands": {"routing"},
    "cases.events": {"notification", "archival"},
    "notifications.outcomes": {"archival"},
}


@pytest.fixture(scope="module")
def running(shared):
    shared.start()
    for daemon in shared.daemons.values():
        daemon.allow("dead letter", "not a dead letter", "passed over", "open cases use what the catalogue has not")
    return shared


def letters(system, topic):
    found = [decode(f"{topic}.dead", message.value())
             for message in system.topics.read(f"{topic}.dead") if message.value() != GARBAGE]
    return [letter for letter in found if not letter.replayed]


@pytest.mark.parametrize("topic", READERS)
def test_garbage_is_set_aside_and_its_neighbours_are_not(running, topic):
    before = {name: running.daemon(name).metric("redress_dead_letters_total")
              for name in READERS[topic]}
    places = range(running.partitions)
    for partition in places:
        running.topics.produce(topic, GARBAGE, b"key", partition, [("trace", b"kept")])
    cases = [running.submit(submission(f"{topic}-{i}")[0]) for i in range(8)]
    found = wait_for(
        "a dead letter for each reader and partition",
        lambda: (all_ := letters(running, topic)) and
        {(l.service, l.partition) for l in all_} >=
        {(s, p) for s in READERS[topic] for p in places} and all_, 40, 0.3)
    for letter in found:
        assert (letter.topic, letter.value, letter.key) == (topic, GARBAGE, b"key")
        assert letter.reason and b"no message" not in letter.reason.encode()
        assert [(h.name, h.value) for h in letter.headers] == [("trace", b"kept")]
    for name, count in before.items():
        daemon = running.daemon(name)
        assert daemon.metric("redress_dead_letters_total") == count + running.partitions
    for case in cases:
        running.wait_archived(case_number.read(case["case_number"]))


def test_an_empty_and_a_huge_message_are_set_aside(running):
    partition = 1
    count = len(letters(running, "grievances.received"))
    running.topics.produce("grievances.received", b"", b"", partition)
    running.topics.produce("grievances.received", None, b"x" * 300, partition)
    running.topics.produce("grievances.received", b"\x0a\x80\x80\x20" + b"z" * 524288, b"", partition)
    wait_for("all set aside by both readers",
             lambda: len(letters(running, "grievances.received")) >= count + 6, 40, 0.3)


def test_a_time_that_no_store_can_have_is_set_aside(running):
    """A well-formed event, but PostgreSQL would refuse the whole batch for its deadline."""
    def set_aside():
        return sum(letter.service == "archival" for letter in letters(running, "cases.events"))

    before = set_aside()
    for deadline in (1 << 62, -(1 << 62), 1):
        number = case_number.make(slot=2)
        event = CaseEvent(number=number, version=1, at_ms=int(time.time() * 1000), status=2, office="roads-head",
                          assigned=Assigned(office="roads-head", agency="roads", deadline_ms=deadline))
        running.topics.produce("cases.events", event, case_number.write(number).encode(),
                               running.partition(number))
    case = running.submit(submission("after an absurd deadline")[0])
    running.wait_archived(case_number.read(case["case_number"]))
    wait_for("set aside by archival", lambda: set_aside() == before + 3, 20, 0.3)


def test_a_dead_letter_that_cannot_be_read_does_not_go_round(running):
    running.topics.produce("cases.events.dead", GARBAGE, b"", 0)
    case = running.submit(submission("after a broken letter")[0])
    running.wait_archived(case_number.read(case["case_number"]))
    assert len([m for m in running.topics.read("cases.events.dead") if m.value() == GARBAGE]) == 1


def test_dead_letters_are_archived_and_listed(running):
    listed = running.tool("dead", "list").stdout.splitlines()
    assert len(listed) >= 4 and all("no message" not in line for line in listed)
    wait_for("as many in the archive as in Kafka", lambda: running.count("dead_letters") >=
             sum(len(letters(running, topic)) for topic in READERS), 30, 0.3)
    shown = running.tool("dead", "show", listed[0].split()[0]).stdout
    assert "reason:" in shown and "no message" not in shown


# ---- every field of every message -------------------------------------------------------------------

def one_case_on_each_partition(system, label):
    """From the door to the record, and its notifications to their end: everybody goes on, on every partition."""
    left = set(range(system.partitions))
    while left:
        number = case_number.read(system.submit(submission(f"{label} {len(left)}")[0])["case_number"])
        system.wait_archived(number)
        wait_for("its office is told, or why not", lambda: system.count(
            "notifications WHERE number = %s AND recipient = 'office'", number), 40, 0.2)
        left.discard(system.partition(number))


@pytest.mark.parametrize("topic", SOUND)
def test_no_value_of_any_field_stops_anybody(running, topic):
    running.topics.produce_all(topic, [(value, case_number.write(number).encode(), running.partition(number))
                                       for number, value in hostile(topic)])
    one_case_on_each_partition(running, f"behind hostile {topic}")
    assert all(daemon.ready() for daemon in running.daemons.values())


def test_what_was_hostile_stops_no_restore(running):
    """All of it is still in the topics: who reads them from the beginning comes to their end."""
    for name in ("routing", "notification", "archival"):
        running.daemon(name).stop()
    for key in running.redis.scan_iter("*:{*}*"):
        if not key.startswith((b"contact:", b"reservations")):
            running.redis.delete(key)
    running.start("routing", "notification", "archival")
    one_case_on_each_partition(running, "after a restore")
    months = running.count("pg_class WHERE relname ~ '^case_events_[0-9]+$'")
    assert months < 30, "an event of any year may not make a table for every month until then"
    assert "the record agrees" in running.tool("audit", "verify").stdout


# ---- a dead letter is always possible -----------------------------------------------------------------

def test_the_largest_message_has_a_dead_letter(running):
    """Kafka takes 1,048,588 bytes; the letter about such a message is larger."""
    big = {topic: os.urandom(1_048_400) for topic in READERS}
    for topic, value in big.items():
        running.topics.produce(topic, value, b"", 0)
    for topic, value in big.items():
        found = wait_for(f"letters about {topic}", lambda: [
            l for l in letters(running, topic) if l.value == value] and
            {l.service for l in letters(running, topic) if l.value == value} == READERS[topic], 60, 0.5)
        assert found
    one_case_on_each_partition(running, "behind the largest")


def test_a_message_of_headers_and_a_huge_key(running):
    headers = [(f"n{i}", b"v" * 8) for i in range(20000)] + [("empty", None), ("odd", b"\xff\x00")]
    running.topics.produce("cases.commands", GARBAGE, b"k" * 200_000, 1, headers)
    running.topics.produce("cases.commands", None, None, 1)
    found = wait_for("both have letters", lambda: [
        l for l in letters(running, "cases.commands") if len(l.key) == 200_000], 40, 0.3)
    assert len(found[0].headers) == len(headers)
    one_case_on_each_partition(running, "behind headers")


def test_where_the_broker_takes_less_the_letter_goes_without_the_message(system):
    """An operator's limit below ours: the letter says where the message is, and replay finds it there."""
    system.topics.limit("grievances.received.dead", 50_000)
    system.start("intake", "classification", "routing", "archival")
    for daemon in system.daemons.values():
        daemon.allow("dead letter", "will try again", "takes no message so large", "kafka: ")
    value = os.urandom(200_000)
    system.topics.produce("grievances.received", value, b"key", 2, [("trace", b"kept")])
    wait_for("letters of both readers", lambda: len(letters(system, "grievances.received")) == 2, 60, 0.5)
    for letter in letters(system, "grievances.received"):
        assert letter.truncated and not letter.value and letter.value_size == len(value)
        assert letter.value_sha256 == hashlib.sha256(value).digest() and letter.key == b"key"
    listed = [line.split()[0] for line in system.tool("dead", "list").stdout.splitlines()]
    assert "truncated" in system.tool("dead", "show", listed[0]).stdout
    assert "1 replayed" in system.tool("dead", "replay", listed[0]).stdout
    put_back = [m for m in system.topics.read("grievances.received") if (m.key() or b"").startswith(b"replay:")]
    assert put_back[0].value() == value and put_back[0].headers() == [("trace", b"kept")]
    case = system.submit(submission("behind a truncated letter")[0])
    system.wait_archived(case_number.read(case["case_number"]))


def test_what_leads_to_too_much_is_set_aside(system):
    """The broker takes the grievance but not the command that it leads to."""
    system.topics.limit("cases.commands", 20_000)
    system.start("intake", "classification", "routing", "archival")
    system.daemon("classification").allow("dead letter", "will try again", "kafka: ")
    body = submission("far too long")[0]
    body["description"] = "é" * 10000
    large = case_number.read(system.submit(body)["case_number"])
    letter = wait_for("it is set aside", lambda: letters(system, "grievances.received"), 60, 0.5)[0]
    assert "too large" in letter.reason and letter.service == "classification"
    case = system.submit(submission("behind it")[0])
    system.wait_archived(case_number.read(case["case_number"]))
    assert large not in system.archived()


def test_a_letter_can_be_discarded(running):
    running.topics.produce("cases.commands", GARBAGE, b"discard me", 3)
    letter = wait_for("its letter", lambda: [line for line in running.tool("dead", "list").stdout.splitlines()
                                            if line.startswith("cases.commands.dead:3")], 40, 0.3)[-1].split()[0]
    assert running.tool("dead", "discard", "", letter, check=False).returncode != 0
    assert "1 discarded" in running.tool("dead", "discard", "sent by mistake", letter).stdout
    assert letter not in running.tool("dead", "list").stdout
    wait_for("the record says so", lambda: running.count(
        "dead_letters WHERE discarded_at IS NOT NULL AND discard_reason = 'sent by mistake'") == 1, 30, 0.3)


# ---- what nobody thought of ---------------------------------------------------------------------------

def test_what_only_postgresql_refuses_is_found_and_set_aside(system):
    """A rule of the database stands for every limit of it that is not known to us."""
    system.start()
    archival = system.daemon("archival")
    archival.allow("dead letter", "will try again")
    archival.stop()
    system.sql("ALTER TABLE cases ADD CHECK (category <> 'poison.kind')")
    numbers = [case_number.read(system.submit(submission(f"{i}")[0])["case_number"]) for i in range(20)]
    desk = Desk(system)
    bad = [desk.send_open(slot=i, category="poison.kind") for i in range(3)]
    for number in bad:
        desk.wait_version(number, 2)
    numbers += [case_number.read(system.submit(submission(f"{i}")[0])["case_number"]) for i in range(20, 30)]
    archival.start()
    for number in numbers:
        system.wait_archived(number)
    found = wait_for("each has its letter", lambda: {
        l.key.decode() for l in letters(system, "cases.events") if "SQLSTATE 23514" in l.reason}
        >= {case_number.write(n) for n in bad}, 40, 0.3)
    assert found and not system.archived() & set(bad)
