"""Redis loses single keys (eviction, an operator's mistake), and cases.events holds what follows nothing: both are
noticed and healed while everything runs (promise 5)."""

import re
import random

import pytest
import requests

from support import case_number
from support.commands import Desk, headers, now_ms
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept, Actor, CaseEvent, Commented, Opened, Status
from support.hostile import grievance


def officer():
    return Actor(kind=Actor.OFFICER, id="officer.test")


@pytest.fixture
def running(system):
    system.start("intake", "classification", "routing", "archival")
    system.daemon("routing").allow("Redis", "passed over")
    return system


def cases(system, count):
    numbers = [case_number.read(system.submit(submission(f"lost {i}")[0], f"lost {i}")["case_number"])
               for i in range(count)]
    for number in numbers:
        system.wait_archived(number)
    return numbers


def key(system, number):
    return f"case:{{{system.partition(number)}}}:{number:016x}"


def accept(desk, number, version=2):
    desk.send(number, version, officer(), accept=Accept())
    return desk.wait_version(number, version + 1, 40)


def test_a_case_that_redis_has_lost_is_found_again(running):
    desk, numbers = Desk(running), cases(running, 12)
    states = {number: running.redis.get(key(running, number)) for number in numbers}
    lost = numbers[:8]
    running.redis.delete(*[key(running, number) for number in lost])
    history = accept(desk, lost[0])
    assert history[2].status == Status.Value("IN_PROGRESS") and not desk.refusals(lost[0])
    wait_for("the others are back without a command", lambda: all(
        running.redis.exists(key(running, number)) for number in lost), 40, 0.3)
    for number in lost[1:]:
        assert running.redis.get(key(running, number)) == states[number]
    assert running.daemon("routing").metric("redress_routing_lost_total") == len(lost)


def test_numbers_that_never_were_cost_nothing(running):
    desk = Desk(running)
    cases(running, 2)
    unknown = [case_number.make(slot=i) for i in range(20)]
    for number in unknown:
        desk.send(number, 2, officer(), accept=Accept())
    for number in unknown:
        wait_for("a refusal", lambda n=number: desk.refusals(n), 20, 0.2)
    assert running.daemon("routing").metric("redress_routing_lost_total") == 0
    assert "lost" not in running.daemon("routing").log()


def test_something_else_in_the_place_of_a_case(running):
    desk, numbers = Desk(running), cases(running, 3)
    for number, value in zip(numbers, (b"garbage", b"", running.redis.get(key(running, numbers[1])))):
        running.redis.set(key(running, number), value)
    for number in numbers:
        accept(desk, number)
        assert not desk.refusals(number)


def test_clocks_that_redis_has_lost_are_wound_again(running):
    numbers = cases(running, 12)
    def clocks():
        return {(k, member): score for k in running.redis.scan_iter("due:*")
                for member, score in running.redis.zrange(k, 0, -1, withscores=True)}

    before = clocks()
    assert len(before) == len(numbers)
    for number in numbers[:3]:
        running.redis.zrem(f"due:{{{running.partition(number)}}}", f"{number:016x}")
    wait_for("single ones are back", lambda: clocks() == before, 40, 0.3)
    running.redis.delete(*running.redis.scan_iter("due:*"))
    wait_for("all are back", lambda: clocks() == before, 40, 0.3)


def test_a_key_with_two_numbers_is_one_case_though_redis_forgot_the_first(running):
    """Two intakes that share no Redis, by mistake, give a key two numbers; and routing's memory is gone."""
    url = running.start_stranger()
    body = submission("same again")[0]
    first = case_number.read(running.submit(body, "the key")["case_number"])
    running.wait_archived(first)
    running.redis.delete(*running.redis.scan_iter("idem:*"))
    number = case_number.read(running.submit(body, "the key", url)["case_number"])
    running.wait_archived(number)
    assert number != first
    assert running.sql("SELECT alias_of FROM cases WHERE number = %s", number)[0].alias_of == first


def test_any_keys_of_the_view_may_vanish_at_any_time(running):
    desk, chance = Desk(running), random.Random(7)
    numbers = cases(running, 16)
    versions = dict.fromkeys(numbers, 2)
    for turn in range(6):
        keys = sorted(k for pattern in ("case:*", "due:*", "idem:*", "pos:*") for k in running.redis.scan_iter(pattern))
        running.redis.delete(*chance.sample(keys, len(keys) // 2))
        for number in chance.sample(numbers, 4):
            desk.send(number, versions[number], officer(), comment={"sealed_text": b"x" * 60, "public": True})
            versions[number] += 1
        for number in numbers:
            desk.wait_version(number, versions[number], 60)
    assert not any(desk.refusals(number) for number in numbers)
    wait_for("every case is there again", lambda: all(
        running.redis.exists(key(running, number)) for number in numbers), 60, 0.5)
    for number in numbers:
        running.wait_archived(number, versions[number])


def test_it_is_said_that_redis_may_lose_keys(running):
    routing = running.daemon("routing")
    configured = {name: running.redis.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy")}
    try:
        running.redis.config_set("maxmemory", "1gb")
        running.redis.config_set("maxmemory-policy", "allkeys-lru")
        routing.restart()
        wait_for("it says so", lambda: "noeviction" in routing.log(), 30, 0.3)
        assert routing.ready(), "it works all the same"
        text = requests.get(f"http://{routing.admin}/readyz", timeout=30).text
        assert "maxmemory-policy" in text
    finally:
        for name, value in configured.items():
            running.redis.config_set(name, value)


# ---- one event that follows nothing ------------------------------------------------------------------

def produce(system, number, version, partition=None, **body):
    event = CaseEvent(number=number, version=version, at_ms=now_ms(), status=2, office="roads-head", **body)
    system.topics.produce("cases.events", event, case_number.write(number).encode(),
                          system.partition(number) if partition is None else partition, headers("redress.case.event"))


def test_an_event_out_of_sequence_stops_no_restore(running):
    """A gap, a repeat, another partition, a history without a beginning, garbage: each is passed over."""
    desk = Desk(running)
    number, other = cases(running, 2)
    running.daemon("archival").allow("dead letter")
    note = Commented(sealed_text=b"x" * 60)
    produce(running, number, 7, commented=note)
    produce(running, number, 1, opened=Opened(grievance=grievance(number)))
    produce(running, number, 2, commented=note)
    produce(running, number, 3, partition=(running.partition(number) + 1) % running.partitions, commented=note)
    produce(running, case_number.make(slot=1), 7, commented=note)
    produce(running, case_number.make(slot=2), 1, commented=note)
    for partition in range(running.partitions):
        running.topics.produce("cases.events", b"\xff\xfe garbage", b"", partition)
    running.redis.flushdb()
    for each in (number, other):
        desk.send(each, 2, officer(), accept=Accept())
        running.wait_archived(each, 3)
    assert running.daemon("routing").metric("redress_routing_set_aside_total") >= 3
    running.wait_keys()
    cases(running, 4)
    record = {row.number: row.version for row in running.sql("SELECT number, version FROM cases")}
    assert len(record) == 4, "what follows nothing is in no history, neither in Redis nor in the record"
    assert {int(k.split(b":")[2], 16) for k in running.redis.scan_iter("case:*")} == set(record)
    assert "the record agrees" in running.tool("audit", "verify").stdout


def test_many_of_them_are_told_once(running):
    cases(running, 1)
    running.daemon("archival").allow("dead letter")
    events = []
    for i in range(3000):
        number = case_number.make(slot=i % 256)
        event = CaseEvent(number=number, version=5, at_ms=now_ms(), status=2, commented=Commented(sealed_text=b"x" * 60))
        events.append((event.SerializeToString(), case_number.write(number).encode(), running.partition(number)))
    running.topics.produce_all("cases.events", events)
    running.redis.flushdb()
    assert Desk(running).open()
    routing = running.daemon("routing")
    # each partition is restored when it is needed, or by the sweep
    wait_for("all of them are passed over", lambda: sum(
        map(int, re.findall(r"passed over (\d+) events", routing.log()))) == 3000, 60)
    assert routing.log().count("passed over while restoring: ") <= 5 * running.partitions
