"""redress-labels: what people confirmed comes out as labelled texts, and nothing else does."""

import json
import os
import stat

import pytest

from support import case_number
from support.commands import Desk
from support.daemon import wait_for
from support.grievances import submission
from support.messages import Accept, AnswerCase, Correct


@pytest.fixture(scope="module")
def office(shared):
    shared.start("intake", "classification", "routing", "archival")
    return Office(shared)


class Office:
    def __init__(self, system):
        self.system = system
        self.desk = Desk(system)

    def case(self, seed):
        body, _ = submission(seed)
        number = case_number.read(self.system.submit(body)["case_number"])
        self.system.wait_archived(number)
        return number, f"{body['subject']}\n{body['description']}"

    def row(self, number):
        return self.system.sql("SELECT * FROM cases WHERE number = %s", number)[0]

    def order(self, number, **body):
        version = self.row(number).version
        self.desk.send(number, version, **body)
        wait_for("it is archived", lambda: self.row(number).version > version, 20)

    def answer(self, number):
        self.order(number, accept=Accept())
        self.order(number, answer=AnswerCase(sealed_text=os.urandom(60), outcome=1))

    def labels(self, *words):
        return [json.loads(line) for line in self.system.tool("labels", *words).stdout.splitlines()]


def test_each_confirmed_case_once_under_what_it_was_confirmed_as(office):
    assert office.labels() == []
    corrected, text_of_corrected = office.case(501)
    answered, text_of_answered = office.case(502)
    both, text_of_both = office.case(503)
    untouched, text_of_untouched = office.case(504)
    erased, text_of_erased = office.case(505)
    office.order(corrected, correct=Correct(category="roads.bridge"))
    office.order(corrected, correct=Correct(category="waste.litter"))
    office.order(both, correct=Correct(category="water.leak"))
    office.answer(both)
    office.order(answered, correct=Correct(category="lighting.street"))
    office.answer(answered)
    office.order(erased, correct=Correct(category="roads.bridge"))
    office.system.sql("DELETE FROM case_keys WHERE number = %s", erased)
    office.order(untouched, accept=Accept())
    found = {line["text"]: line for line in office.labels()}
    assert {text: (line["label"], line["confirmed"]) for text, line in found.items()} == {
        text_of_corrected: ("waste.litter", "corrected"),
        text_of_both: ("water.leak", "answered"),
        text_of_answered: ("lighting.street", "answered"),
    }
    assert len(found) == len(office.labels()), "no case twice"
    assert found[text_of_both]["lang"] == office.row(both).language
    assert text_of_untouched not in found and text_of_erased not in found


def test_an_answered_case_without_a_category_confirms_nothing(office):
    number = office.desk.open(category="")
    wait_for("it is archived", lambda: office.system.sql(
        "SELECT 1 FROM cases WHERE number = %s AND version >= 2", number))
    before = len(office.labels())
    office.answer(number)
    assert len(office.labels()) == before


def test_since_takes_a_day(office):
    everything = office.labels()
    assert everything and office.labels("--since", "2020-01-01") == everything
    assert office.labels("--since", "2100-01-01") == []
    wrong = office.system.tool("labels", "--since", "tomorrow", check=False)
    assert wrong.returncode == 2 and "--since" in wrong.stderr


def test_the_texts_are_for_their_owner_alone(office, tmp_path):
    path = tmp_path / "labels.jsonl"
    office.system.tool("labels", "--output", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().splitlines()
    again = office.system.tool("labels", "--output", path, check=False)
    assert again.returncode == 1 and "exists" in again.stderr
    import subprocess
    from support.system import binary
    with (tmp_path / "open.jsonl").open("w") as out:
        os.fchmod(out.fileno(), 0o644)
        done = subprocess.run([binary("labels"), "--config", office.system.folder / "labels.conf"],
                              stdout=out, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "others may read" in done.stderr
    assert (tmp_path / "open.jsonl").read_text() == ""
