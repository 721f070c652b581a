"""Asked twice, done once (promise 2)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission


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


def test_after_redis_has_lost_everything(system):
    """It may cost a second number, never a second case; both numbers show the one."""
    body, _ = submission("lost")
    first = system.submit(body, "k-4")
    system.wait_archived(number_of(first))
    system.redis.flushdb()
    second = system.submit(body, "k-4")
    own = assert_one_case(system, [number_of(first), number_of(second)])
    assert own == number_of(first)
    pages = [wait_for("a page", lambda r=r: system.track(r["case_number"], r["receipt_code"]))
             for r in (first, second)]
    assert [page["status"] for page in pages][0] == "assigned"


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
