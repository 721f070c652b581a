"""No silent notification (promise 8): delivered, failed for good or still trying, and the case shows it."""

import email.header

import pytest
import yaml

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.mail import MailServer
from support.messages import ROOT, Actor, AnswerCase, Withdraw


@pytest.fixture(scope="module")
def running(shared):
    """One system and its mail server for all tests here."""
    server = MailServer()
    shared.daemon("notification").set(**server.settings, notification__retry="300ms")
    shared.mail = server
    yield shared.start()
    server.close()


@pytest.fixture
def system(running):
    running.mail.take_all()
    return running


@pytest.fixture
def mail(running):
    return running.mail


def told(system, reply):
    page = system.track(reply["case_number"], reply["receipt_code"])
    return [(one["kind"], one["delivery"]) for one in page["notifications"]]


def office_of(code):
    """Name and mail address of an office, as the catalogue has them."""
    offices = yaml.safe_load((ROOT / "deploy/catalogue/offices.yaml").read_text())["offices"]
    office = next(one for one in offices if one["code"] == code)
    return office["name"]["en"] if isinstance(office["name"], dict) else office["name"], office["email"]


def test_the_citizen_is_told_in_the_language_of_the_contact(system, mail):
    body, citizen = submission("told")
    body["contact"]["language"] = "FR-ca"
    reply = system.submit(body)
    message = wait_for("a mail", lambda: mail.to(citizen.email), 30)[0]
    assert reply["case_number"] in str(email.header.make_header(
        email.header.decode_header(message["Subject"]))) and "dossier" in message["Subject"]
    assert reply["case_number"] in message.get_content()
    assert message["Content-Language"] == "fr"
    assert reply["receipt_code"] not in message.as_string()
    wait_for("the case shows it", lambda: told(system, reply) == [("assigned", "delivered")], 20)
    assert len(mail.to(citizen.email)) == 1


def test_an_answer_names_the_office_and_a_withdrawal_reaches_it(system, mail):
    body, citizen = submission("answered")
    body["contact"]["language"] = "en"
    number = case_number.read(system.submit(body)["case_number"])
    desk = Desk(system)
    desk.wait_version(number, 2)
    office = desk.history(number)[1].office
    name, address = office_of(office)
    desk.send(number, 2, answer=AnswerCase(sealed_text=b"sealed", outcome=1))
    answered = wait_for("the answer is told", lambda: [
        m for m in mail.to(citizen.email) if "answered" in m["Subject"]], 30)[0]
    assert f"{name} has answered your case" in answered.get_content()
    desk.send(number, 3, Actor(kind=Actor.CITIZEN), withdraw=Withdraw())
    wait_for("the office knows", lambda: any(
        "withdrawn" in m["Subject"] and name in m.get_content() for m in mail.to(address)), 30)


def test_a_mail_server_that_is_busy_is_tried_again(system, mail):
    mail.answer = "451 come later"
    body, citizen = submission("busy")
    reply = system.submit(body)
    wait_for("still trying", lambda: told(system, reply) == [("assigned", "trying")], 30)
    system.daemon("notification").kill()
    mail.settle()
    mail.answer = "250 taken"
    system.daemon("notification").start()
    wait_for("delivered", lambda: told(system, reply) == [("assigned", "delivered")], 30)
    assert len(mail.to(citizen.email)) == 1


def test_a_refused_address_has_failed_for_good(system, mail):
    mail.recipient_answer = "550 5.1.1 no such user"
    reply = system.submit(submission("refused address")[0])
    wait_for("failed", lambda: told(system, reply) == [("assigned", "failed")], 30)


def test_who_gave_no_address_is_not_silently_forgotten(system, mail):
    body, _ = submission("anonymous")
    del body["contact"]
    reply = system.submit(body)
    wait_for("shown", lambda: told(system, reply) == [("assigned", "failed")], 30)
    number = case_number.read(reply["case_number"])
    row = system.sql("SELECT reason FROM notifications WHERE number = %s AND recipient = 'citizen'", number)
    assert row[0].reason == "no_address"
