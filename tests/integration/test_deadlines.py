"""No deadline starves (promise 10): real missed deadlines, with a service level of seconds."""

import re
import shutil
import time

import pytest

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.mail import MailServer
from support.messages import (Accept, Actor, AnswerCase, Ask, Assign, Comment, Correct, Reopen, Reply, Status,
                              Urgency)
from support.messages import ROOT

ANSWER, HIGH, STEP, REPLY, SILENCE = 4, 12, 3, 9, 15     # seconds
LEVEL = (f"reply: {REPLY} seconds\n    silence: {SILENCE} seconds\n    answer: {{routine: {ANSWER} seconds, high: {HIGH} seconds, emergency: {ANSWER} seconds}}\n"
         f"    escalation: [{{tell: office, within: {STEP} seconds}}, {{tell: head, within: {STEP} seconds}}]")


@pytest.fixture(scope="module")
def hasty(shared, tmp_path_factory):
    """The nation's catalogue, but with no patience."""
    folder = tmp_path_factory.mktemp("hasty") / "catalogue"
    shutil.copytree(ROOT / "deploy" / "catalogue", folder)
    levels = folder / "levels.yaml"
    text, count = re.subn(r"(reply: .*\n    )?answer: .*\n    escalation: .*", LEVEL, levels.read_text())
    assert count >= 5
    levels.write_text(text)
    mail = MailServer()
    for name in ("routing", "notification", "portal", "intake"):
        shared.daemon(name).set(catalogue__folder=folder)
        shared.daemon(name).allow("will try again", "edis")
    shared.daemon("notification").set(**mail.settings)
    # the mail server goes before the daemons do
    shared.daemon("notification").allow("relay_unreachable")
    shared.start()
    shared.desk, shared.mail = Desk(shared), mail
    yield shared
    mail.close()


def escalations(system, number):
    return [event for event in system.desk.history(number) if event.WhichOneof("body") == "escalated"]


def wait_escalations(system, number, count, seconds=20):
    return wait_for(f"{count} escalations", lambda: (found := escalations(system, number)) and
                    len(found) >= count and found, seconds, 0.2)


def deadline(history):
    """As the events say."""
    due = 0
    for event in history:
        due = getattr(getattr(event, event.WhichOneof("body")), "deadline_ms", 0) or due
    return due


def insist(system, number, **body):
    """A command that is done, though the clock may have been faster; its event."""
    while True:
        version = system.desk.history(number)[-1].version
        command = system.desk.send(number, version, **body)
        event = system.desk.wait_version(number, version + 1)[version]
        if event.cause == command.id:
            return event


def test_a_missed_deadline_climbs_the_ladder(hasty):
    reply = hasty.submit(submission("ladder")[0])
    number = case_number.read(reply["case_number"])
    first, second, third = wait_escalations(hasty, number, 3, 30)[:3]
    opened, assigned = hasty.desk.history(number)[:2]
    assert assigned.assigned.deadline_ms == opened.opened.grievance.received_at_ms + ANSWER * 1000
    assert [e.escalated.level for e in (first, second, third)] == [1, 2, 3]
    due = assigned.assigned.deadline_ms
    for event in (first, second, third):
        assert event.escalated.missed_deadline_ms == due
        assert event.at_ms >= due, "not before"
        assert event.escalated.deadline_ms == event.at_ms + STEP * 1000
        assert event.actor.kind == Actor.SYSTEM
        due = event.escalated.deadline_ms
    assert first.escalated.office == assigned.assigned.office, "first the office itself"
    assert second.escalated.office.endswith("-head"), "then the head of its agency"
    assert third.escalated.office == second.escalated.office, "the last step repeats"
    assert third.status == Status.Value("ASSIGNED"), "it is still the office's to answer"

    page = hasty.track(reply["case_number"], reply["receipt_code"])
    line = [line for line in page["history"] if line["kind"] == "escalated"][0]
    assert line["text"] == "The answer is late; the office above was told" and line["office_name"]
    head = second.escalated.office.removesuffix("-head")
    late = wait_for("mail to the head office", lambda: [
        mail for mail in hasty.mail.to(f"head@{head}.meridia.example")
        if reply["case_number"] in mail["Subject"] and "OVERDUE" in mail["Subject"]], 20)
    assert "has not been answered in time" in late[0].get_content()
    hasty.desk.send(number, hasty.desk.history(number)[-1].version, accept=Accept())


def test_the_clock_stands_still_while_the_citizen_is_asked(hasty):
    """Far beyond the deadline that was; then what was left of it runs, with or without a reply."""
    for reply in (True, False):
        number = hasty.desk.open(urgency=Urgency.Value("HIGH"))
        asked = insist(hasty, number, ask=Ask(sealed_text=b"q" * 60))
        before = [event for event in hasty.desk.history(number) if event.version < asked.version]
        left = max(0, deadline(before) - asked.at_ms)
        assert asked.asked.remaining_ms == left and asked.asked.remaining_elapsed
        assert asked.asked.waiting_until_ms == asked.at_ms + REPLY * 1000
        if reply:
            command = hasty.desk.send(number, asked.version, Actor(kind=Actor.CITIZEN), reply=Reply(sealed_text=b"r" * 60))
        went_on = hasty.desk.wait_version(number, asked.version + 1, 60)[asked.version]
        if went_on.WhichOneof("body") == "replied":
            assert reply and went_on.cause == command.id
            assert went_on.replied.deadline_ms == went_on.at_ms + left
        else:
            assert went_on.WhichOneof("body") == "resumed" and went_on.at_ms >= asked.asked.waiting_until_ms
            assert went_on.resumed.deadline_ms == went_on.at_ms + left
            assert went_on.actor.kind == Actor.SYSTEM
        first = wait_escalations(hasty, number, len(escalations_before(before)) + 1)[-1]
        assert first.version > went_on.version
        assert first.escalated.missed_deadline_ms == went_on.at_ms + left


def escalations_before(events):
    return [event for event in events if event.WhichOneof("body") == "escalated"]


def answered_in_time(hasty):
    officer = Actor(kind=Actor.OFFICER, id="officer.test", office=hasty.desk.office(hasty.desk.open()))
    for _ in range(10):
        number = hasty.desk.send_open()
        hasty.desk.send(number, 2, officer, answer=AnswerCase(sealed_text=b"x" * 60, outcome=1))
        if hasty.desk.wait_version(number, 3)[2].WhichOneof("body") == "answered":
            return number
    raise AssertionError("no answer is faster than the clock")


def test_an_answer_stops_the_clock_and_reopening_starts_it_anew(hasty):
    number = answered_in_time(hasty)
    wait_escalations(hasty, hasty.desk.open(), 1)   # a later one of the same partition: the clock was there
    assert not escalations(hasty, number)
    began = time.time() * 1000
    insist(hasty, number, reopen=Reopen(sealed_text=b"y" * 60))
    found = wait_escalations(hasty, number, 1)
    assert found[0].escalated.level == 1 and found[0].escalated.missed_deadline_ms >= began + ANSWER * 1000


def test_silence_closes_an_answered_case(hasty):
    number = answered_in_time(hasty)
    answered = hasty.desk.history(number)[2]
    assert answered.answered.closes_at_ms == answered.at_ms + SILENCE * 1000
    closed = hasty.desk.wait_version(number, 4, 60)[3]
    assert closed.WhichOneof("body") == "closed" and closed.status == Status.CLOSED and closed.actor.id == "routing"
    assert closed.at_ms >= answered.answered.closes_at_ms


def test_neither_transfer_nor_comment_nor_acceptance_resets_the_clock(hasty):
    number = hasty.desk.send_open(urgency=Urgency.Value("HIGH"))
    hasty.desk.wait_version(number, 2)
    for body in ({"assign": Assign(office="energy-head")}, {"comment": Comment(sealed_text=b"c" * 60, public=True)},
                 {"accept": Accept()}, {"correct": Correct(category="energy.outage")}):
        insist(hasty, number, **body)
    wait_escalations(hasty, number, 1)
    history = hasty.desk.history(number)
    done = [event.WhichOneof("body") for event in history[2:] if event.WhichOneof("body") != "escalated"]
    assert done == ["assigned", "commented", "accepted", "corrected"]
    # however slow we were: what is missed, and what a transfer keeps, is what was due before
    due = history[1].assigned.deadline_ms
    for event in history[2:]:
        if event.WhichOneof("body") == "escalated":
            assert event.escalated.missed_deadline_ms == due
            due = event.escalated.deadline_ms
        elif event.WhichOneof("body") == "assigned":
            assert event.assigned.office == "energy-head" and event.assigned.deadline_ms == due


def test_what_nobody_could_classify_has_a_deadline_too(hasty):
    number = hasty.desk.open(category="")
    assigned = hasty.desk.history(number)[1].assigned
    assert assigned.triage and assigned.deadline_ms
    found = wait_escalations(hasty, number, 2)
    assert found[0].escalated.office == assigned.office == "centre-triage"
    assert found[1].escalated.office == "centre-head"
    # leaving the triage desk late does not buy time
    moved = insist(hasty, number, assign=Assign(office="roads-head"))
    assert moved.assigned.office == "roads-head" and moved.assigned.deadline_ms == assigned.deadline_ms
    before = sum(event.version < moved.version for event in escalations(hasty, number))
    assert wait_escalations(hasty, number, before + 1)[before].escalated.missed_deadline_ms == assigned.deadline_ms


def assigned_until(system, numbers):
    """The first deadline of each, when every one has been assigned."""
    due = {event.number: event.assigned.deadline_ms for event in system.topics.decoded("cases.events")
           if event.number in numbers and event.version == 2}
    return len(due) == len(numbers) and due


def test_a_deadline_survives_a_killed_routing_and_an_emptied_redis(hasty):
    """It passes while nobody looks; afterwards every one is found, in each partition oldest first."""
    numbers = [hasty.desk.send_open(slot=i % 4) for i in range(12)]
    due = wait_for("all are assigned", lambda: assigned_until(hasty, numbers), every=0.1)
    hasty.daemon("routing").kill()
    hasty.redis.flushdb()
    time.sleep(max(0, max(due.values()) / 1000 - time.time()) + 0.5)
    hasty.daemon("routing").start()
    for number in numbers:
        assert wait_escalations(hasty, number, 1, 40)[0].escalated.missed_deadline_ms == due[number]
    for partition in range(hasty.partitions):
        order = [event.escalated.missed_deadline_ms
                 for message in hasty.topics.read("cases.events") if message.partition() == partition
                 for event in [decode(message)] if event.number in due and event.WhichOneof("body") == "escalated"
                 and event.escalated.level == 1]
        assert len(order) == 3 and order == sorted(order)
    for number in numbers:
        versions = [event.version for event in hasty.desk.history(number)]
        assert versions == list(range(1, len(versions) + 1)), "one escalation a deadline, no gaps"


def decode(message):
    from support.messages import decode as of_topic
    return of_topic("cases.events", message.value())


def test_redis_is_emptied_while_routing_runs(hasty):
    for _ in range(3):
        number = hasty.desk.open()
        due = hasty.desk.history(number)[1].assigned.deadline_ms
        hasty.redis.flushdb()
        assert wait_escalations(hasty, number, 1)[0].escalated.missed_deadline_ms == due
