"""Dead letters are processed once their cause is mended, by the service they are of and by no other (promise 7).

A wrong key and a missing message are mended here. What else makes a dead letter is mended by another version
of the service: there the letter is one that an earlier version left, with a message that this one understands.
"""

import os
import subprocess

import pytest

from support import case_number
from support.commands import Desk, headers, now_ms
from support.daemon import wait_for
from support.grievances import submission
from support.messages import (
    Actor, Answered, CaseEvent, CaseKey, Command, Commented, DeadLetter, decode, Epoch, Grievance, GrievanceReceived, Header,
    NotificationJob, NotificationOutcome, Open, Opened, Classification)
from support.system import binary


def letters(system, topic):
    found = [decode(f"{topic}.dead", message.value()) for message in system.topics.read(f"{topic}.dead")]
    return [letter for letter in found if not letter.replayed]


def test_a_wrong_key(system, tmp_path):
    """Classification has the wrong role key: every case waits, and none is lost."""
    subprocess.run([binary("keys"), tmp_path / "wrong"], check=True, capture_output=True)
    right = system.daemon("classification").settings["keys.folder"]
    system.daemon("classification").set(keys__folder=tmp_path / "wrong")
    system.start()
    classification = system.daemon("classification")
    classification.allow("dead letter")
    accepted = [system.submit(submission(f"replay {i}")[0]) for i in range(20)]
    wait_for("twenty dead letters", lambda: len(letters(system, "grievances.received")) == 20, 40, 0.3)
    assert classification.metric("redress_dead_letters_total") == 20
    assert system.count("cases") == 0

    classification.set(keys__folder=right).restart()
    assert "20 replayed" in system.tool("dead", "replay", "all").stdout
    for case in accepted:
        system.wait_archived(case_number.read(case["case_number"]))
    assert system.tool("dead", "list").stdout == ""
    assert system.count("cases") == 20
    assert "0 replayed" in system.tool("dead", "replay", "all").stdout


@pytest.fixture(scope="module")
def running(shared):
    yield shared.start()
    assert sum(d.metric("redress_dead_letters_total") for d in shared.daemons.values()
               if d.name not in ("intake", "portal")) == 1, "none but that of the missing message"


def grievance(number):
    return Grievance(number=number, received_at_ms=now_ms(), channel="web", receipt_hash=os.urandom(32),
                     sealed_text=os.urandom(80))


def replay(system, topic, service, number, message):
    """An earlier version's letter, put back."""
    written, partition = case_number.write(number), system.partition(number)
    letter = DeadLetter(topic=topic, partition=partition, offset=0, service=service, at_ms=now_ms(),
                        reason="said something that was not known then", key=written.encode(),
                        value=message.SerializeToString(),
                        headers=[Header(name=name, value=value) for name, value in headers("redress.test")])
    system.topics.produce(f"{topic}.dead", letter, written.encode(), partition)
    listed = system.tool("dead", "list").stdout.split()
    assert listed[0].startswith(f"{topic}.dead:{partition}:") and listed[2] == service, listed
    assert "1 replayed" in system.tool("dead", "replay", listed[0]).stdout
    assert system.tool("dead", "list").stdout == ""
    wait_for("it is marked in the record too",
             lambda: system.count("dead_letters WHERE topic = %s AND replayed_at IS NOT NULL", topic), 20)
    put_back = [m for m in system.topics.read(topic) if m.key() == f"replay:{service}:{written}".encode()]
    assert [(m.value(), m.partition()) for m in put_back] == [(letter.value, partition)]


def settle(system):
    """Whatever came before has been seen by everybody: a case goes from the door to the record, on each partition."""
    left = set(range(system.partitions))
    while left:
        number = case_number.read(system.submit(submission(f"behind it {len(left)}")[0])["case_number"])
        system.wait_archived(number)
        left.discard(system.partition(number))


def test_a_grievance_for_archival(running):
    number = case_number.make(slot=1)
    epoch = Epoch(id=os.urandom(16), started_at_ms=now_ms())
    replay(running, "grievances.received", "archival", number, GrievanceReceived(
        grievance=grievance(number), key=CaseKey(epoch_id=epoch.id, text_key=os.urandom(72)), epoch=epoch))
    wait_for("its key is in the record", lambda: running.count("case_keys WHERE number = %s", number), 20)
    settle(running)
    assert not Desk(running).events(number), "classification passed over it"


def test_a_command_for_routing(running):
    number = case_number.make(slot=2)
    replay(running, "cases.commands", "routing", number, Command(
        id=os.urandom(16), number=number, at_ms=now_ms(), actor=Actor(kind=Actor.SYSTEM, id="classification"), open=Open(
            grievance=grievance(number), classification=Classification(category="roads.pothole", confidence=0.9))))
    running.wait_archived(number)
    assert [event.version for event in Desk(running).history(number)] == [1, 2]


def test_an_event_for_notification(running):
    number = case_number.read(running.submit(submission("told late")[0])["case_number"])
    running.wait_archived(number)
    version = running.sql("SELECT version FROM cases WHERE number = %s", number)[0].version
    replay(running, "cases.events", "notification", number, CaseEvent(
        number=number, version=version + 1, at_ms=now_ms(), answered=Answered(sealed_text=os.urandom(60))))
    wait_for("the citizen is told, or why not", lambda: running.count(
        "notification_outcomes WHERE number = %s AND event_version = %s AND kind = 'answered'", number, version + 1), 20)
    settle(running)
    assert running.sql("SELECT version FROM cases WHERE number = %s", number)[0].version == version, \
        "archival passed over it"


def test_an_outcome_for_archival(running):
    number = case_number.make(slot=3)
    replay(running, "notifications.outcomes", "archival", number, NotificationOutcome(
        job=NotificationJob(key=os.urandom(16), number=number, event_version=2, kind="assigned", channel="email"),
        delivery=1, attempts=1, at_ms=now_ms(), first_at_ms=now_ms()))
    wait_for("it is in the record", lambda: running.count("notification_outcomes WHERE number = %s", number), 20)


def test_a_missing_message(running):
    """The second event of a case comes to archival without the first."""
    number = case_number.make(slot=0)
    archival = running.daemon("archival")
    archival.allow("dead letter")

    def produce(version, **body):
        running.topics.produce("cases.events", CaseEvent(number=number, version=version, at_ms=now_ms(), status=1, **body),
                               case_number.write(number).encode(), running.partition(number), headers("redress.case.event"))

    produce(2, commented=Commented(sealed_text=os.urandom(60)))
    wait_for("it is set aside", lambda: running.tool("dead", "list").stdout, 20, 0.3)
    produce(1, opened=Opened(grievance=grievance(number)))
    wait_for("the first one is in the record", lambda: running.count("cases WHERE number = %s", number), 20)
    assert "1 replayed" in running.tool("dead", "replay", "all").stdout
    wait_for("both are in the record, each once",
             lambda: [row.version for row in running.sql(
                 "SELECT version FROM case_events WHERE number = %s ORDER BY version", number)] == [1, 2], 20)
    assert running.tool("dead", "list").stdout == ""
    assert "the record agrees" in running.tool("audit", "verify").stdout
