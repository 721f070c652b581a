"""A receiver that is slow, dead, busy or odd delays nobody else, and what is wrong with our own mail server is
never taken for the recipient's fault (promise 8); danger is told at once, as such and in every way (promise 17)."""

import email.header
import re
import shutil

import pytest
import requests

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.hooks import HookServer, certificate
from support.mail import MailServer
from support.messages import ROOT


@pytest.fixture(scope="module")
def running(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sending")
    shared.mail, shared.hooks = MailServer(), HookServer(certificate(folder))
    shared.templates = folder / "templates"
    shutil.copytree(ROOT / "deploy/templates", shared.templates)
    shutil.copytree(ROOT / "deploy/catalogue", folder / "catalogue")
    offices = folder / "catalogue" / "offices.yaml"
    offices.write_text(re.sub(r"(email: \S+@(energy|disaster|centre)\.meridia\.example)",
                              rf'\1, webhook: "{shared.hooks.url("/office")}"', offices.read_text()))
    shared.settings["catalogue.folder"] = folder / "catalogue"
    shared.daemon("notification").set(**shared.mail.settings, **shared.hooks.settings, notification__retry="300ms",
                                      notification__pause="300ms", templates__folder=shared.templates)
    yield shared.start()
    shared.mail.close()
    shared.hooks.close()


@pytest.fixture
def system(running):
    running.mail.take_all()
    return running


@pytest.fixture
def host(system):
    """A host of the test's own: what it does to one is no other's business."""
    server = HookServer(system.hooks.pem)
    yield server
    server.close()


def last(system, reply, recipient="citizen"):
    """The last outcome of the message to the citizen about the assignment."""
    rows = system.sql("SELECT * FROM notifications WHERE number = %s AND recipient = %s AND kind = 'assigned'",
                      case_number.read(reply["case_number"]), recipient)
    return rows[0] if rows else None


def wait_last(system, reply, delivery, reason=None):
    return wait_for(f"{delivery} {reason}", lambda: (row := last(system, reply)) and row.delivery == delivery
                    and (reason is None or row.reason == reason) and row, 40)


def hooked(seed, url, **contact):
    body, citizen = submission(seed)
    body["contact"] = {"name": citizen.name, "webhook": url, **contact}
    return body


def subject_of(message):
    return str(email.header.make_header(email.header.decode_header(message["Subject"])))


def test_silent_webhooks_delay_no_mail_and_no_other_host(system, host):
    for i in range(60):
        host.answers[f"/silent{i}"] = None
        system.submit(hooked(f"silent {i}", host.url(f"/silent{i}")))
    wait_for("all that one host may have is silent", lambda: host.silent >= 8, 60)
    body, citizen = submission("behind the silent ones")
    system.submit(body)
    wait_for("the mail", lambda: system.mail.to(citizen.email), 30)
    wait_last(system, system.submit(hooked("another host", system.hooks.url("/another"))), "delivered")
    system.daemon("notification").stop()    # with transfers that hang
    system.daemon("notification").start()


def test_a_fault_of_our_own_is_told_and_is_nobody_elses(system):
    notification = system.daemon("notification")
    notification.allow("fault of this installation")
    system.mail.sender_answer = "530 5.7.0 Must issue a STARTTLS command first"
    body, citizen = submission("our own fault")
    reply = system.submit(body)
    wait_last(system, reply, "trying", "relay_refuses_us")
    ready = requests.get(f"http://{notification.admin}/readyz", timeout=30)
    assert ready.status_code == 503 and "relay_refuses_us: MAIL: 530 5.7.0" in ready.text
    assert notification.metric("redress_notification_sender_broken", sender="email") == 1
    assert "fault of this installation: relay_refuses_us: MAIL: 530 5.7.0" in notification.log()
    assert citizen.email not in notification.log()
    system.mail.take_all()
    wait_last(system, reply, "delivered")
    wait_for("ready again", notification.ready, 30)
    assert notification.metric("redress_notification_sender_broken", sender="email") == 0
    assert len(system.mail.to(citizen.email)) == 1


@pytest.mark.parametrize("answer, delivery, reason", [
    ("550 5.1.1 no such user", "failed", "mailbox_refused"),
    ("452 4.2.2 mailbox full", "trying", "mailbox_full"),
    ("554 5.7.1 relay access denied", "trying", "relay_refuses_us"),
])
def test_only_a_definite_answer_about_the_recipient_is_one(system, answer, delivery, reason):
    system.daemon("notification").allow("fault of this installation")
    system.mail.recipient_answer = answer
    body, citizen = submission(answer)
    reply = system.submit(body)
    wait_last(system, reply, delivery, reason)
    system.mail.take_all()
    if delivery == "trying":
        wait_last(system, reply, "delivered")
        assert len(system.mail.to(citizen.email)) == 1


def test_addresses_go_in_wire_form(system):
    body, _ = submission("idn")
    body["contact"]["email"] = "user@bücher.example"
    wait_last(system, system.submit(body), "delivered")
    assert system.mail.to("user@xn--bcher-kva.example")


def test_an_international_mailbox_has_its_own_reason(system):
    body, _ = submission("smtputf8")
    body["contact"]["email"] = "josé@example.org"
    wait_last(system, system.submit(body), "failed", "no_smtputf8")
    assert not [who for who, _ in system.mail.mails if who.startswith("jos")]


def test_a_host_that_asks_for_time_gets_it(system, host):
    host.answers["/busy"] = (429, {"Retry-After": "120"})
    reply = system.submit(hooked("busy", host.url("/busy")))
    row = wait_last(system, reply, "trying", "asked_to_wait")
    assert (row.next_at - row.at).total_seconds() >= 119
    # and so do the others that go there
    later = system.submit(hooked("also", host.url("/also")))
    wait_for("it is known", lambda: last(system, later), 30)
    body, citizen = submission("after the busy one")
    system.submit(body)
    wait_for("the mail", lambda: system.mail.to(citizen.email), 30)
    assert last(system, later).delivery == "trying" and last(system, later).attempts == 0
    assert not host.taken


@pytest.mark.parametrize("status, delivery, reason", [
    (302, "trying", "redirected"), (410, "failed", "gone"), (404, "trying", "answers_error")])
def test_each_answer_has_its_reason(system, host, status, delivery, reason):
    host.answers[f"/{status}"] = (status, {"Location": host.url("/elsewhere")})
    reply = system.submit(hooked(f"status {status}", host.url(f"/{status}")))
    wait_last(system, reply, delivery, reason)
    host.answers[f"/{status}"] = (204, {})
    if delivery == "trying":
        wait_last(system, reply, "delivered")
    assert not [path for path, _ in host.taken if path == "/elsewhere"]


def test_an_emergency_says_so_with_its_hour_in_every_way(system):
    body, _ = submission("gas", service_code="energy", description="There is a smell of gas in our staircase and"
                         " nobody answers the emergency line.", subject="Smell of gas")
    reply = system.submit(body)
    number = reply["case_number"]

    def mails():
        return [message for who, message in list(system.mail.mails)
                if who.endswith("meridia.example") and number in subject_of(message)]

    message = wait_for("the office's mail", mails, 40)[0]
    hook = wait_for("the office's webhook", lambda: [
        body for path, body in list(system.hooks.taken)
        if path == "/office" and body["data"]["case_number"] == number], 40)[0]
    for subject in (subject_of(message), hook["data"]["subject"]):
        assert subject.startswith("EMERGENCY: ") and re.search(r"\d\d:\d\d", subject), subject
    wait_for("both are in the record", lambda: sorted(
        (row.channel, row.delivery) for row in system.sql(
            "SELECT * FROM notifications WHERE number = %s AND recipient = 'office' AND kind = 'assigned'",
            case_number.read(number))) == [("email", "delivered"), ("webhook", "delivered")], 40)


def test_templates_with_a_mistake_are_not_taken(system):
    notification = system.daemon("notification")
    notification.allow("offcie")
    path = system.templates / "de.txt"
    good = path.read_text()
    path.write_text(good.replace("{office}", "{offcie}", 1))
    notification.reload()
    wait_for("it is refused", lambda: re.search(r"de\.txt: 1: .*offcie", notification.log()), 30)
    body, citizen = submission("templates")
    body["contact"]["language"] = "DE"
    reply = system.submit(body)
    message = wait_for("the mail", lambda: system.mail.to(citizen.email), 30)[0]
    assert message["Content-Language"] == "de" and reply["case_number"] in subject_of(message)
    assert "{" not in message.get_content()
    path.write_text(good)


def test_what_failed_for_want_of_a_sender_is_sent_on_sighup(system):
    notification = system.daemon("notification")
    notification.stop()
    notification.set(smtp__url="", webhook__secret="").start()
    body, citizen = submission("no sender")
    reply = system.submit(body)
    wait_last(system, reply, "failed", "no_sender")
    notification.stop()
    notification.set(**system.mail.settings, **system.hooks.settings).start()
    assert not system.mail.to(citizen.email)
    notification.reload()
    wait_last(system, reply, "delivered")
    assert len(system.mail.to(citizen.email)) == 1


def test_more_than_is_held_in_memory_is_sent_all_the_same(system):
    notification = system.daemon("notification")
    notification.allow("fault of this installation")
    system.mail.sender_answer = "530 5.7.0 Must issue a STARTTLS command first"
    notification.stop()
    notification.set(notification__held="10").start()
    people = []
    for i in range(40):
        body, citizen = submission(f"held {i}")
        system.submit(body)
        people.append(citizen.email)
    wait_for("all are known", lambda: system.count(
        "notifications WHERE recipient = 'citizen' AND kind = 'assigned' AND delivery = 'trying'") >= 40, 40)
    assert notification.metric("redress_notification_unfinished") <= 13
    system.mail.take_all()
    wait_for("all are told", lambda: all(system.mail.to(one) for one in people), 120)
    assert all(len(system.mail.to(one)) == 1 for one in people)
