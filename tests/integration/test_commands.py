"""Two hands, one winner (promise 4): commands straight into cases.commands, whoever sends them."""

import os
import time

import pytest

from support import case_number
from support.commands import Desk, now_ms
from support.daemon import wait_for
from support.messages import (Accept, Actor, AnswerCase, Assign, Close, Comment, Erase, Escalate, Grievance, Open, Reopen,
                              Resume, Status, Withdraw)


@pytest.fixture(scope="module")
def desk(shared):
    shared.start("routing")
    return Desk(shared)


def officer(name):
    return Actor(kind=Actor.OFFICER, id=name)


def test_a_new_case_is_opened_and_assigned(desk):
    opened, assigned = desk.history(desk.open())
    assert (opened.version, opened.WhichOneof("body")) == (1, "opened")
    assert (assigned.version, assigned.WhichOneof("body")) == (2, "assigned")
    assert assigned.assigned.office and assigned.assigned.agency and assigned.assigned.rule
    assert assigned.assigned.deadline_ms > assigned.at_ms
    assert opened.cause == assigned.cause


def test_of_two_officers_one_wins_and_the_other_is_told(desk):
    number = desk.open()
    desk.send(number, 2, officer("first"), accept=Accept())
    desk.send(number, 2, officer("second"), accept=Accept())
    refused = wait_for("a refusal", lambda: desk.refusals(number), 20, 0.1)
    assert len(refused) == 1 and refused[0].reason.code == "changed"
    assert (refused[0].based_on, refused[0].current_version) == (2, 3)
    assert refused[0].current_status == Status.Value("IN_PROGRESS")
    assert refused[0].command == "accept"
    history = desk.history(number)
    assert [event.version for event in history] == [1, 2, 3]
    assert history[2].accepted.officer == "first"


def test_a_command_sent_twice_is_done_once(desk):
    number = desk.open()
    command = desk.send(number, 2, accept=Accept())
    desk.resend(command)
    desk.wait_version(number, 3)
    marker = desk.send(number, 3, comment=Comment(sealed_text=b"x" * 60))
    history = desk.wait_version(number, 4)
    assert [event.cause for event in history[2:]] == [command.id, marker.id]
    assert not desk.refusals(number)


def test_an_impossible_step_is_refused_with_the_reason(desk):
    number = desk.open()
    desk.send(number, 2, accept=Accept())
    desk.send(number, 3, answer=AnswerCase(sealed_text=b"y" * 60, outcome=1))
    desk.send(number, 4, close=Close())
    history = desk.wait_version(number, 5)
    assert history[-1].status == Status.Value("CLOSED")
    desk.send(number, 5, comment=Comment(sealed_text=b"z" * 60))
    desk.send(number, 5, accept=Accept())
    refused = wait_for("both refusals", lambda: len(found := desk.refusals(number)) == 2 and found, 20, 0.1)
    assert refused[-1].command == "accept" and refused[-1].reason.code == "over"
    assert {a.name: a.value for a in refused[-1].reason.arguments} == {"status": "closed"}
    assert refused[-1].current_version >= 5


def test_a_command_for_a_case_that_never_was_is_refused(desk):
    from support import case_number
    number = case_number.make()
    desk.send(number, 3, accept=Accept())
    refused = wait_for("a refusal", lambda: desk.refusals(number), 20, 0.1)
    assert refused[0].current_version == 0 and refused[0].reason.code == "unknown_case"
    assert not desk.history(number)


def test_no_decision_on_missing_state(desk, shared):
    """Redis is emptied between two commands: the case is restored, and the clock with it."""
    number = desk.open()
    deadline = desk.history(number)[1].assigned.deadline_ms
    shared.redis.flushdb()
    desk.send(number, 2, accept=Accept())
    history = desk.wait_version(number, 3)
    assert history[2].status == Status.Value("IN_PROGRESS") and not desk.refusals(number)
    index = f"due:{{{shared.partition(number)}}}"
    wait_for("the clock is back in the index",
             lambda: shared.redis.zscore(index, f"{number:016x}") == deadline, 30, 0.2)


def test_a_killed_routing_goes_on_where_it_was(desk, shared):
    number = desk.open()
    daemon = shared.daemon("routing")
    daemon.kill()
    desk.send(number, 2, officer("first"), accept=Accept())
    desk.send(number, 2, officer("second"), accept=Accept())
    daemon.start()
    history = desk.wait_version(number, 3, 40)
    assert history[2].accepted.officer == "first"
    assert len(wait_for("a refusal", lambda: desk.refusals(number), 20, 0.1)) == 1


CITIZEN = Actor(kind=Actor.CITIZEN)
FORGED = [
    (CITIZEN, {"assign": Assign(office="roads-head")}), (CITIZEN, {"answer": AnswerCase(sealed_text=b"x" * 60, outcome=1)}),
    (CITIZEN, {"erase": Erase(reason="request")}), (CITIZEN, {"escalate": Escalate(deadline_ms=now_ms())}),
    (officer("o"), {"escalate": Escalate(deadline_ms=now_ms())}), (officer("o"), {"resume": Resume()}),
    (officer("o"), {"erase": Erase(reason="request")}), (officer("o"), {"withdraw": Withdraw()}),
    (officer("o"), {"reopen": Reopen(sealed_text=b"x" * 60)}),
    (Actor(kind=Actor.OPERATOR, id="clerk"), {"close": Close()}),
    (Actor(kind=Actor.SYSTEM, id="classification"), {"accept": Accept()}),
    (Actor(kind=Actor.SYSTEM, id="archival"), {"erase": Erase(reason="request")}),
]


def test_who_may_not_is_refused_though_he_writes_to_kafka(desk):
    """Rights hold in the decision, whoever put the command into the topic."""
    number = desk.open()
    for actor, body in FORGED:
        desk.send(number, 2, actor, **body)
    unopened = case_number.make(0)
    grievance = Grievance(number=unopened, received_at_ms=now_ms(), channel="web", receipt_hash=os.urandom(32),
                          sealed_text=os.urandom(80))
    desk.send(unopened, 0, officer("o"), open=Open(grievance=grievance))
    desk.send(number, 2, Actor(kind=Actor.OFFICER, id="o", office="roads-elsewhere"), accept=Accept())
    refused = wait_for("all refusals", lambda: len(found := desk.refusals(number)) == len(FORGED) + 1 and found, 30, 0.2)
    assert {one.reason.code for one in refused[:-1]} == {"wrong_actor"}
    assert refused[-1].reason.code == "wrong_office"
    assert [one.reason.code for one in wait_for("the other", lambda: desk.refusals(unopened), 20, 0.2)] == ["wrong_actor"]
    assert len(desk.history(number)) == 2 and not desk.history(unopened)
    desk.send(number, 2, Actor(kind=Actor.OPERATOR, id="clerk"), erase=Erase(reason="request"))
    assert desk.wait_version(number, 3)[-1].WhichOneof("body") == "erased"
