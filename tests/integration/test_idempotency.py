"""Asked twice, done once (promise 2)."""

import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.messages import ROOT
from support.ports import free_port


@pytest.fixture(scope="module")
def running(shared):
    return shared.start()


@pytest.fixture
def system(running):
    """What was there before a test is not its business."""
    running.before = running.archived()
    return running


def assert_one_case(system, numbers):
    """Whatever numbers were given, one case lives on; others only lead to it."""
    for number in numbers:
        system.wait_archived(number)
    assert system.archived() - system.before == set(numbers)
    own = system.sql("SELECT number FROM cases WHERE alias_of IS NULL AND number = ANY (%s)", list(numbers))
    assert len(own) == 1, own
    return own[0].number


def number_of(reply):
    return case_number.read(reply["case_number"])


def test_the_same_key_twice(system):
    body, _ = submission("twice")
    first, second = system.submit(body, "k-1"), system.submit(body, "k-1")
    assert (first["case_number"], first["receipt_code"]) == (
        second["case_number"], second["receipt_code"])
    assert_one_case(system, [number_of(first)])


def test_twenty_at_once(system):
    body, _ = submission("at once")
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: system.submit(body, "k-2"), range(20)))
    assert len({reply["case_number"] for reply in replies}) == 1
    assert len({reply["receipt_code"] for reply in replies}) == 1
    assert_one_case(system, [number_of(replies[0])])


def test_after_a_restart_of_intake(system):
    body, _ = submission("restart")
    first = system.submit(body, "k-3")
    system.daemon("intake").restart()
    assert system.submit(body, "k-3")["case_number"] == first["case_number"]
    system.daemon("intake").kill()
    system.daemon("intake").start()
    assert system.submit(body, "k-3")["case_number"] == first["case_number"]
    assert_one_case(system, [number_of(first)])


def receipt(reply):
    return reply["case_number"], reply["receipt_code"]


def insist(system, body, key, url=None):
    """As the answer says: the same again until it is known. What was told meanwhile must not be a number."""
    def ask():
        reply = requests.post(url or system.url("/v1/grievances"), json=body, headers={"Idempotency-Key": key},
                              timeout=60)
        if reply.status_code == 201:
            return reply.json()
        assert reply.status_code == 503 and reply.headers["Retry-After"], f"{reply.status_code} {reply.text}"
        assert "case_number" not in reply.json(), reply.text
        return None
    return wait_for("the key is known", ask)


def test_after_redis_has_lost_everything(system):
    body, _ = submission("lost")
    first = system.submit(body, "k-4")
    system.redis.flushdb()
    assert receipt(insist(system, body, "k-4")) == receipt(first)
    assert_one_case(system, [number_of(first)])


def test_after_redis_has_lost_some_keys(system):
    """What is evicted is a whole key of Redis, whichever that is."""
    told = {n: system.submit(submission(f"evicted {n}")[0], f"k-evicted {n}") for n in range(12)}
    for lost in ("reservations:{0}", "reservations:{1}"):
        assert system.redis.delete(lost)
    for key in system.redis.scan_iter("idem:*"):
        system.redis.delete(key)
    for n, first in told.items():
        assert receipt(insist(system, submission(f"evicted {n}")[0], f"k-evicted {n}")) == receipt(first)
    assert_each_a_case(system, told.values())


def assert_each_a_case(system, replies):
    numbers = {number_of(reply) for reply in replies}
    for number in numbers:
        system.wait_archived(number)
    assert system.archived() - system.before == numbers
    assert not system.count("cases WHERE alias_of IS NOT NULL AND number = ANY (%s)", list(numbers))


def test_after_intake_and_redis_are_started_anew(system):
    told = {n: system.submit(submission(f"anew {n}")[0], f"k-anew {n}") for n in range(8)}
    system.daemon("intake").kill()
    system.redis.flushdb()
    system.daemon("intake").start()
    for n, first in told.items():
        again = system.submit(submission(f"anew {n}")[0], f"k-anew {n}")     # what is ready knows
        assert receipt(again) == receipt(first)
    assert_each_a_case(system, told.values())


def test_no_number_while_redis_cannot_say(system):
    """What has a key is put off, and what has none is taken."""
    body, _ = submission("put off")
    first, intake = system.submit(body, "k-put-off"), system.daemon("intake")
    system.redis.delete(*system.redis.scan_iter("reservations:*"))
    system.redis.config_set("min-replicas-to-write", 1)     # so that nothing can be put back
    intake.allow("will try again")
    try:
        wait_for("the loss is seen", lambda: intake.metric("redress_intake_reservations_lost_partitions"))
        for key in ("k-put-off", "k-never-seen"):
            reply = system.post(body, key)
            assert reply.status_code == 503 and reply.headers["Retry-After"], reply.text
            assert reply.json()["type"].endswith("busy") and "case_number" not in reply.json()
        keyless = system.submit(submission("has no key")[0])
    finally:
        system.redis.config_set("min-replicas-to-write", 0)
    assert receipt(insist(system, body, "k-put-off")) == receipt(first)
    assert_each_a_case(system, [first, keyless])
    wait_for("nothing is lost", lambda: not intake.metric("redress_intake_reservations_lost_partitions"))


def test_a_key_is_known_to_every_intake_whatever_redis_loses(system):
    """Two intakes under load, and Redis flushed, robbed of keys and of marks in between: whoever was told a number
    is told no other one."""
    second = system.another("intake", node__id=2, intake__listen=f"127.0.0.1:{free_port()}")
    second.start()
    urls = [system.url("/v1/grievances"), f"http://{second.settings['intake.listen']}/v1/grievances"]
    for one in (system.daemon("intake"), second):
        one.allow("will try again")
    system.daemon("routing").allow("was taken from us again")
    ended, told = threading.Event(), {}

    def citizen(who):
        chance, seen = random.Random(who), {}
        while not ended.is_set() or not seen:
            key = f"k-loss {who} {chance.randrange(40)}"
            reply = requests.post(chance.choice(urls), json=submission(key)[0], headers={"Idempotency-Key": key},
                                  timeout=60)
            if reply.status_code == 201:
                seen.setdefault(key, set()).add(receipt(reply.json()))
            else:
                assert reply.status_code == 503, reply.text
        told.update(seen)

    def losses():
        chance = random.Random(1)
        for turn in range(12):
            if turn % 3 == 0:
                system.redis.flushdb()
            else:
                kept = sorted(system.redis.scan_iter("reservations:*"))
                for name in chance.sample(kept, min(2, len(kept))):
                    system.redis.delete(name)
            system.wait_keys()

    try:
        with ThreadPoolExecutor(7) as pool:
            people = [pool.submit(citizen, who) for who in range(6)]
            try:
                losses()
            finally:
                ended.set()
            for person in people:
                person.result()
    finally:
        second.stop()
    several = {key: numbers for key, numbers in told.items() if len(numbers) > 1}
    assert not several, several
    for key, numbers in told.items():
        assert receipt(insist(system, submission(key)[0], key)) in numbers


def test_what_redis_keeps_of_keys_has_an_end(system):
    """Those that are past their time leave, the others stay."""
    intake = system.daemon("intake")
    fresh = system.submit(submission("fresh")[0], "k-fresh")
    partition = system.partition(number_of(fresh))
    name = f"reservations:{{{partition}}}"
    field = next(f for f, v in system.redis.hgetall(name).items() if v[:8] == number_of(fresh).to_bytes(8, "big"))
    aged = number_of(fresh) - (3 * 86_400_000 << 22)     # three days; kept are two and a half
    system.redis.hset(name, bytes(16), aged.to_bytes(8, "big") + bytes(17))
    system.redis.hset(name, b"~" + b"0" * 16, b"")       # of somebody who did not come to an end
    wait_for("the old ones are gone", lambda: set(system.redis.hkeys(name)).isdisjoint(
        {bytes(16), b"~" + b"0" * 16}))
    assert {field, b"."} <= set(system.redis.hkeys(name))
    assert intake.running()
    system.wait_archived(number_of(fresh))


def test_other_keys_are_other_cases(system):
    body, _ = submission("others")
    replies = [system.submit(body, f"k-5-{i}") for i in range(5)] + [system.submit(body)]
    for reply in replies:
        system.wait_archived(number_of(reply))
    assert len({reply["case_number"] for reply in replies}) == 6
    assert system.archived() - system.before == {number_of(reply) for reply in replies}


def test_the_same_key_with_another_text_is_a_mistake(system):
    system.submit(submission("one text")[0], "k-6")
    reply = system.post(submission("another text")[0], "k-6")
    assert reply.status_code in (409, 422)
    assert "Idempotency-Key" in reply.text


def test_white_space_around_a_key_is_no_part_of_it(system):
    body, _ = submission("spaces")
    first = system.submit(body, "k 7")
    assert system.submit(body, "k 7 ")["case_number"] == first["case_number"]
    assert system.submit(body, "k 7\t ")["case_number"] == first["case_number"]
    other = system.submit(body, "k  7")
    assert other["case_number"] != first["case_number"], "inside it counts"
    for reply in (first, other):
        system.wait_archived(number_of(reply))
    for key in ("é".encode(), "k" * 201):
        reply = system.post(body, key)
        assert reply.status_code == 400 and reply.json()["field"] == "Idempotency-Key"


def test_a_repetition_of_what_could_not_be_taken_now(system, tmp_path):
    """The service asks more than it did: who has sent it before gets the same answer, who has not is refused."""
    intake = system.daemon("intake")
    folder = tmp_path / "catalogue"
    shutil.copytree(ROOT / "deploy" / "catalogue", folder)
    body, _ = submission("a service that changes", service_code="energy")
    first = system.submit(body, "k-8")
    kept = intake.settings["catalogue.folder"]
    services = folder / "services.yaml"
    services.write_text(services.read_text().replace(
        "    name: Electricity and gas\n", "    name: Electricity and gas\n    questions:\n"
        "      - {code: meter, text: Number of the meter, datatype: string, required: yes}\n"))
    try:
        intake.set(catalogue__folder=folder).restart()
        again = system.submit(body, "k-8")
        assert (again["case_number"], again["receipt_code"]) == (first["case_number"], first["receipt_code"])
        unknown = system.post(body, "k-8b")
        assert unknown.status_code == 422 and unknown.json()["field"] == "answers.meter"
        assert system.post(body).status_code == 422
        other = system.post({**body, "description": "another"}, "k-8")
        assert other.status_code == 422 and other.json()["field"] == "Idempotency-Key"
    finally:
        intake.set(catalogue__folder=kept).restart()
    assert_one_case(system, [number_of(first)])
