"""Many grievances in one request, each with an answer of its own (POST /v1/grievances/batch)."""

import json

import pytest
import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission

ROWS_MAX, BYTES_MAX = 100, 512 * 1024


@pytest.fixture(scope="module")
def town(shared):
    return shared.start()


def post(system, rows, kind="application/jsonl"):
    """Rows as JSON objects, or lines as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return requests.post(system.url("/v1/grievances/batch"), data=b"\n".join(lines), timeout=60,
                         headers={"Content-Type": kind})


def results(reply):
    assert reply.status_code == 200, f"{reply.status_code} {reply.text}"
    return [json.loads(line) for line in reply.text.splitlines()]


def rows_of(name, count):
    return [submission(f"{name} {i}", idempotency_key=f"{name}-{i}")[0] for i in range(count)]


def test_every_row_has_its_answer(town):
    good = rows_of("batch", 4)
    rows = [good[0], b"", b"no JSON", good[1], {"subject": "nothing said"}, good[2] | {"area_code": "no-such"},
            b'["no object"]', b"\r", good[3]]
    answers = results(post(town, rows))
    assert [(answer["line"], answer["status"]) for answer in answers] == [
        (1, 201), (3, 400), (4, 201), (5, 422), (6, 422), (7, 422), (9, 201)]
    assert [answer.get("field") for answer in answers if answer["status"] == 422] == ["description", "area_code", None]
    taken = [answer for answer in answers if answer["status"] == 201]
    numbers = {case_number.read(answer["case_number"]) for answer in taken}
    wait_for("each is a case", lambda: town.archived() >= numbers, 60, 0.1)
    assert town.count("grievances") == len(numbers) == 3
    for answer in taken:
        assert town.track(answer["case_number"], answer["receipt_code"])["case_number"] == answer["case_number"]


def test_what_comes_again_is_the_same_case(town):
    rows = rows_of("again", 30)
    first = results(post(town, rows[:20]))
    again = results(post(town, rows))
    assert [answer["case_number"] for answer in again[:20]] == [answer["case_number"] for answer in first]
    assert [answer.get("replayed", False) for answer in again] == [True] * 20 + [False] * 10
    # within one request as well, and not for another text
    twice = results(post(town, [rows[0], rows[0], rows[1] | {"description": "another"}]))
    assert [answer["status"] for answer in twice] == [201, 201, 422]
    assert twice[0]["case_number"] == twice[1]["case_number"] == first[0]["case_number"]
    assert twice[2]["field"] == "Idempotency-Key"
    # the key is the web's: alone, the same row is the same case
    alone = {name: value for name, value in rows[2].items() if name != "idempotency_key"}
    assert town.submit(alone, key="again-2")["case_number"] == first[2]["case_number"]


@pytest.mark.parametrize("rows, kind, status, code", [
    ([], "application/jsonl", 400, "missing"), ([b"", b"\r", b""], "application/jsonl", 400, "missing"),
    ([b"{}"], "application/json", 415, "wrong-content-type"),
    ([b"{}"] * (ROWS_MAX + 1), "application/x-ndjson", 413, "too-many"),
    ([b"x" * (BYTES_MAX + 1)], "application/jsonl", 413, "too-large")])
def test_what_is_no_batch(town, rows, kind, status, code):
    reply = post(town, rows, kind)
    assert (reply.status_code, reply.json()["type"]) == (status, f"urn:redress:problem:{code}")


def test_one_grievance_has_the_limit_of_one(town):
    reply = requests.post(town.url("/v1/grievances"), data=b" " * (BYTES_MAX - 1), timeout=60,
                          headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


def test_a_key_is_a_member_of_rows_alone(town):
    reply = town.post({"description": "The lamp is out.", "idempotency_key": "a"})
    assert reply.status_code == 422 and reply.json()["field"] == "idempotency_key"
    answer, = results(post(town, [{"description": "The lamp is out.", "idempotency_key": "\u00e9"}]))
    assert answer["status"] == 400 and answer["field"] == "Idempotency-Key"


def test_rows_count_as_often_as_they_are(system):
    system.daemon("intake").set(intake__rate_per_address=10, intake__rate_per_network=1000)
    system.start("intake")
    answers = results(post(system, rows_of("often", 30)))
    assert [answer["status"] for answer in answers] == [201] * 20 + [429] * 10
    assert all(answer["retry_after"] >= 1 for answer in answers[20:])
    whole = post(system, rows_of("more often", 3))
    assert whole.status_code == 429 and int(whole.headers["Retry-After"]) >= 1


def test_rows_that_meet_no_room_are_told_so(system):
    system.daemon("intake").set(intake__under_way=40)
    system.start("intake")
    answers = results(post(system, rows_of("room", 60)))
    assert {answer["status"] for answer in answers} == {201, 503}
    assert all(answer["retry_after"] and "nothing was taken" in answer["detail"]
               for answer in answers if answer["status"] == 503)
    # none of the refused ones is there, and they can be sent again
    refused = [i for i, answer in enumerate(answers) if answer["status"] == 503]
    again = results(post(system, [rows_of("room", 60)[i] for i in refused]))
    assert {answer["status"] for answer in again} == {201} and not any("replayed" in answer for answer in again)
