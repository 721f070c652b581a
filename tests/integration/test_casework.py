"""The officers' desk: accounts, lists, a case worked on in a browser and by the API, and who may see what."""

import base64
import concurrent.futures
import hashlib
import hmac
import re
import struct
import time

import psycopg2
import psycopg2.errors
import pytest
import requests

from support import case_number
from support.browser import Browser
from support.daemon import wait_for
from support.grievances import submission

PASSWORD = "seven quiet ferries at dawn"
TEXT = "The lamp before number 12 Gloamingwick Lane has been dark since Monday & nobody comes."


@pytest.fixture(scope="module")
def office(shared):
    """A Redress with its desk, and officers of three offices."""
    shared.start()
    shared.start("casework")
    return shared


@pytest.fixture(scope="module")
def people(office):
    return {login: officer(office, login, at, role) for login, at, role in (
        ("rui.sousa", "municipal-porto-claro", "officer"), ("ana.melo", "municipal-porto-claro", "officer"),
        ("ines.duarte", "water-north", "officer"), ("vera.lima", "municipal-head", "supervisor"),
        ("otto.berg", "centre-head", "auditor"))}


def desk(system, language="en"):
    return Browser(f"http://127.0.0.1:{system.casework_port}", language)


def one_time(system, *words):
    return re.search(r"one-time password (\S+) ", system.tool("account", *words).stdout)[1]


def sign_in(browser, login, password, code=""):
    return browser.send(browser.get("/desk/sign-in"), "/desk/sign-in", login=login, password=password, code=code)


def officer(system, login, at, role="officer"):
    """Made by the tool, signed in with the one-time password, with a password of their own."""
    first = one_time(system, "add", login, login.replace(".", " ").title(), "--office", at, "--role", role)
    browser = desk(system)
    page = sign_in(browser, login, first)
    assert page.url.endswith("/desk/password"), page.text
    page = browser.send(page, "/desk/password", new=PASSWORD, again=PASSWORD)
    assert page.status == 200 and page.url.endswith("/desk"), page.text
    return browser


def filed(system, text=TEXT, **extra):
    """A case of the town hall of Porto Claro: number, receipt code."""
    reply = system.submit({"description": text, "service_code": "lighting", "area_code": "porto-claro",
                           "address": "12 Gloamingwick Lane", "answers": {"pole": "17", "extent": "street"}, **extra})
    wait_for("the list has it", lambda: system.sql("SELECT 1 FROM open_cases WHERE number = %s",
                                                   case_number.read(reply["case_number"])), 30)
    return reply["case_number"], reply["receipt_code"]


def totp(secret, step=0):
    key = base64.b32decode(secret.replace(" ", ""))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06}"


# ---- accounts


def test_the_first_sign_in_takes_a_one_time_password_and_wants_another(office):
    first = one_time(office, "add", "novo", "Novo Silva", "--office", "water-north")
    browser = desk(office)
    assert sign_in(browser, "novo", "not-this-one").status == 422
    page = sign_in(browser, " NOVO ", first)
    assert page.url.endswith("/desk/password")
    assert browser.get("/desk").url.endswith("/desk/password"), "nothing else before that"
    for new, again, says in (("", "", "Type a password"), ("short", "short", "too short"),
                             ("password123", "password123", "easy to guess"), ("novo silva redress", "novo silva redress", "easy to guess"),
                             (PASSWORD, PASSWORD + "!", "not the same"), (first, first, "password until now")):
        page = browser.send(page, "/desk/password", new=new, again=again)
        assert page.status == 422 and page.title.startswith("Error:") and says in page.text, (new, page.text)
    page = browser.send(page, "/desk/password", new=PASSWORD, again=PASSWORD)
    assert page.status == 200 and page.url.endswith("/desk")
    assert sign_in(desk(office), "novo", first).status == 422, "it was good for once"
    other = desk(office)
    assert sign_in(other, "novo", PASSWORD).url.endswith("/desk")
    browser.send(browser.get("/desk/password"), "/desk/sign-out")
    assert browser.get("/desk").url.endswith("/desk/sign-in")
    office.tool("account", "disable", "novo")
    assert other.get("/desk").url.endswith("/desk/sign-in?told=over"), "at once"
    assert sign_in(desk(office), "novo", PASSWORD).status == 422
    assert "novo" in office.tool("account", "list").stdout


def test_a_sign_in_that_fails_says_nothing_of_why(office, people):
    """Of an account that is there, one that is not, one that rests: the same page."""
    one_time(office, "add", "tired", "Tired Officer", "--office", "water-north")
    pages = {}
    for login in ("tired", "nobody.there", "x" * 300, "ana.melo"):
        pages[login] = [sign_in(desk(office), login, "wrong wrong wrong") for _ in range(5 if login == "tired" else 1)][-1]
    office.sql("UPDATE accounts SET password = (SELECT password FROM accounts WHERE login = 'ana.melo'),"
               " password_until = NULL WHERE login = 'tired'")
    pages["rests"] = sign_in(desk(office), "tired", PASSWORD)
    assert {page.status for page in pages.values()} == {422}
    bodies = {re.sub(r'value="[^"]*"', "", page.source) for page in pages.values()}
    assert len(bodies) == 1
    office.sql("UPDATE accounts SET locked_until = now() - interval '1 second' WHERE login = 'tired'")
    assert sign_in(desk(office), "tired", PASSWORD).url.endswith("/desk"), "it rests, and is not shut for ever"


def test_a_second_factor_is_wanted_once_it_is_set_up_and_each_code_counts_once(office):
    browser = officer(office, "zoe.factor", "water-north")
    page = browser.get("/desk/password")
    secret = re.search(r'<p class="big-code">([A-Z2-7 ]+)</p>', page.source)[1]
    page = browser.send(page, "/desk/second-factor", code="000000" if totp(secret) != "000000" else "111111")
    assert page.status == 422 and secret in page.text, "the same key stays"
    page = browser.send(page, "/desk/second-factor", code=totp(secret, -1))
    assert page.status == 200 and "It is on" in page.text
    stored = office.sql("SELECT totp FROM accounts WHERE login = 'zoe.factor'")[0].totp
    assert base64.b32decode(secret.replace(" ", "")) not in bytes(stored), "sealed"
    assert sign_in(desk(office), "zoe.factor", PASSWORD).status == 422
    code = totp(secret, 1)
    assert sign_in(desk(office), "zoe.factor", PASSWORD, code).url.endswith("/desk")
    assert sign_in(desk(office), "zoe.factor", PASSWORD, code).status == 422, "seen over the shoulder"


def test_a_session_is_kept_as_a_hash_and_ends(office, people):
    browser = desk(office)
    sign_in(browser, "ana.melo", PASSWORD)
    token = bytes.fromhex(browser.session.cookies["desk"])
    where = ("FROM sessions WHERE token_hash = %s", hashlib.sha256(token).digest())
    assert office.sql("SELECT 1 " + where[0], where[1])
    assert office.sql("SELECT 1 FROM sessions WHERE token_hash = %s", token) == []
    office.redis.flushdb()
    assert browser.get("/desk").status == 200, "whatever happens to Redis"
    office.wait_keys()
    office.sql("UPDATE sessions SET seen_at = now() - interval '31 minutes' WHERE token_hash = %s", where[1])
    assert browser.get("/desk").url.endswith("told=over")


# ---- the life of a case


def test_from_filing_to_an_answer_on_two_browsers(office, people):
    citizen = Browser(f"http://127.0.0.1:{office.portal_port}")
    page = citizen.send(citizen.get("/file"), "/file", "where", text=TEXT)
    page = citizen.send(page, "/file", "questions", service="lighting", area="porto-claro", address="12 Gloamingwick Lane")
    page = citizen.send(page, "/file", "contact", answer__pole="17", answer__extent="street")
    page = citizen.send(page, "/file", "check", reach="email", email="marta@example.org", name="Marta Reis")
    page = citizen.send(page, "/file", "send")
    number, code = re.findall(r'<p class="big-code">([^<]+)</p>', page.source)
    officer_ = people["rui.sousa"]
    page = wait_for("the officer's list has it", lambda: number in (p := officer_.get("/desk?tab=unclaimed")).text and p, 30)
    page = officer_.get(f"/desk/case/{number}")
    for part in (TEXT, "12 Gloamingwick Lane", "marta@example.org", "Marta Reis", "17", "The whole street", "Porto Claro"):
        assert part in page.text, part
    page = officer_.send(page, "/accept")
    assert page.status == 200 and "Done." in page.text and "In progress" in page.text
    assert number in officer_.get("/desk?tab=mine").text and number not in officer_.get("/desk?tab=unclaimed").text
    page = officer_.send(officer_.get(f"/desk/case/{number}"), "/ask", text="Which lamp is it?")
    assert "Done." in page.text and "Waits for the citizen" in page.text
    assert number in officer_.get("/desk?tab=waiting").text
    page = citizen.send(citizen.get("/case"), "/case", number=number, code=code)
    assert "Which lamp is it?" in page.text
    citizen.send(page, "/reply", text="The one beside the mill.")
    page = wait_for("the reply", lambda: "The one beside the mill." in (p := officer_.get(f"/desk/case/{number}")).text and p, 30)
    page = officer_.send(page, "/note", text="Only for colleagues: the pole is ours.")
    page = officer_.send(page, "/comment", text="A team comes on Thursday.")
    page = officer_.send(page, "/answer", outcome="explained", text="The lamp is lit again.")
    assert page.text.count("Explained") == 1, "only the answer has an outcome"
    assert "Done." in page.text and number in officer_.get("/desk?tab=answered").text
    seen = citizen.get(f"/case/{number}").text
    assert "The lamp is lit again." in seen and "A team comes on Thursday." in seen and "the pole is ours" not in seen
    page = officer_.send(officer_.get(f"/desk/case/{number}"), "/close")
    assert "Closed" in page.text
    assert number not in "".join(officer_.get(f"/desk?tab={tab}").text for tab in ("mine", "office", "waiting", "answered"))
    actor = office.sql("SELECT actor_kind, actor FROM case_events WHERE number = %s AND kind = 'answered'",
                       case_number.read(number))[0]
    assert (actor.actor_kind, actor.actor) == (2, "rui.sousa")


def test_two_officers_at_once_one_winner_and_nothing_typed_is_lost(office, people):
    number, _ = filed(office)
    one, two = people["rui.sousa"], people["ana.melo"]
    first, second = one.get(f"/desk/case/{number}"), two.get(f"/desk/case/{number}")
    assert "Done." in one.send(first, "/answer", outcome="solved", text="It is lit again.").text
    page = two.send(second, "/answer", outcome="solved", text="We send somebody on Friday.")
    assert page.status == 409 and "somebody was quicker" in page.text
    assert "It is lit again." in page.text and "We send somebody on Friday." in page.text, "both"
    page = two.send(page, "/comment", text="We send somebody on Friday.")
    assert page.status == 200 and "Done." in page.text


def test_pressed_twice_done_once(office, people):
    number, _ = filed(office)
    browser = people["rui.sousa"]
    page = browser.get(f"/desk/case/{number}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: browser.send(page, "/note", text="Seen from the road."), range(4)))
    assert {p.status for p in pages} == {200}
    assert len(office.sql("SELECT 1 FROM case_events WHERE number = %s AND kind = 'internal'", case_number.read(number))) == 1


def test_a_case_is_given_to_another_office_with_the_reason(office, people):
    number, _ = filed(office)
    browser, other = people["rui.sousa"], people["ines.duarte"]
    page = browser.get(f"/desk/case/{number}")
    page = browser.send(page, "/assign", office="", text="The pipe under the lamp.")
    assert page.status == 422 and "Choose an office" in page.text and "The pipe under the lamp." in page.text
    page = browser.send(page, "/assign", office="water-north", text=" ")
    assert page.status == 422 and "Write something" in page.text
    assert other.get(f"/desk/case/{number}").status == 404
    page = browser.send(page, "/assign", office="water-north", text="The pipe under the lamp.")
    assert page.status == 200 and "with the other office" in page.text
    assert browser.get(f"/desk/case/{number}").status == 404
    page = other.get(f"/desk/case/{number}")
    assert page.status == 200 and "The pipe under the lamp." in page.text and number in other.get("/desk?tab=unclaimed").text


def test_a_corrected_category(office, people):
    number, _ = filed(office)
    page = people["rui.sousa"].get(f"/desk/case/{number}")
    category = next(c for c in re.findall(r'<option value="(lighting\.\w[^"]*)"', page.source))
    page = people["rui.sousa"].send(page, "/correct", category=category)
    assert page.status == 200 and "Done." in page.text
    assert office.sql("SELECT category FROM cases WHERE number = %s", case_number.read(number))[0].category == category


# ---- who may see what


def test_another_office_sees_nothing_by_page_api_or_sql(office, people):
    number, _ = filed(office)
    stranger, auditor, supervisor = people["ines.duarte"], people["otto.berg"], people["vera.lima"]
    whole = case_number.read(number)
    assert stranger.get(f"/desk/case/{number}").status == 404
    assert number not in stranger.get("/desk?tab=office&office=municipal-porto-claro").text
    page = people["rui.sousa"].get(f"/desk/case/{number}")
    for action in ("accept", "note", "assign", "close"):
        reply = stranger.session.post(f"{stranger.address}/desk/case/{number}/{action}", headers={"Origin": stranger.address}, data={
            "csrf": dict(stranger.get("/desk/password").form("/desk/password").fields)["csrf"],
            "based_on": "2", "key": "x", "text": "Mine now.", "office": "water-north"})
        assert reply.status_code == 404, action
    api = api_session(office, "ines.duarte")
    assert api.get(f"{stranger.address}/v1/desk/cases/{number}").status_code == 404
    assert api.post(f"{stranger.address}/v1/desk/cases/{number}/accept", json={"based_on": 2}).status_code == 404
    assert TEXT in supervisor.get(f"/desk/case/{number}").text and TEXT in auditor.get(f"/desk/case/{number}").text
    assert number in supervisor.get("/desk?tab=office&office=municipal-porto-claro").text
    assert not auditor.get(f"/desk/case/{number}").form_exists("/accept"), "an auditor only reads"
    db = psycopg2.connect(office.servers.conninfo(office.name, "redress_casework"))
    db.autocommit = True
    tokens = {name: bytes.fromhex(b.session.cookies["desk"]) for name, b in people.items()}
    with db.cursor() as cursor:
        for table in ("cases", "grievances", "case_keys", "case_events", "open_cases", "accounts", "sessions", "readings", "epochs"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT * FROM {table}")
        for token, rows in ((tokens["rui.sousa"], 1), (tokens["ines.duarte"], 0), (b"\0" * 32, 0), (None, 0)):
            for call in ("SELECT * FROM desk_open(%s, %s)", "SELECT desk_events(%s, %s) LIMIT 1"):
                cursor.execute(call, (token, whole))
                assert len(cursor.fetchall()) == rows, (token, call)
            cursor.execute("SELECT number FROM desk_queue(%s, 'office', 'municipal-porto-claro', 0, 0, 0, 500)", (token,))
            assert bool(cursor.fetchall()) == bool(rows)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT desk_account(%s)", (tokens["rui.sousa"],))
    db.close()
    assert page.status == 200


def test_every_reading_is_recorded_and_stays(office, people):
    number, _ = filed(office)
    whole = case_number.read(number)
    people["rui.sousa"].get(f"/desk/case/{number}")
    people["otto.berg"].get(f"/desk/case/{number}")
    people["ines.duarte"].get(f"/desk/case/{number}")
    rows = office.sql("SELECT login, office, contact FROM readings WHERE number = %s ORDER BY at", whole)
    assert [(row.login, row.contact) for row in rows] == [("rui.sousa", True), ("otto.berg", False)]
    for statement in ("DELETE FROM readings", "UPDATE readings SET login = 'x'", "TRUNCATE readings"):
        with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
            office.sql(statement)


def test_a_form_of_another_site_or_session_does_nothing(office, people):
    number, _ = filed(office)
    browser = people["rui.sousa"]
    page = browser.get(f"/desk/case/{number}")
    fields = dict(page.form("/accept").fields)
    for change, origin in (({}, "https://elsewhere.example"), ({"csrf": ""}, browser.address), ({"csrf": "0" * 32}, browser.address)):
        reply = browser.session.post(f"{browser.address}/desk/case/{number}/accept", data={**fields, **change}, headers={"Origin": origin})
        assert reply.status_code == 403
    assert office.sql("SELECT status FROM cases WHERE number = %s", case_number.read(number))[0].status == "assigned"


# ---- the API


def api_session(system, login, password=PASSWORD):
    address = f"http://127.0.0.1:{system.casework_port}"
    reply = requests.post(f"{address}/v1/desk/session", json={"login": login, "password": password}, timeout=60)
    assert reply.status_code == 201, reply.text
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {reply.json()['token']}"
    return session


def test_the_api_does_what_the_pages_do(office, people):
    number, _ = filed(office)
    address = f"http://127.0.0.1:{office.casework_port}/v1/desk"
    wrong = requests.post(f"{address}/session", json={"login": "rui.sousa", "password": "no"}, timeout=60)
    assert wrong.status_code == 401 and wrong.json()["type"].endswith("wrong-credentials")
    assert requests.get(f"{address}/cases", timeout=60).status_code == 401
    api = api_session(office, "rui.sousa")
    assert api.get(f"{address}/session").json()["me"]["office"] == "municipal-porto-claro"
    rows = api.get(f"{address}/cases", params={"tab": "office"}).json()["rows"]
    assert number in [row["number"] for row in rows]
    case = api.get(f"{address}/cases/{number}").json()
    assert case["description"] == TEXT and "accept" in case["actions"] and case["place"]["address"] == "12 Gloamingwick Lane"
    body = {"based_on": case["version"], "text": "A note."}
    first = api.post(f"{address}/cases/{number}/note", json=body, headers={"Idempotency-Key": "k1"})
    again = api.post(f"{address}/cases/{number}/note", json=body, headers={"Idempotency-Key": "k1"})
    assert first.status_code == again.status_code == 200 and first.json()["version"] == again.json()["version"] == case["version"] + 1
    stale = api.post(f"{address}/cases/{number}/answer", json={**body, "outcome": "solved"})
    assert stale.status_code == 409 and stale.json()["version"] == case["version"] + 1 and stale.json()["notice"] == "changed"
    refused = api.post(f"{address}/cases/{number}/close", json={"based_on": case["version"] + 1})
    assert refused.status_code == 409 and refused.json()["notice"] == "refused"
    for action, body, field in (("answer", {"based_on": 3}, "text"), ("answer", {"based_on": 3, "text": "x"}, "outcome"),
                                ("answer", {"based_on": 3, "text": "x", "outcome": "rejected"}, "outcome"),
                                ("note", {"text": "x"}, "based_on"),
                                ("correct", {"based_on": 3, "category": "no.such"}, "category"),
                                ("assign", {"based_on": 3, "text": "x", "office": "nowhere"}, "office")):
        reply = api.post(f"{address}/cases/{number}/{action}", json=body)
        assert reply.status_code == 422 and reply.json()["field"] == field, reply.text
    assert api.post(f"{address}/cases/{number}/dance", json={"based_on": 3}).status_code == 404
    assert api.post(f"{address}/cases/{number}/note", data="[1]").status_code == 400
    assert api.get(f"{address}/cases", params={"tab": "nothing"}).status_code == 422
    assert api.get(f"{address}/cases/not-a-number").status_code == 404
    assert api.delete(f"{address}/session").status_code == 204
    assert api.get(f"{address}/session").status_code == 401


def test_what_is_not_decided_in_time_is_told_so(office, people):
    number, _ = filed(office)
    browser = people["rui.sousa"]
    page = browser.get(f"/desk/case/{number}")
    office.daemons["routing"].stop()
    try:
        page = browser.send(page, "/note", text="While nobody decides.")
        assert page.status == 200 and "not decided yet" in page.text
    finally:
        office.daemons["routing"].start()
    wait_for("it is done", lambda: "While nobody decides." in browser.get(f"/desk/case/{number}").text, 60)


def test_urgency_is_corrected_with_a_reason_that_the_citizen_reads(office, people):
    number, code = filed(office)
    browser = people["rui.sousa"]
    page = browser.get(f"/desk/case/{number}")
    assert "Choose an urgency" in browser.send(page, "/prioritize", text="Live wires hang down.").text
    assert "Write something" in browser.send(page, "/prioritize", urgency="emergency").text
    before = office.sql("SELECT clock_ms FROM open_cases WHERE number = %s", case_number.read(number))[0].clock_ms
    page = browser.send(page, "/prioritize", urgency="emergency", text="Live wires hang down.")
    assert "Done." in page.text and "Urgency changed Emergency" in " ".join(page.text.split())
    after = office.sql("SELECT urgency, clock_ms FROM open_cases WHERE number = %s", case_number.read(number))[0]
    assert after.urgency == 2 and after.clock_ms < before
    citizen = Browser(f"http://127.0.0.1:{office.portal_port}")
    seen = citizen.send(citizen.get("/case"), "/case", number=number, code=code)
    assert "The urgency was changed" in seen.text and "Live wires hang down." in seen.text
    page = browser.send(page, "/prioritize", urgency="routine", text="The wires are off.")
    lowered = office.sql("SELECT urgency, clock_ms FROM open_cases WHERE number = %s", case_number.read(number))[0]
    assert (lowered.urgency, lowered.clock_ms) == (0, after.clock_ms), "nothing is put off"


def test_a_case_is_given_to_a_colleague_and_released(office, people):
    number, _ = filed(office)
    mine = people["rui.sousa"]
    page = mine.send(mine.get(f"/desk/case/{number}"), "/accept")
    assert "Choose a colleague" in mine.send(page, "/give").text
    api = api_session(office, "rui.sousa")
    elsewhere = api.post(f"{mine.address}/v1/desk/cases/{number}/give", json={"based_on": 3, "officer": "ines.duarte"})
    assert elsewhere.status_code == 422 and elsewhere.json()["field"] == "officer"
    page = mine.send(page, "/give", officer="ana.melo")
    assert "Done." in page.text and "Given to colleague ana.melo" in " ".join(page.text.split())
    assert number not in mine.get("/desk?tab=mine").text and number in people["ana.melo"].get("/desk?tab=mine").text
    page = mine.send(page, "/release")
    assert "Done." in page.text and number in mine.get("/desk?tab=unclaimed").text
    assert "Nobody has taken the case up." in page.text


# ---- lists


def test_a_list_of_1500_cases_pages_to_its_end(office, people):
    """Each once, what is due first first, by index scans alone."""
    office.sql("INSERT INTO open_cases SELECT 37 * (100000 + n), 1, 'open', 'police-marina', 'police', '', '', '', '', 'en', 0, 0,"
               " 1760000000000, 1760000000000 + (n %% 97) * 1000 FROM generate_series(1, 1500) n")
    browser = officer(office, "long.list", "police-marina")
    seen, path, pages = [], "/desk?tab=office", 0
    while path:
        page = browser.get(path)
        seen += re.findall(r'<bdi class="code">([^<]+)</bdi>', page.source)
        following = re.search(r'<a href="([^"]+)" rel="next">', page.source)
        path = following and following[1].replace("&amp;", "&")
        pages += 1
    assert len(seen) == len(set(seen)) == 1500 and pages == 30
    page = browser.get("/desk?tab=mine")
    counts = dict(re.findall(r'tab=(\w+)"[^>]*>[^<]+<span class="n">([0-9+]+)</span>', page.source))
    assert counts == {"mine": "0", "unclaimed": "99+", "office": "99+", "overdue": "99+", "waiting": "0", "answered": "0", "told": "0"}
    numbers = [case_number.read(one) for one in seen]
    assert numbers == sorted(numbers, key=lambda n: ((n // 37 - 100000) % 97, n))


def test_a_case_is_found_by_its_number(office, people):
    number, _ = filed(office)
    page = people["rui.sousa"].get(f"/desk/find?number={number.lower().replace('-', '')}")
    assert page.url.endswith(f"/desk/case/{number}") and TEXT in page.text
    for wrong in (number[:-1], "", "0000", "%3Cb%3E"):
        assert people["rui.sousa"].get(f"/desk/find?number={wrong}").status == 404


def test_no_list_is_read_whole_or_sorted(office, people):
    token = bytes.fromhex(people["rui.sousa"].session.cookies["desk"])
    before = office.sql("SELECT coalesce(sum(seq_tup_read), 0) AS n FROM pg_stat_user_tables WHERE relname = 'open_cases'")[0].n
    for tab in ("mine", "unclaimed", "office", "overdue", "told", "waiting", "answered"):
        assert people["rui.sousa"].get(f"/desk?tab={tab}").status == 200
    assert token
    after = office.sql("SELECT coalesce(sum(seq_tup_read), 0) AS n FROM pg_stat_user_tables WHERE relname = 'open_cases'")[0].n
    assert after == before


def test_no_text_or_token_is_in_the_log(office, people):
    number, _ = filed(office, "Plumbago secretword under the lamp.")
    people["rui.sousa"].get(f"/desk/case/{number}")
    log = office.daemons["casework"].log()
    assert "secretword" not in log and people["rui.sousa"].session.cookies["desk"] not in log and PASSWORD not in log
