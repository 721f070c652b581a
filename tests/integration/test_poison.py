"""A poison message harms nobody else (promise 7)."""

import time

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
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
        daemon.allow("dead letter", "not a dead letter")
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
