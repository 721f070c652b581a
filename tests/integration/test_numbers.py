"""No case number is given twice, whatever is started, copied or done to a clock (promise 1); and what was not
given by intake alone is not passed over in silence."""

import itertools
import threading

import pytest
import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.messages import GrievanceReceived, Lease
from support.ports import free_port


class Door:
    """An intake and citizens who keep submitting to it, half of them without a key."""

    def __init__(self, intake, label, threads=4):
        self.url = f"http://{intake.settings['intake.listen']}/v1/grievances"
        self.label = label
        self.taken = []
        self.other = []     # statuses that are not 201
        self._serial = itertools.count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        session = requests.Session()
        while not self._stop.is_set():
            serial = next(self._serial)
            headers = {"Idempotency-Key": f"{self.label} {serial}"} if serial % 2 else {}
            try:
                reply = session.post(self.url, json=submission(f"{self.label} {serial}")[0], headers=headers,
                                     timeout=60)
            except requests.RequestException:
                session = requests.Session()
                continue
            if reply.status_code == 201:
                self.taken.append(reply.json())
            else:
                self.other.append(reply.status_code)

    def wait(self, more):
        goal = len(self.taken) + more
        wait_for(f"{self.label}: {goal} are taken", lambda: len(self.taken) >= goal, 60)

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()
        return self.taken


def assert_distinct_and_archived(system, *doors):
    replies = [reply for door in doors for reply in door.end()]
    numbers = [case_number.read(reply["case_number"]) for reply in replies]
    assert len(set(numbers)) == len(numbers), "a number was given twice"
    assert len({reply["receipt_code"] for reply in replies}) == len(numbers)
    wait_for("every one is archived", lambda: system.archived() >= set(numbers), 60, 0.5)
    assert not system.topics.read("grievances.received.dead")


def leases_of(system):
    """The windows that were given; the topic also has questions for the time and the range of nodes."""
    found = [Lease.FromString(message.value()) for message in system.topics.read("intake.leases")
             if message.value() and message.key().startswith(b"node-")]
    return sorted((lease.node, lease.from_ms, lease.to_ms) for lease in found)


def second_intake(system):
    """Everything as the first has it, but for where it listens."""
    return system.another("intake", intake__listen=f"127.0.0.1:{free_port()}")


@pytest.mark.parametrize("nodes", ["0-254", "9-9"])
def test_two_intakes_with_the_same_settings(system, nodes):
    """With one node for both they take it from each other, and still never the same window."""
    system.use_topics(nodes)
    system.start("intake", "classification", "routing", "archival")
    second = second_intake(system).start()
    for intake in (system.daemon("intake"), second):
        intake.allow("no case numbers can be had", "kafka: ")
    doors = Door(system.daemon("intake"), "first"), Door(second, "second")
    for door in doors:
        door.wait(300)
    assert_distinct_and_archived(system, *doors)
    given = {case_number.read(r["case_number"]) >> 6 & 255 for door in doors for r in door.taken}
    assert given == {9} if nodes == "9-9" else len(given) == 2


def test_a_clock_set_back_and_ahead_between_starts(system):
    system.start("intake", "classification", "routing", "archival")
    intake = system.daemon("intake")
    doors = []
    for clock in (0, -7, 40, -50):
        intake.stop()
        intake.clock = clock
        intake.start()
        door = Door(intake, f"clock {clock}")
        door.wait(150)
        doors.append(door)
        door.end()
    assert_distinct_and_archived(system, *doors)


@pytest.mark.parametrize("clock", [-7200, 30 * 365 * 86400])
def test_with_a_clock_that_is_far_off_nothing_is_taken(system, clock):
    intake = system.daemon("intake")
    intake.allow("no case numbers can be had")
    intake.clock = clock
    intake.start(wait=False)
    wait_for("it says so", lambda: intake.running() and "clock differs from the broker's" in intake.log(), 60)
    told = wait_for("and in readyz", lambda: requests.get(f"http://{intake.admin}/readyz", timeout=60).text)
    assert "this machine's clock differs" in told
    reply = system.post(submission("too early or too late")[0])
    assert reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0
    assert "case_number" not in reply.json()
    assert not system.topics.read("grievances.received")
    assert not leases_of(system)
    intake.stop()
    intake.clock = 0
    intake.start()
    system.submit(submission("in time")[0])


def test_many_starts_in_a_row(system):
    """More than there are nodes: each start has a window of its own."""
    system.use_topics("0-2")
    system.start("classification", "routing", "archival")
    intake = system.daemon("intake")
    intake.allow("no case numbers can be had", "kafka: ")
    replies = []
    for i in range(10):
        intake.start()
        replies.append(system.submit(submission(f"start {i}")[0], f"start {i}" if i % 2 else None))
        intake.kill() if i % 3 else intake.stop()
    windows = leases_of(system)
    assert len(windows) >= 10
    for (node, _, end), (following, begin, _) in itertools.pairwise(windows):
        assert node != following or begin >= end
    numbers = {case_number.read(reply["case_number"]) for reply in replies}
    assert len(numbers) == 10
    wait_for("archived", lambda: system.archived() >= numbers, 60, 0.5)


def test_a_cluster_keeps_its_nodes(system):
    system.use_topics("3-4")
    system.settings["topics.nodes"] = "0-9"
    refused = system.tool("topics", check=False)
    assert refused.returncode == 1 and "has the nodes 3-4 already" in refused.stderr
    system.settings["topics.nodes"] = "0-300"
    refused = system.tool("topics", check=False)
    assert refused.returncode == 1 and "topics.nodes: two numbers from 0 to 254" in refused.stderr
    del system.settings["topics.nodes"]
    system.tool("topics")       # not given: what is kept there
    system.start("intake")
    node = case_number.read(system.submit(submission("of 3 or 4")[0])["case_number"]) >> 6 & 255
    assert node in (3, 4)


# ---- one number, two grievances


def received_of(system, number):
    return next(message for message in system.topics.read("grievances.received")
                if GrievanceReceived.FromString(message.value()).grievance.number == number)


def numbers_taken(system):
    return {name: system.daemon(name).metric(f"redress_{name}_number_taken_total")
            for name in ("routing", "archival")}


def test_another_grievance_under_a_number_is_never_passed_over(system):
    system.start("intake", "classification", "routing", "archival")
    for daemon in system.daemons.values():
        daemon.allow("number-taken", "under case numbers of others", "dead letter")
    for key in (None, "with a key"):
        number = case_number.read(system.submit(submission(f"first {key}")[0], key)["case_number"])
        system.wait_archived(number)
        original = received_of(system, number)
        before = numbers_taken(system)

        def again(change):
            message = GrievanceReceived.FromString(original.value())
            change(message.grievance)
            system.topics.produce("grievances.received", message, original.key(), original.partition())

        again(lambda grievance: None)   # the same bytes: silence
        again(lambda grievance: setattr(grievance, "received_at_ms", grievance.received_at_ms + 5))
        last = system.submit(submission(f"behind {key}")[0], f"behind {key}")
        system.wait_archived(case_number.read(last["case_number"]))
        assert numbers_taken(system) == before

        again(lambda grievance: setattr(grievance, "fingerprint", bytes(16)))
        again(lambda grievance: setattr(grievance, "receipt_hash", bytes(32)))
        wait_for("both say so", lambda: numbers_taken(system) == {
            name: count + 2 for name, count in before.items()}, 40)
    for topic, count in (("grievances.received.dead", 4), ("cases.commands.dead", 4)):
        letters = wait_for("the dead letters", lambda t=topic, c=count: (
            found := system.topics.decoded(t)) and len(found) == c and found, 30, 0.2)
        assert {letter.reason.split(":")[0] for letter in letters} == {"number-taken"}
    assert "level=error" in system.daemon("archival").log()
    assert system.count("cases") == 4
