"""Erasing a person's data by destroying a key; the audit trail stays valid (promise 9)."""

import os
import signal
import subprocess

import nacl.exceptions
import psycopg2
import pytest
import requests

from support import case_number, ledger
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.mail import MailServer
from support.messages import AnswerCase, Comment, DEAD, GrievanceReceived, OF_TOPIC
from support.system import binary

HOLDS_KEYS = {"grievances.received"}     # until its retention has passed


class Person:
    def __init__(self, system, seed, key=None, url=None):
        self.system = system
        self.body, self.citizen = submission(seed)
        self.reply = system.submit(self.body, key, url)
        self.text = self.reply["case_number"]
        self.number = case_number.read(self.text)
        system.wait_archived(self.number)

    def wrapped_keys(self):
        """As they were in the only topic that has them."""
        return [key for received in self.system.topics.decoded("grievances.received")
                if received.grievance.number == self.number
                for key in (received.key.text_key, received.key.contact_key)]

    def opened(self):
        """What the desk can read of it now, from everything that the record has."""
        record = self.system.grievance_records()[self.number]
        desk = self.system.role("officer")
        return (desk.text(record.epoch, record.key, self.number, record.sealed_text),
                desk.contact(record.epoch, record.key, self.number, record.sealed_contact))

    def page(self):
        return self.system.track(self.text, self.reply["receipt_code"])

    def settled_page(self):
        """When the citizen has been told, and so nothing more happens by itself."""
        return wait_for("the citizen is told", lambda: (page := self.page()) and any(
            one["delivery"] == "delivered" for one in page["notifications"]) and page)

    def erase(self, *words, check=True):
        return self.system.tool("erase", self.text, "--reason", "asked for it, letter 7", "--by", "clerk.a",
                                *words, check=check)


@pytest.fixture(scope="module")
def running(shared):
    mail = MailServer()
    shared.daemon("notification").set(**mail.settings, notification__retry="300ms")
    shared.start()
    shared.mail = mail
    yield shared
    mail.close()


def everything(system):
    """(where, bytes) of all that is kept anywhere but in the topics that may hold keys."""
    dump = subprocess.run(["pg_dump", system.servers.conninfo(system.name)], capture_output=True,
                          check=True).stdout
    yield "PostgreSQL", dump
    for key in system.redis.scan_iter(count=1000):
        yield f"Redis {key}", key + (system.redis.dump(key) or b"")
    for topic in [*OF_TOPIC, *(topic + DEAD for topic in OF_TOPIC)]:
        for message in system.topics.read(topic) if topic not in HOLDS_KEYS else ():
            yield topic, (message.key() or b"") + (message.value() or b"")


def find(system, keys):
    """Where one of these keys is, raw or as the dump writes it."""
    needles = [form for key in keys for form in (key, key.hex().encode())]
    return {where for where, data in everything(system) if any(needle in data for needle in needles)}


def test_what_was_erased_cannot_be_opened_any_more(running):
    person, neighbour = Person(running, "erase me"), Person(running, "leave me")
    keys = person.wrapped_keys()
    assert len(keys) == 2 and all(len(key) == 72 for key in keys)
    text, contact = person.opened()
    assert text.description == person.body["description"] and contact.email == person.citizen.email
    assert len(find(running, keys)) == 2, "the search finds them in the record and in the contact cache"
    before, proof = person.settled_page(), proof_of(person)

    done = person.erase()
    assert "Erased: the keys of 1 grievances" in done.stdout
    assert "may still hold a wrapped key" in done.stdout, "it says plainly what is left"
    assert find(running, keys) == set()
    assert person.number not in running.grievance_records()
    row = running.sql("SELECT sealed_text, sealed_contact FROM grievances WHERE number = %s",
                      person.number)[0]
    assert_no_key_opens(running, person.number, bytes(row.sealed_text))

    assert "The case is ended." in done.stdout
    page = wait_for("the case is over", lambda: (page := person.page())["status"] == "erased" and page)
    assert page["erased_at"] and "erased" in page["erased_text"]
    assert page["history"][:len(before["history"])] == before["history"], "its history stays"
    assert page["history"][-1]["kind"] == "erased" and "answer_due" not in page
    assert "the record agrees" in running.tool("audit", "verify").stdout
    assert seen(proof_of(person))[:-1] == seen(proof), "with one more event"
    assert neighbour.opened()[0].description == neighbour.body["description"]
    assert "erased_at" not in neighbour.page()


def seen(proof):
    return [(event["version"], event["kind"], event["body_hash"]) for event in proof["events"]]


def proof_of(person):
    url = f"http://127.0.0.1:{person.system.portal_port}/v1/cases/{person.text}/proof"
    reply = requests.get(url, headers={"Authorization": f"Receipt {person.reply['receipt_code']}"}, timeout=60)
    ledger.check(reply.json())
    return reply.json()


def assert_no_key_opens(system, number, sealed):
    """Not with any key that is left, of any case, opened by the role that reads everything."""
    desk, tried = system.role("officer"), 0
    for record in system.grievance_records().values():
        with pytest.raises((nacl.exceptions.CryptoError, ValueError)):
            desk.text(record.epoch, record.key, number, sealed)
        tried += 1
    assert tried


def test_it_is_on_record_for_ever(running):
    person = Person(running, "on record")
    person.erase()
    row = running.sql("SELECT * FROM erasures WHERE number = %s", person.number)[0]
    assert (row.erased_by, row.reason, row.db_user) == ("clerk.a", "asked for it, letter 7", "redress_eraser")
    for change in ("UPDATE erasures SET erased_by = 'nobody'", "DELETE FROM erasures", "TRUNCATE erasures"):
        with pytest.raises(psycopg2.Error, match="append-only"):
            running.sql(change)
    assert f"{person.text}  " in running.tool("erase", "list").stdout
    again = running.tool("erase", person.text, "--reason", "once more", "--by", "clerk.b")
    assert "before" in again.stdout
    assert running.sql("SELECT * FROM erasures WHERE number = %s", person.number)[0] == row


def test_the_other_numbers_of_the_same_are_erased_too(running):
    """Two intakes that shared no Redis gave one key two numbers, so the person's data is there twice."""
    url = running.start_stranger()
    first = Person(running, "twice", "erase-k")
    second = Person(running, "twice", "erase-k", url)
    assert first.number != second.number
    keys = first.wrapped_keys() + second.wrapped_keys()
    assert "the keys of 2 grievances" in second.erase().stdout
    assert find(running, keys) == set()
    assert first.page()["erased_at"] and second.page()["erased_at"]


def test_nothing_is_sent_to_who_was_erased(running):
    person = Person(running, "no more mail")
    wait_for("the first mail", lambda: running.mail.to(person.citizen.email), 30)
    person.erase()
    desk = Desk(running)
    desk.send(person.number, desk.history(person.number)[-1].version, answer=AnswerCase(sealed_text=b"x" * 60, outcome=1))
    refused = wait_for("a refusal", lambda: desk.refusals(person.number), 20, 0.1)
    assert refused[0].reason.code, "nothing can be done about it any more"
    other = Person(running, "the next one")     # a later one of the mail server: ours would have come
    wait_for("its mail", lambda: running.mail.to(other.citizen.email), 30)
    assert len(running.mail.to(person.citizen.email)) == 1


def test_it_is_in_no_list_and_on_no_clock(running):
    person = Person(running, "no clock")
    wait_for("it is with an office", lambda: running.sql(
        "SELECT deadline FROM cases WHERE number = %s AND office <> '' AND deadline IS NOT NULL", person.number), 20)
    person.erase()
    row = wait_for("the record has it", lambda: running.sql(
        "SELECT * FROM cases WHERE number = %s AND status = 'erased'", person.number), 20)[0]
    assert row.deadline is None
    listed = running.tool("officer", "due", row.office).stdout
    assert person.text not in listed
    again = person.erase()
    assert "before" in again.stdout and "is ended" not in again.stdout


def test_a_case_that_moves_meanwhile_is_ended_all_the_same(running):
    """The record is behind: routing knows a later version, which the first try does not."""
    person, desk = Person(running, "moving"), Desk(running)
    desk.wait_version(person.number, 2)
    os.kill(running.daemon("archival").process.pid, signal.SIGSTOP)
    try:
        for version in (2, 3):
            desk.send(person.number, version, comment=Comment(sealed_text=b"n" * 60))
            desk.wait_version(person.number, version + 1)
        assert "The case is ended." in person.erase().stdout
    finally:
        os.kill(running.daemon("archival").process.pid, signal.SIGCONT)
    assert desk.history(person.number)[-1].WhichOneof("body") == "erased"


def test_what_routing_did_not_end_is_said_and_done_by_the_next_run(running):
    person = Person(running, "no routing")
    running.settings["command.wait"] = "500ms"
    os.kill(running.daemon("routing").process.pid, signal.SIGSTOP)
    try:
        done = person.erase(check=False)
    finally:
        os.kill(running.daemon("routing").process.pid, signal.SIGCONT)
        del running.settings["command.wait"]
    assert done.returncode == 1 and "run it again" in done.stderr
    assert not running.count(f"case_keys WHERE number = {person.number}"), "the keys are gone all the same"
    person.erase()
    wait_for("it is ended", lambda: person.page()["status"] == "erased")


def test_dead_letters_keep_no_key_in_the_record(running):
    """Copies of the message that nobody can process: one broken, one with another key for its text."""
    person = Person(running, "dead letter")
    keys = person.wrapped_keys()
    message = next(m for m in running.topics.read("grievances.received") if m.key().decode() == person.text)
    odd = GrievanceReceived.FromString(message.value())
    odd.key.text_key = bytes(len(odd.key.text_key))
    for name in ("classification", "archival"):
        running.daemon(name).allow("dead letter")
    for value in (message.value() + b"\x0a\xff", odd.SerializeToString()):
        running.topics.produce("grievances.received", value, message.key(), message.partition())
    letters = "dead_letters WHERE topic = 'grievances.received'"
    wait_for("the letters are in the record", lambda: running.count(letters) == 3, 30)
    done = person.erase().stdout
    assert "Kafka's grievances.received may" in done and "Kafka's grievances.received.dead may" in done
    assert find(running, keys) == {"grievances.received.dead"}, "until its retention has passed"
    assert running.count(letters) == 3


def test_mistakes_erase_nothing(running):
    person = Person(running, "mistakes")
    never = case_number.write(case_number.make())
    for words, code, says in (
            ([person.text], 2, "--reason"), ([person.text, "--reason", ""], 2, "--reason"),
            ([person.text, "--reason"], 2, "--reason"), ([person.text, "--reason", "x", "--all"], 2, "--all"),
            ([person.text, "--reason", "two\nlines"], 2, "--reason"), ([], 2, "missing"),
            (["0000", "--reason", "x"], 2, "no case number"), ([never, "--reason", "x"], 1, "no such case")):
        done = running.tool("erase", *words, check=False)
        assert done.returncode == code and says in done.stdout + done.stderr, (words, done)
    running.servers.stop("redis")
    try:
        for daemon in running.daemons.values():
            daemon.allow("edis", "will try again")
        done = person.erase(check=False)
        assert done.returncode == 1
    finally:
        running.servers.start("redis")
    assert person.opened() and running.count(f"erasures WHERE number = {person.number}") == 0
    help_text = subprocess.run([binary("erase"), "--help"], capture_output=True, text=True, check=True).stdout
    assert "postgres.conninfo" in help_text and "redis.address" in help_text
