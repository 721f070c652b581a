"""Nothing is overwritten in the record, and that can be proven (promise 11); what a citizen reads."""

import json
import threading

import psycopg2
import pytest
import requests

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept


@pytest.fixture(scope="module")
def system(shared):
    return shared.start()


def start_with_cases(system, count):
    replies = [system.submit(submission(f"record {i}")[0]) for i in range(count)]
    for reply in replies:
        system.wait_archived(case_number.read(reply["case_number"]))
    return replies


def test_read_straight_after_the_receipt(system):
    system.daemon("classification").stop()
    reply = system.submit(submission("at once")[0])
    assert system.track(reply["case_number"], reply["receipt_code"])["status"] == "received"
    system.daemon("classification").start()


def test_who_has_no_receipt_sees_nothing(system):
    reply = start_with_cases(system, 1)[0]
    url = f"http://127.0.0.1:{system.portal_port}/v1/cases/"
    number = reply["case_number"]
    wrong = {"Authorization": "Receipt 0000-0000-0000-0000"}
    assert requests.get(url + number, timeout=60).status_code == 401
    # a young one, as any other young number: not yet known (test_stores)
    assert requests.get(url + number, headers=wrong, timeout=60).status_code == 503
    assert requests.get(url + "nonsense", headers=wrong, timeout=60).status_code == 404
    never = case_number.write((case_number.read(number) - (10 ** 9 << 22)) // 37 * 37)
    assert requests.get(url + never, headers=wrong, timeout=60).status_code == 404


def test_changes_are_pushed(system):
    reply = start_with_cases(system, 1)[0]
    number = case_number.read(reply["case_number"])
    seen = []

    def listen():
        with requests.get(f"http://127.0.0.1:{system.portal_port}/v1/cases/{reply['case_number']}/events",
                          headers={"Authorization": f"Receipt {reply['receipt_code']}"}, stream=True,
                          timeout=60) as stream:
            for line in stream.iter_lines():
                if line.startswith(b"data: "):
                    seen.append(json.loads(line[6:])["status"])
                    if len(seen) == 2:
                        return

    listener = threading.Thread(target=listen)
    listener.start()
    wait_for("the case as it is", lambda: seen == ["assigned"], 20)
    Desk(system).send(number, 2, accept=Accept())
    wait_for("the change", lambda: seen == ["assigned", "in_progress"], 20)
    listener.join(60)


def test_the_record_agrees_until_somebody_alters_it(system):
    """Last in this file: the record is not what it was afterwards."""
    start_with_cases(system, 30)
    assert "the record agrees" in system.tool("audit", "verify").stdout
    with pytest.raises(psycopg2.Error, match="append-only"):
        system.sql("UPDATE case_events SET actor = 'nobody'")
    with pytest.raises(psycopg2.Error, match="append-only"):
        system.sql("DELETE FROM ledger")
    # somebody with all rights
    system.overrule("UPDATE case_events SET body = body || '\\x00'"
                    " WHERE source_offset = (SELECT min(source_offset) FROM case_events)")
    found = system.tool("audit", "verify", check=False)
    assert found.returncode == 1 and "was altered" in found.stdout
