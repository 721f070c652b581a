"""Commands and events of a case, made and read by hand."""

import os
import time

from support import case_number, messages
from support.daemon import wait_for
from support.messages import Actor, CaseEvent, Classification, Command, Grievance, Open


def now_ms():
    return int(time.time() * 1000)


def headers(kind):
    return [("ce_specversion", b"1.0"), ("ce_id", os.urandom(8).hex().encode()),
            ("ce_type", kind.encode()), ("ce_source", b"redress/test/0"),
            ("ce_time", b"2026-01-01T00:00:00Z"), ("content-type", b"application/protobuf")]


CITIZENS = {"reply", "reopen", "withdraw"}


def rightful(command):
    """Who may send such a command (docs/flow.md)."""
    if command in CITIZENS:
        return Actor(kind=Actor.CITIZEN)
    if command in ("escalate", "resume"):
        return Actor(kind=Actor.SYSTEM, id="routing")
    if command == "erase":
        return Actor(kind=Actor.OPERATOR, id="operator.test")
    return Actor(kind=Actor.OFFICER, id="officer.test")


class Desk:
    """Somebody who may send any command, also two at once."""

    def __init__(self, system):
        self.system = system

    def send(self, number, based_on, given=None, **body):
        """Produces one command; body is one field of Command's oneof. Returns it. Without an actor: who may."""
        actor = Actor()
        if given is None:
            given = rightful(*body)
        actor.CopyFrom(given)
        if actor.kind == Actor.OFFICER and not actor.office:
            actor.office = self.office(number)
        command = Command(id=os.urandom(16), number=number, based_on=based_on, at_ms=now_ms(), actor=actor, **body)
        self.resend(command)
        return command

    def resend(self, command):
        self.system.topics.produce(
            "cases.commands", command, case_number.write(command.number).encode(),
            self.system.partition(command.number), headers("redress.case.command"))

    def office(self, number):
        """Which has the case, by the events that follow each other; of an unknown one none."""
        office, version = "", 0
        for event in self.history(number):
            if event.version == version + 1:
                office, version = event.office or office, event.version
        return office or "nowhere"

    def open(self, *args, **facts):
        """A new case; waits for its first two events."""
        number = self.send_open(*args, **facts)
        self.wait_version(number, 2)
        return number

    def send_open(self, slot=0, category="roads.pothole", idempotency_key=b"", number=None, urgency=0, **grievance):
        """A new case, as classification would have sent it."""
        number = number or case_number.make(slot)
        grievance = Grievance(number=number, received_at_ms=now_ms(), channel="web",
                              idempotency_key=idempotency_key, receipt_hash=os.urandom(32),
                              sealed_text=os.urandom(80), **grievance)
        classification = Classification(category=category, confidence=0.97, language="en",
                                        language_confidence=0.99, model_version="test",
                                        abstained=not category, urgency=urgency)
        self.send(number, 0, Actor(kind=Actor.SYSTEM, id="classification"),
                  open=Open(grievance=grievance, classification=classification))
        return number

    def events(self, number):
        """Those under its key, where it belongs: elsewhere a test may have put what is no event."""
        place = self.system.partition(number), case_number.write(number).encode()
        return [messages.decode("cases.events", message.value()) for message in self.system.topics.read("cases.events")
                if (message.partition(), message.key()) == place]

    def history(self, number):
        return [event for event in self.events(number) if event.version]

    def refusals(self, number):
        return [event.refused for event in self.events(number) if event.WhichOneof("body") == "refused"]

    def wait_version(self, number, version, seconds=20):
        def there():
            history = self.history(number)
            return history if history and history[-1].version >= version else None

        return wait_for(f"version {version} of {case_number.write(number)}", there, seconds, 0.1)
