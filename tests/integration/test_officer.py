"""redress-officer: an officer works on a case from the command line, through the real daemons."""

import re

import pytest

from support import case_number, sealing
from support.daemon import wait_for
from support.grievances import submission
from support.messages import CaseState, Status

SECRET = "Gloamingwick will be mended on Thursday"


@pytest.fixture(scope="module")
def office(shared):
    shared.start("intake", "classification", "routing", "archival")
    return Office(shared)


class Office:
    def __init__(self, system):
        self.system = system

    def case(self, seed):
        """A case that has been archived; its number as written, and its version."""
        body, _ = submission(seed)
        written = self.system.submit(body)["case_number"]
        self.system.wait_archived(case_number.read(written))
        return written, self.version(written)

    def version(self, written):
        return self.row(written).version

    def row(self, written):
        return self.system.sql("SELECT * FROM cases WHERE number = %s", case_number.read(written))[0]

    def order(self, verb, number, *words, on, text="", check=True, officer="officer.nine"):
        done = self.system.tool("officer", verb, number, *words, "--officer", officer,
                                "--based-on", str(on), check=check, input=text)
        if done.returncode == 0:
            last = int(re.findall(r"^version (\d+):", done.stdout, re.MULTILINE)[-1])
            wait_for("the record has it", lambda: self.version(number) >= last, 20)
        return done


def test_a_case_from_correction_to_the_end(office):
    number, version = office.case(401)
    done = office.order("correct", number, "roads.bridge", on=version)
    assert f"version {version + 1}: corrected" in done.stdout
    row = office.row(number)
    assert (row.category, row.confidence) == ("roads.bridge", 1.0)
    assert row.office == "roads-head", "the correction moved it to the office that can act"
    office.order("accept", number, on=office.version(number))
    office.order("ask", number, on=office.version(number), text="Which bridge is it?\n")
    office.order("comment", number, "--public", on=office.version(number), text="Somebody looked.")
    office.order("answer", number, "--outcome", "solved", on=office.version(number), text=SECRET)
    office.order("close", number, on=office.version(number))
    assert office.row(number).status == "closed"
    shown = office.system.tool("officer", "show", number).stdout
    assert "(roads.bridge, 1.00)" in shown and SECRET in shown and "Which bridge is it?" in shown
    assert re.search(r"corrected +officer\.nine +roads\.bridge", shown)


def test_texts_travel_sealed_with_the_key_of_the_case(office):
    number, version = office.case(402)
    office.order("comment", number, on=version, text=SECRET)
    messages = office.system.topics.read("cases.commands") + office.system.topics.read("cases.events")
    assert not any(SECRET.encode() in message.value() for message in messages)
    plain = case_number.read(number)
    comment, = [e for e in office.system.topics.decoded("cases.events")
                if e.number == plain and e.WhichOneof("body") == "commented"]
    record = office.system.grievance_records()[plain]
    key = office.system.role("officer").key(record.epoch, record.key, plain, sealing.TEXT)
    assert sealing.open_sealed(key, plain, sealing.CASEWORK,
                               comment.commented.sealed_text) == SECRET.encode()
    assert comment.actor.id == "officer.nine" and not comment.commented.public


def test_who_saw_an_old_version_is_refused(office):
    number, version = office.case(403)
    office.order("accept", number, on=version)
    late = office.order("correct", number, "roads.bridge", on=version, check=False)
    assert late.returncode == 3 and "changed since" in late.stderr
    assert f"version {version + 1}, in_progress" in late.stderr
    assert office.version(number) == version + 1


def test_a_category_that_the_catalogue_has_not_is_refused(office, monkeypatch):
    number, version = office.case(404)
    done = office.order("correct", number, "roads.dragons", on=version, check=False)
    assert done.returncode == 3 and "The catalogue has no category roads.dragons." in done.stderr
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    done = office.order("correct", number, "roads.dragons", on=version, check=False)
    assert "Der Katalog kennt keine Kategorie roads.dragons." in done.stderr
    assert office.version(number) == version


@pytest.mark.parametrize("words, why", [
    (("accept", "NUMBER", "--officer", "x"), "--based-on"),
    (("accept", "NUMBER", "--based-on", "2"), "--officer"),
    (("accept", "NUMBER", "--officer", "x", "--based-on", "-1"), "--based-on"),
    (("accept", "NUMBER", "--officer", "x", "--based-on", "2x"), "--based-on"),
    (("correct", "NUMBER", "--officer", "x", "--based-on", "2"), "CATEGORY"),
    (("accept", "NUMBER", "more", "--officer", "x", "--based-on", "2"), "more"),
    (("accept", "NUMBER", "--public", "--officer", "x", "--based-on", "2"), "--public"),
    (("accept", "0000Z", "--officer", "x", "--based-on", "2"), "case number"),
    (("burn", "NUMBER", "--officer", "x", "--based-on", "2"), "burn"),
])
def test_what_cannot_be_meant_is_told(office, words, why):
    number = case_number.write(case_number.make())
    done = office.system.tool("officer", *(number if word == "NUMBER" else word for word in words),
                              check=False)
    assert done.returncode == 2 and why in done.stderr


def test_a_case_that_is_not_there_and_a_text_that_is_none(office):
    nowhere = case_number.write(case_number.make())
    done = office.order("answer", nowhere, "--outcome", "solved", on=2, text="x", check=False)
    assert done.returncode == 1 and "no such case" in done.stderr
    number, version = office.case(405)
    for text in ("", " \n ", "x" * 70000):
        done = office.order("comment", number, on=version, text=text, check=False)
        assert done.returncode == 1 and "standard input" in done.stderr
    assert office.version(number) == version


def test_an_erased_case_has_no_text_and_takes_none(office):
    number, version = office.case(406)
    office.system.sql("DELETE FROM case_keys WHERE number = %s", case_number.read(number))
    assert "erased" in office.system.tool("officer", "show", number).stdout
    done = office.order("answer", number, "--outcome", "solved", on=version, text="x", check=False)
    assert done.returncode == 1 and "erased" in done.stderr


def test_due_lists_an_office_in_the_order_of_its_deadlines(office):
    number, _ = office.case(407)
    row = office.row(number)
    lines = office.system.tool("officer", "due", row.office).stdout.splitlines()
    assert any(line.startswith(number) and row.status in line for line in lines)
    times = [re.search(r"\d{4}-\d\d-\d\dT\S+", line)[0] for line in lines]
    assert times == sorted(times)
    assert Status.Value(row.status.upper())


def test_due_goes_on_to_the_end(office):
    """More cases than any page of the query has, some with one deadline."""
    number, _ = office.case(408)
    row = office.row(number)
    office.system.sql("INSERT INTO cases SELECT (jsonb_populate_record(c, jsonb_build_object('number', 4096 * i,"
                      " 'deadline', c.deadline + (i / 7) * interval '1 second'))).*"
                      " FROM cases c, generate_series(1, 1203) i WHERE c.number = %s", case_number.read(number))
    lines = office.system.tool("officer", "due", row.office).stdout.splitlines()
    assert len(lines) == len(set(lines)) == office.system.count(
        f"cases WHERE office = '{row.office}' AND deadline IS NOT NULL") > 1203


def test_an_office_that_is_not_in_the_catalogue_is_an_error(office):
    done = office.system.tool("officer", "due", "nosuchoffice", check=False)
    assert done.returncode == 2 and "nosuchoffice" in done.stderr and not done.stdout


def test_show_has_everything_that_was_collected(office):
    body, citizen = submission(409, service_code="lighting", location={"lat": 38.123456, "lon": -22.654321},
                               answers={"pole": "L-77", "extent": "street"}, language="pt-BR")
    written = office.system.submit(body)["case_number"]
    office.system.wait_archived(case_number.read(written))
    shown = office.system.tool("officer", "show", written).stdout
    for part in (citizen.name, citizen.email, citizen.phone, body["address"], "38.123456, -22.654321",
                 "Street lighting (lighting)", "How many lights are out?\n    The whole street\n",
                 "Number on the lamp post\n    L-77\n", "answer by", "pt-BR", body["description"]):
        assert part in shown, part


def test_show_names_the_office_that_was_told_of_the_delay(office):
    written, _ = office.case(410)
    state = CaseState.FromString(office.row(written).state)
    state.overseer = "roads-head"
    office.system.sql("UPDATE cases SET state = %s WHERE number = %s", state.SerializeToString(), case_number.read(written))
    assert re.search(r"told of it +.*\(roads-head\)", office.system.tool("officer", "show", written).stdout)
