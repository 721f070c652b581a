"""Citizens' pages on a browser without scripts: file, keep the receipt, read what the office wrote, write back."""

import re

import pytest

from support import case_number
from support.browser import Browser
from support.daemon import wait_for

TEXT = "The bridge in Gloamingwick Lane has a hole <b>as wide as a wheel</b> & nobody mends it."


@pytest.fixture(scope="module")
def town(shared):
    return shared.start()


@pytest.fixture
def browser(town):
    return Browser(f"http://127.0.0.1:{town.portal_port}")


def file(browser, text=TEXT, **contact):
    """Through all the pages; the receipt's number and code, and the page that shows them."""
    page = browser.get("/file")
    page = browser.send(page, "/file", "where", text=text)
    page = browser.send(page, "/file", "questions", service="roads", area="porto-claro", address="7 Gloamingwick Lane")
    page = browser.send(page, "/file", "contact", answer__size="40")
    page = browser.send(page, "/file", "check", **(contact or {"reach": "none"}))
    assert text in page.text and "7 Gloamingwick Lane" in page.text and "40" in page.text
    page = browser.send(page, "/file", "send")
    assert page.status == 200 and page.url.endswith("/file/sent"), page.text
    number, code = re.findall(r'<p class="big-code">([^<]+)</p>', page.source)
    return number, code, page


def opened(browser, number, code):
    return browser.send(browser.get("/case"), "/case", number=number, code=code)


def officer(town, verb, number, text, *words):
    version = town.sql("SELECT version FROM cases WHERE number = %s", case_number.read(number))[0].version
    town.tool("officer", verb, number, *words, "--officer", "officer.nine", "--based-on", str(version), input=text)
    wait_for("the record has it", lambda: town.sql("SELECT version FROM cases WHERE number = %s",
                                                   case_number.read(number))[0].version > version, 20)


def wait_text(browser, number, text):
    pages = []

    def shown():
        pages.append(browser.get(f"/case/{number}"))
        return text in pages[-1].text

    wait_for(f"{text} is shown", shown, 60, 0.1)
    return pages[-1]


def test_from_filing_to_a_second_answer(town, browser):
    number, code, _ = file(browser, reach="email", email="marta@example.org", name="Marta Reis")
    town.wait_archived(case_number.read(number))
    page = opened(browser, number, code)
    assert page.status == 200 and page.url.endswith(f"/case/{number}")
    assert TEXT in page.text and "<b>as wide" not in page.source, "what was written is shown, never obeyed"
    assert "Porto Claro" in page.text
    assert not [form for form in page.forms if form.action.endswith("/rate")], "there is nothing to rate yet"
    page = browser.send(page, "/remind")
    assert page.status == 200 and "You reminded the office" in wait_text(browser, number, "You reminded the office").text
    assert "You reminded the office less than a day ago." in browser.get(f"/case/{number}").text
    officer(town, "ask", number, "Which of the two bridges is it?\n")
    page = browser.get(f"/case/{number}")
    assert "Which of the two bridges is it?" in page.text and "Reply until" in page.text
    page = browser.send(page, "/reply", text="The lower one.\nBeside the mill.")
    assert page.status == 200 and "Done" in page.text
    wait_for("the reply is shown", lambda: "Beside the mill." in browser.get(f"/case/{number}").text, 20)
    officer(town, "answer", number, "It will be mended on Thursday.", "--outcome", "partly_solved")
    page = browser.get(f"/case/{number}")
    assert "It will be mended on Thursday." in page.text and "Partly solved" in page.text
    page = browser.send(page, "/rate", settled="no")
    assert page.status == 422 and "Choose how good the answer is" in page.text
    page = browser.send(page, "/rate", settled="no", score="2")
    assert page.status == 200 and "Done" in page.text
    page = wait_text(browser, number, "You rated the answer")
    assert "Very bad" not in page.text and "How good is the answer? Bad" in " ".join(page.text.split())
    assert "You have rated this answer." in page.text and "Did it solve your problem? No" in " ".join(page.text.split())
    page = browser.send(page, "/reopen", text="Thursday is over and the hole is there.")
    assert page.status == 200 and "Done" in page.text
    wait_for("the office has it again", lambda: town.sql(
        "SELECT status FROM cases WHERE number = %s", case_number.read(number))[0].status == "assigned", 20)
    text = town.tool("officer", "show", number).stdout
    assert "The lower one." in text and "Thursday is over" in text, "the office reads what the citizen wrote"


def test_the_receipt_opens_the_case_and_nothing_else_does(town, browser):
    number, code, sent = file(browser)
    town.wait_archived(case_number.read(number))
    assert code not in sent.url
    stranger = Browser(browser.address)
    page = stranger.get(f"/case/{number}")
    assert page.form("/case") and TEXT not in page.text, "a link asks for the code"
    for wrong in ("", "0000-0000-0000-0000", code[:-1], code[::-1]):
        page = opened(stranger, number, wrong)
        # whether a case is so young that it is not everywhere yet is nobody's business
        assert page.status in (422, 503) and TEXT not in page.text and page.title.startswith("Error:")
    page = opened(stranger, number.lower(), f" {code.lower().replace('-', ' ')} ")
    assert page.status == 200 and TEXT in page.text
    other, _, _ = file(Browser(browser.address), "Another matter: the lamp at number 9 is dark.")
    assert TEXT not in stranger.get(f"/case/{other}").text
    page = stranger.send(page, "/case/leave")
    assert TEXT not in stranger.get(f"/case/{number}").text


def test_send_pressed_twice_is_one_case(town, browser):
    page = browser.get("/file")
    page = browser.send(page, "/file", "where", text="The lamp at the corner is dark, twice sent.")
    page = browser.send(page, "/file", "questions", service="parks")
    page = browser.send(page, "/file", "check", reach="none")
    first = browser.send(page, "/file", "send")
    second = browser.send(page, "/file", "send")
    numbers = {re.search(r'"big-code">([^<]+)', one.source)[1] for one in (first, second)}
    assert len(numbers) == 1


def test_what_is_missing_is_told_beside_its_field_and_nothing_is_lost(town, browser):
    page = browser.send(browser.get("/file"), "/file", "where", text=" \u200b ")
    assert page.status == 422 and page.title.startswith("Error:") and 'aria-invalid="true"' in page.source
    page = browser.send(page, "/file", "where", text=TEXT)
    page = browser.send(page, "/file", "questions", service="lighting", address="x" * 501)
    assert page.status == 422 and "too long" in page.text
    page = browser.send(page, "/file", "questions", address="9 Mill Lane")
    page = browser.send(page, "/file", "contact", answer__pole="12", answer__extent="street")
    page = browser.send(page, "/file", "check")
    assert page.status == 422 and "Choose how we can reach you" in page.text
    page = browser.send(page, "/file", "check", reach="email", email="marta@")
    assert page.status == 422 and "not an e-mail address" in page.text
    page = browser.send(page, "/file", "check", email="marta@example.org", name="Marta")
    for part in (TEXT, "9 Mill Lane", "The whole street", "marta@example.org", "Marta"):
        assert part in page.text
    page = browser.send(page, "/file", "what")
    assert ("text", TEXT) in page.form("/file").fields


def test_an_empty_or_foreign_form_changes_nothing(town, browser):
    number, code, _ = file(browser)
    town.wait_archived(case_number.read(number))
    page = opened(browser, number, code)
    told = browser.send(page, "/add", text="\u200b")
    assert told.status == 422 and "Write something" in told.text
    reply = browser.session.post(f"{browser.address}/case/{number}/withdraw", data={"based_on": "2"},
                                 headers={"Origin": "https://elsewhere.example"})
    assert reply.status_code == 403
    stale = browser.send(page, "/add", text="Seen from the window.")
    assert stale.status == 200
    again = browser.send(page, "/add", text="Written on the page of before.")
    assert again.status == 409 and "Written on the page of before." in again.text, "the draft stays"
    assert town.sql("SELECT status FROM cases WHERE number = %s", case_number.read(number))[0].status != "withdrawn"


def test_every_page_is_private_small_and_in_its_language(town, browser):
    for path, status in (("/", 200), ("/file", 200), ("/case", 200), ("/nowhere", 404), ("/case/nonsense", 404)):
        page = browser.get(path)
        assert page.status == status and page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.lang == "en" and page.headers["Content-Language"] == "en"
        assert len(page.source.encode()) < 14 * 1024
        style = re.search(r'href="(/assets/style\.css\?[0-9a-f]+)"', page.source)[1]
    reply = browser.session.get(browser.address + style, timeout=60)
    assert reply.status_code == 200 and "immutable" in reply.headers["Cache-Control"]
    assert browser.session.get(browser.address + "/assets/../nation.yaml", timeout=60).status_code == 404


def test_no_text_of_a_case_is_in_any_log(town, browser):
    number, code, _ = file(browser, "Plumbago secretword in the gutter.")
    town.wait_archived(case_number.read(number))
    opened(browser, number, code)
    for daemon in town.daemons.values():
        assert "secretword" not in daemon.log() and code not in daemon.log()
