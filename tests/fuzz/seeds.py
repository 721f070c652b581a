#!/usr/bin/env python3
"""Writes the seeds of each fuzz target: tests/fuzz/seeds.py FOLDER. Everything comes from files of the project."""

import itertools
import pathlib
import random
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import raw_http  # noqa: E402
from support.messages import (  # noqa: E402
    Accept, Answered, AnswerCase, Assigned, Assign, CaseEvent, CaseKey, CaseState, Classification, Close, Command,
    Correct, DeadLetter, Epoch, Escalate, Escalated, Grievance, GrievanceReceived, NotificationJob,
    NotificationOutcome, Open, Opened, Place, Reopen, CachedContact)

TABLES = ROOT / "tests" / "tables"


def cases(table):
    """The first column of a table's lines."""
    return [line.rpartition("|")[0].strip().encode() for line in (TABLES / table).read_text().splitlines()
            if line.strip() and not line.startswith("#")]


def messages():
    """The first byte says of which topic, as fuzz_message.c has it."""
    grievance = Grievance(number=37, received_at_ms=1772445600000, channel="web", service_code="water",
                          place=Place(lat=1, lon=2, has_position=True), receipt_hash=b"r" * 32, sealed_text=b"t" * 60,
                          sealed_contact=b"c" * 60, idempotency_key=b"a" * 16)
    guess = Classification(category="water.leak", confidence=0.9, language="en")
    yield 0, GrievanceReceived(grievance=grievance, key=CaseKey(epoch_id=b"e" * 16, text_key=b"k" * 72),
                               epoch=Epoch(id=b"e" * 16, started_at_ms=1, text_for_officer=b"d" * 80))
    for body in ({"open": Open(grievance=grievance, classification=guess)}, {"assign": Assign(office="water-head")},
                 {"accept": Accept()}, {"answer": AnswerCase(sealed_text=b"x" * 41, outcome=1)}, {"close": Close()},
                 {"reopen": Reopen()}, {"correct": Correct(category="water.bill")},
                 {"escalate": Escalate(deadline_ms=5)}):
        yield 1, Command(id=b"i" * 16, number=37, based_on=2, **body)
    for version, body in enumerate(({"opened": Opened(grievance=grievance, classification=guess)},
                                    {"assigned": Assigned(office="water-head", agency="water", deadline_ms=9)},
                                    {"escalated": Escalated(level=1, office="water-head", deadline_ms=9)},
                                    {"answered": Answered(sealed_text=b"x" * 41)}), 1):
        yield 2, CaseEvent(number=37, version=version, at_ms=1772445600000, status=2, cause=b"i" * 16, **body)
    yield 3, NotificationOutcome(job=NotificationJob(key=b"k" * 16, number=37, kind="assigned"), attempts=1)
    yield 4, DeadLetter(topic="cases.events", service="archival", reason="why", value=b"v")
    yield 5, CaseState(number=37, version=2, status=2, office="water-head")
    yield 6, CachedContact(number=37, receipt_hash=b"r" * 32)


def open311_requests():
    form = b"service_code=lighting&lat=48.2&long=16.3&description=dark&attribute[extent]=one&attribute%5Bx%5D%5B%5D=y&" \
        b"email=a%40b.example&phone=1&media_url=https%3A%2F%2Fp.example&first_name=A&last_name=B&address_string=Mill+Lane"
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % tuple(pair.split(b"=", 1))
                     for pair in form.split(b"&"))
    for route in (0, 1):
        yield bytes([route]) + b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\n\n" + form
        yield bytes([route]) + b"Content-Type: multipart/form-data; boundary=x\n\n" + parts + b"--x--\r\n"
        yield bytes([route]) + b'Content-Type: multipart/form-data; boundary="x"\n\n' + parts + \
            b'--x\r\nContent-Disposition: form-data; name="p"; filename="a.jpg"\r\n\r\n\xff\r\n--x--\r\n'


def requests():
    """The first byte says to which route, as fuzz_channel.c has it: channels in the order of their names."""
    yield from open311_requests()
    samples = (ROOT / "deploy/samples/grievances.jsonl").read_bytes().splitlines()
    for body in [*cases("submission.eval")[:20], *samples[:20]]:
        yield b"\3Content-Type: application/json; charset=utf-8\nIdempotency-Key: a-1\n\n" + body
    yield b"\3Content-Type: text/plain\n\nhello"
    sender = b"Authorization: Basic a2FubmVsOmhhbmRzLWluLW1lc3NhZ2Vz\nX-Kannel-From: +351911111111\nQuery: 7f-1\n"
    yield b'\2Content-Type: text/plain; charset="UTF-8"\n' + sender + b"\nThe lamp is dark."
    yield b"\2Content-Type: text/plain; charset=UTF-16BE\nX-Kannel-From: CityApp\n\n\xff"
    yield b"\4Content-Type: application/jsonl\n\n" + b"\n".join(samples[:5]) + b"\nno JSON\r\n\n" + \
        b'{"description": "x", "idempotency_key": "a-1"}'


def batches():
    """A topic of archival's and its partition, the length in two bytes, the message: as fuzz_archive.c has it."""
    found = {kind: [] for kind in range(7)}
    for kind, message in messages():
        found[kind].append(message.SerializeToString())
    topics = (found[0], found[2], found[3], found[4])
    for partition in range(2):
        yield b"".join(bytes([topic + partition * 7]) + len(value).to_bytes(2, "big") + value
                       for topic, values in enumerate(topics) for value in values)


def texts():
    """Samples, and the words that decide about urgency and abuse, several at once."""
    yield from (line.encode() for line in (ROOT / "deploy/samples/grievances.jsonl").read_text().splitlines())
    for name in ("urgency", "abuse"):
        lines = (ROOT / f"deploy/classification/{name}.txt").read_text().splitlines()
        phrases = [line.partition("\t")[2] for line in lines if line and line[0] != "#"]
        for at in range(0, len(phrases), 20):
            yield " ".join(phrases[at:at + 20]).encode()
    yield from ("ＡＢＣ ﬁne e\u0301\u200d\U0001F600 İıẞß".encode(), b"\xff\xc3", b"a" * 3000, "路".encode() * 500)


def language_table():
    """Two languages of each of five scripts; the target adds the checksum."""
    rng, stride, bits = random.Random(1), 16, 4
    table = b"RDRSLNG2" + struct.pack("<I", 5)
    for script in range(1, 6):
        table += struct.pack("<4I7f", script, 2, bits, stride, 0.1, 0.4, 1, 1, 1, 1, 1)
        table += b"aa".ljust(12, b"\0") + b"-".ljust(12, b"\0") + struct.pack(f"<{stride}f", *[0] * stride)
        table += rng.randbytes(stride << bits)
    return table


def models():
    """How many buckets and rows a bucket, then biases, thresholds, buckets and rows: see fuzz_model.c."""
    for buckets, rows in itertools.product((0, 5), (0, 3, 7)):
        count = buckets + 1
        body = struct.pack("<8f", *[0.1] * 4, *[0.5] * 4)
        for at in range(count):
            tags = [7 + k if k < rows else 0 for k in range(8)]
            body += struct.pack("<16I", *tags, *[(at * rows + k) << 8 | 128 if k < rows else 0 for k in range(8)])
        yield bytes([0, buckets, rows, 4]) + body + struct.pack("<f8b", 0.1, *range(8)) * (rows * count)


SEEDS = {
    "text": texts,
    "language": lambda: [language_table()],
    "model": models,
    "json": lambda: cases("submission.eval"),
    "submission": lambda: cases("submission.eval") + (ROOT / "deploy/samples/grievances.jsonl").read_bytes().splitlines(),
    "catalogue": lambda: [(TABLES / "nation.yaml").read_bytes()],
    "rules": lambda: [(TABLES / "routing.rules").read_bytes(), *cases("routing.errors")],
    "forms": lambda: [b"04K7M-2Q9RT-WXYZ1", b"8QK2-93FM-0XDR-7Y1A", b"2 working days", b"90 seconds", b"2026-04-03",
                      b"08:30-17:00", b"closed", "cafe\u0301 \u1100\u1161\u11a8\r\n".encode()],
    "template": lambda: [path.read_bytes() for path in (ROOT / "deploy/templates").glob("*.txt")],
    "settings": lambda: [b"a.text = b\na.number = 7\n# c\na.wait = 250ms\na.flag = yes\na.secret = s\n", b"a.wait=1m"],
    "channel": requests,
    "http": lambda: [b"\0" + data for _, _, data in raw_http.table()],
    "archive": batches,
    "message": lambda: [bytes([kind]) + message.SerializeToString() for kind, message in messages()],
}


def main(folder):
    for name, make in SEEDS.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(make()):
            (place / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
