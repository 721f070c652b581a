"""Bad input gets a clear error, names the field and changes nothing (promise 12)."""

import json
import socket

import pytest
import requests

FINE = {"description": "The lamp is out."}


@pytest.fixture(scope="module")
def door(shared):
    shared.daemon("intake").set(intake__body_timeout="2s")
    shared.start("intake")
    return shared


def nested(depth):
    return b'{"description":' + b"[" * depth + b"]" * depth + b"}"


# body, status, field ("" when no single one)
BODIES = [
    (b"", 400, ""), (b"{", 400, ""), (b"nonsense", 400, ""), (b"[]", 422, ""), (b'"text"', 422, ""),
    (b"null", 422, ""), (b"42", 422, ""), (b'{"description":"a"} more', 400, ""),
    (b'{"description":"a","description":"b"}', 400, ""), (b'{"description":"\xff\xfe"}', 400, ""),
    (b'{"description":"\xed\xa0\x80"}', 400, ""), (b'{"description":"\\ud800"}', 400, ""),
    (b'{"description":"a\\u0000b"}', 400, ""), (nested(10), 422, "description"),
    (nested(20000), 400, ""), (b'{"description":' + b"9" * 400 + b"}", 422, "description"),
]
FIELDS = [
    ({}, "description"), ({"description": ""}, "description"), ({"description": "  \n "}, "description"),
    ({"description": None}, "description"), ({"description": 5}, "description"),
    ({"description": ["a"]}, "description"), ({"description": "x" * 10001}, "description"),
    ({"description": "bell \x07"}, "description"), ({"subject": "x" * 201}, "subject"),
    ({"subject": "two\nlines"}, "subject"), ({"subject": {}}, "subject"),
    ({"address": "x" * 501}, "address"), ({"language": "english please"}, "language"),
    ({"language": "e"}, "language"), ({"language": "x" * 36}, "language"),
    ({"service_code": "no-such"}, "service_code"), ({"area_code": "no-such"}, "area_code"),
    ({"location": "here"}, "location"), ({"location": {}}, "location.lat"),
    ({"location": {"lat": 1}}, "location.lon"), ({"location": {"lat": "1", "lon": 2}}, "location.lat"),
    ({"location": {"lat": 90.1, "lon": 2}}, "location.lat"),
    ({"location": {"lat": 1, "lon": -181}}, "location.lon"),
    ({"location": {"lat": 1, "lon": 2, "height": 3}}, "location.height"),
    ({"answers": []}, "answers"), ({"answers": {"extent": "one"}}, "answers"),
    ({"service_code": "lighting", "answers": {"nothing": "x"}}, "answers.nothing"),
    ({"service_code": "lighting", "answers": {"extent": "half"}}, "answers.extent"),
    ({"service_code": "lighting", "answers": {"extent": {}}}, "answers.extent"),
    ({"service_code": "roads", "answers": {"size": "wide"}}, "answers.size"),
    ({"service_code": "lighting", "answers": {"extent": ["one", "street"]}}, "answers.extent"),
    ({"service_code": "lighting", "answers": {"pole": True}}, "answers.pole"),
    ({"description": "\u200b\u3164"}, "description"), ({"description": "a" + "\u0301" * 31}, "description"),
    ({"\u30b5" * 30: 1}, "\u30b5" * 21), ({"x" * 63 + "\u30b5": 1}, "x" * 63),
    ({"contact": {"phone": "+44 020 7946 0958"}}, "contact.phone"),
    ({"contact": {"email": "Ann <a@b.example>"}}, "contact.email"),
    ({"contact": "me"}, "contact"), ({"contact": {"name": 1}}, "contact.name"),
    ({"contact": {"name": "x" * 201}}, "contact.name"), ({"contact": {"email": "nobody"}}, "contact.email"),
    ({"contact": {"email": "a@b@c.org"}}, "contact.email"),
    ({"contact": {"email": "a@b.org\r\nBcc: c@d.org"}}, "contact.email"),
    ({"contact": {"phone": "12345"}}, "contact.phone"), ({"contact": {"phone": "+0123456789"}}, "contact.phone"),
    ({"contact": {"webhook": "http://example.org"}}, "contact.webhook"),
    ({"contact": {"webhook": "https://u@example.org"}}, "contact.webhook"),
    ({"contact": {"language": "??"}}, "contact.language"), ({"contact": {"age": 5}}, "contact.age"),
    ({"case_number": "1"}, "case_number"),
]


def post(door, body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(door.url("/v1/grievances"), data=body, timeout=60,
                         headers={"Content-Type": "application/json", **named})


def assert_refused(reply, status, field):
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == status and problem["detail"]
    assert problem.get("field", "") == field


@pytest.mark.parametrize("body, status, field", BODIES, ids=range(len(BODIES)))
def test_bodies(door, body, status, field):
    assert_refused(post(door, body), status, field)


@pytest.mark.parametrize("change, field", FIELDS, ids=range(len(FIELDS)))
def test_fields(door, change, field):
    body = {**FINE, **change} if change else {}
    assert_refused(post(door, json.dumps(body).encode()), 422, field)


def test_huge_bodies(door):
    assert_refused(post(door, b'{"description":"' + b"x" * 400000 + b'"}'), 413, "")
    pieces = (b"x" * 10000 for _ in range(60))     # chunked: no length announced
    assert_refused(post(door, pieces), 413, "")


LIMITS = [("description", 10000), ("subject", 200), ("address", 500), ("contact.name", 200)]


def largest(longer=None):
    """The largest submission, every character in the longest way that JSON has."""
    body = {"contact": {}}
    for field, most in LIMITS:
        part, name = (body["contact"], "name") if field == "contact.name" else (body, field)
        part[name] = "\U0001F600" * (most + (field == longer))
    return json.dumps(body, indent=1).encode()     # 12 bytes for each


@pytest.mark.parametrize("longer", [field for field, _ in LIMITS])
def test_one_character_more_names_its_field(door, longer):
    assert_refused(post(door, largest(longer)), 422, longer)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/jsonp", ""])
def test_content_types(door, kind):
    assert_refused(post(door, json.dumps(FINE).encode(), Content_Type=kind), 415, "Content-Type")


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9"])
def test_keys(door, key):
    reply = post(door, json.dumps(FINE).encode(), Idempotency_Key=key.encode("latin-1"))
    assert_refused(reply, 400, "Idempotency-Key")


def test_methods_and_paths(door):
    reply = requests.put(door.url("/v1/grievances"), json=FINE, timeout=60)
    assert reply.status_code == 405 and reply.headers["Allow"] == "POST, OPTIONS"
    assert requests.get(door.url("/v1/other"), timeout=60).status_code == 404
    assert requests.get(door.url("/openapi.json"), timeout=60).json()["openapi"] == "3.1.0"


def test_a_slow_body_does_not_hold_the_door(door):
    with socket.create_connection(("127.0.0.1", door.intake_port), timeout=60) as slow:
        slow.sendall(b"POST /v1/grievances HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 100\r\n\r\n{")
        assert post(door, json.dumps(FINE).encode()).status_code == 201
        answer = slow.recv(1000)        # or the socket's patience ends
        assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]


def test_nothing_of_it_was_taken(door):
    """Last in this file: only the one that was fine is in Kafka."""
    assert len(door.topics.read("grievances.received")) == 1


def test_the_largest_is_taken(door):
    reply = post(door, largest())
    assert reply.status_code == 201, reply.text


def test_what_is_odd_but_right_is_taken(door):
    for body in ({**FINE, "subject": None}, {**FINE, "contact": {}},
                 {"description": "cafe\u0301 \U0001F6B0\r\nsecond line"},
                 {"description": "Stra\u00c3\u009fe, decoded wrongly on its way"},
                 {**FINE, "contact": {"phone": "00351 (21) 234-56.78"}}):
        assert post(door, json.dumps(body).encode()).status_code == 201
