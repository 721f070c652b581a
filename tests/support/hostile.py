"""Messages that are as they should be but for one field, which holds what no reader may stumble over."""

import copy
import os

from support import case_number
from support.commands import now_ms
from support.messages import (
    Actor, Answer, Assigned, CaseEvent, CaseKey, Classification, Command, Epoch, Grievance, GrievanceReceived, Guess,
    NotificationJob, NotificationOutcome, Open, Opened, Place, Shadow)

MARK = "QQQQ"       # stands for bytes that are no UTF-8, which Python's protobuf would not write
IN_2099 = 4070908800000


def grievance(number):
    return Grievance(number=number, received_at_ms=now_ms(), channel="web", service_code="roads",
                     declared_language="en", place=Place(lat=1, lon=1, area_code="x"), answers=[Answer(code="a", value="b")],
                     idempotency_key=os.urandom(16), fingerprint=os.urandom(16), receipt_hash=os.urandom(32),
                     sealed_text=os.urandom(80), sealed_contact=os.urandom(80))


def classification():
    return Classification(category="roads.pothole", confidence=0.9, language="en", language_confidence=0.9,
                          guesses=[Guess(category="roads.pothole", confidence=0.9)], model_version="test",
                          sealed_why=os.urandom(60), service="roads", signature=os.urandom(32),
                          shadow=Shadow(category="x", confidence=0.5, model_version="y"))


def received(number):
    epoch = Epoch(id=os.urandom(16), started_at_ms=now_ms(), text_for_classification=os.urandom(80),
                  text_for_officer=os.urandom(80), contact_for_notification=os.urandom(80), contact_for_officer=os.urandom(80))
    yield GrievanceReceived(grievance=grievance(number), epoch=epoch,
                            key=CaseKey(epoch_id=epoch.id, text_key=os.urandom(72), contact_key=os.urandom(72)))


def bodies(message, opening):
    """One message for each member of the oneof."""
    for field in message.DESCRIPTOR.oneofs_by_name["body"].fields:
        one = copy.deepcopy(message)
        getattr(one, field.name).SetInParent()
        if field.name == opening[0]:
            getattr(one, field.name).CopyFrom(opening[1])
        yield one


def commands(number):
    command = Command(id=os.urandom(16), number=number, at_ms=now_ms(), actor=Actor(kind=2, id="officer"))
    yield from bodies(command, ("open", Open(grievance=grievance(number), classification=classification())))


def events(number):
    event = CaseEvent(number=number, version=1, at_ms=now_ms(), actor=Actor(kind=0, id="routing"),
                      cause=os.urandom(16), status=1, office="roads-head")
    yield from bodies(event, ("opened", Opened(grievance=grievance(number), classification=classification())))
    yield CaseEvent(number=number, version=2, at_ms=now_ms(), status=2,
                    assigned=Assigned(office="roads-head", deadline_ms=now_ms() + 1000))


def outcomes(number):
    job = NotificationJob(key=os.urandom(16), number=number, event_version=2, kind="assigned", channel="email",
                          event_at_ms=now_ms(), deadline_ms=now_ms() + 1000, sealed_text=os.urandom(60))
    yield NotificationOutcome(job=job, delivery=0, attempts=1, at_ms=now_ms(), first_at_ms=now_ms(),
                              next_at_ms=now_ms() + 10**9, reason="busy", provider_id="x")


SOUND = {"grievances.received": received, "cases.commands": commands, "cases.events": events,
         "notifications.outcomes": outcomes}


def values(field):
    kind = field.type
    if kind == field.TYPE_STRING:
        return ["x" * 9000, MARK, "a\0b", "\u202e\u200b"]
    if kind == field.TYPE_BYTES:
        return [b"", b"x", b"x" * 300_000]
    if kind in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return [float("nan"), float("inf"), -1e30]
    if kind == field.TYPE_ENUM:
        return [77, -1]
    if kind == field.TYPE_BOOL:
        return []
    bits, signed = {field.TYPE_UINT32: (32, False), field.TYPE_INT32: (32, True), field.TYPE_INT64: (64, True)}.get(
        kind, (64, False))
    extremes = [-2**(bits - 1), -1, 2**(bits - 1) - 1] if signed else [2**bits - 1, 2**(bits - 1)]
    return extremes + [0, 1] + ([IN_2099] if bits == 64 else [])


def repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED


def spoil(message):
    """Every message that differs from this one in one field."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name) != field.name:
            continue
        if field.message_type:
            yield from spoil_part(message, field)
            continue
        for value in values(field):
            spoilt = copy.deepcopy(message)
            if repeated(field):
                getattr(spoilt, field.name).append(value)
            else:
                setattr(spoilt, field.name, value)
            yield spoilt


def spoil_part(message, field):
    missing = copy.deepcopy(message)
    missing.ClearField(field.name)
    yield missing
    if repeated(field) and not getattr(message, field.name):
        message = copy.deepcopy(message)
        getattr(message, field.name).add()
    part = getattr(message, field.name)
    if repeated(field):
        many = copy.deepcopy(message)
        getattr(many, field.name).extend([part[0]] * 1000)
        yield many
        part = part[0]
    for inner in spoil(part):
        spoilt = copy.deepcopy(message)
        if repeated(field):
            getattr(spoilt, field.name)[0].CopyFrom(inner)
        else:
            getattr(spoilt, field.name).CopyFrom(inner)
        yield spoilt


def hostile(topic):
    """(case number, bytes) of each; every one of a case of its own."""
    for sound in SOUND[topic](1):
        for position, _ in enumerate(spoil(sound)):
            number = case_number.make(slot=position % 256)
            fresh = [m for m in SOUND[topic](number) if m.DESCRIPTOR.oneofs_by_name.get("body") is None or
                     (m.WhichOneof("body"), m_version(m)) == (sound.WhichOneof("body"), m_version(sound))]
            spoilt = next(s for i, s in enumerate(spoil(fresh[0])) if i == position)
            yield number, spoilt.SerializeToString().replace(MARK.encode(), b"\xff\xfe\xfdQ")


def m_version(message):
    return getattr(message, "version", 0)
