"""A telephone that can only send text messages: through Kannel, a gateway that nobody here wrote, and its simulated network."""

import re

import pytest
import requests

from support import case_number
from support.browser import Browser
from support.daemon import wait_for
from support.kannel import Kannel

KEY, PASSWORD = "k4nnel-hands-in-messages", "redress-sends-messages"
RECEIPT = re.compile(r"Case (\S+), secret code ([0-9A-Z-]+)\.")


@pytest.fixture(scope="module")
def town(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sms")
    keys = folder / "keys"
    keys.write_text(f"kannel {KEY}\nother {KEY[::-1]}\n")
    keys.chmod(0o600)
    kannel = Kannel(folder, shared.intake_port, KEY, PASSWORD)
    shared.settings |= {"sms.keys": keys, "sms.url": kannel.url, "sms.password": PASSWORD, "portal.sms": "yes"}
    shared.kannel = kannel.start()
    try:
        yield shared.start()
    finally:
        kannel.stop()


def hand_in(town, text, key=KEY, name="kannel", query="", **headers):
    return requests.post(f"http://127.0.0.1:{town.intake_port}/v1/sms{query}", data=text.encode(), auth=(name, key), timeout=60,
                         headers={"Content-Type": 'text/plain; charset="UTF-8"', "X-Kannel-From": "+351910000001"} | headers)


def test_a_message_is_filed_and_answered_by_messages(town):
    phone = town.kannel.telephone("+351911111111", "The street lamp at 12 Mill Lane is dark, the whole street is.")
    coding, text = phone.message("secret code")
    number, code = RECEIPT.search(text).groups()
    assert coding == "text" and len(text) <= 160, "one message"
    town.wait_archived(case_number.read(number))
    assert town.sql("SELECT channel FROM grievances WHERE number = %s", case_number.read(number))[0].channel == "sms"
    _, text = phone.message(f"/case/{number}")
    assert "Municipal" in text and code not in text
    wait_for("the case shows it", lambda: [(one.get("channel"), one["delivery"]) for one in
                                           town.track(number, code)["notifications"]] == [("sms", "delivered")], 60, 0.1)
    assert "911111111" not in "".join(daemon.log() for daemon in town.daemons.values())


def test_another_alphabet_goes_out_as_such(town):
    phone = town.kannel.telephone("+351911111112", "На улице Садовой третий день нет воды, во всём доме сухие краны.")
    number, _ = RECEIPT.search(phone.message("secret code")[1]).groups()
    coding, text = phone.message(f"обращение {number}")
    assert coding == "ucs-2"
    phone.message("http://")  # in a second part


def test_a_message_that_comes_again_is_no_second_case(town):
    first = hand_in(town, "The bin at the school is full.", query="?id=7f-1")
    again = hand_in(town, "The bin at the school is full.", query="?id=7f-1")
    other = hand_in(town, "The bin at the school is full.", query="?id=7f-2")
    assert first.status_code == again.status_code == 200 and first.text == again.text != other.text
    assert first.headers["Content-Type"] == "text/plain; charset=utf-8" and first.headers["Cache-Control"] == "no-store"
    assert first.headers["X-Kannel-Coding"] == "0"


def test_only_a_gateway_hands_in_messages(town):
    for key, name in (("wrong-key-of-some-length", "kannel"), (KEY, "other"), (KEY[::-1], "kannel"), ("", "")):
        assert hand_in(town, "Water is gone.", key=key, name=name).status_code == 403
    bare = requests.post(f"http://127.0.0.1:{town.intake_port}/v1/sms", data=b"x", headers={"Content-Type": "text/plain"}, timeout=60)
    assert bare.status_code == 403
    assert hand_in(town, "x", **{"Authorization": "Basic ===="}).status_code in (200, 403)
    assert hand_in(town, "Water is gone.", **{"Content-Type": "application/json"}).status_code == 415
    assert hand_in(town, "Water is gone.", **{"Content-Type": "text/plain; charset=UTF-16BE"}).status_code == 415


def test_the_pages_offer_messages(town):
    phone = town.kannel.telephone("+351911111113", "The bench in the park is broken.")
    browser = Browser(f"http://127.0.0.1:{town.portal_port}")
    page = browser.send(browser.get("/file"), "/file", "where", text="The lamp at the mill is dark.")
    page = browser.send(page, "/file", "questions", service="", area="porto-claro", address="7 Gloamingwick Lane")
    page = browser.send(page, "/file", "check", reach="phone", phone="911 111 113")
    assert "This is not a telephone number with its country code" in page.text
    page = browser.send(page, "/file", "check", reach="phone", phone="00351 911 111 113")
    assert "00351 911 111 113" in page.text
    page = browser.send(page, "/file", "send")
    number, _ = re.findall(r'<p class="big-code">([^<]+)</p>', page.source)
    phone.message(f"Your case {number}")


def test_what_is_no_text_is_told_so_by_a_message(town):
    for text in ("", "   "):
        reply = hand_in(town, text)
        assert reply.status_code == 200 and reply.text.startswith("Not taken"), text
    assert requests.post(f"http://127.0.0.1:{town.intake_port}/v1/sms", data=b"\xff\xfe", auth=("kannel", KEY), timeout=60,
                         headers={"Content-Type": "text/plain"}).text.startswith("Not taken")


def test_who_cannot_be_called_back_stays_in_the_text(town):
    number, _ = RECEIPT.search(hand_in(town, "The market is dirty.", **{"X-Kannel-From": "CityApp"}).text).groups()
    town.wait_archived(case_number.read(number))
    shown = town.tool("officer", "show", number).stdout
    assert "The market is dirty." in shown and "(CityApp)" in shown
