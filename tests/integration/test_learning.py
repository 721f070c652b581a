"""The learning loop, end to end: officers correct a hundred cases of a kind that no model knows, a
model learns it from the record, proves itself in the shadow and is promoted; a worse one is not."""

import json
import os
import random
import re
import shutil
import subprocess

import pytest

from support import case_number, kinds
from support.commands import Desk
from support.daemon import wait_for
from support.messages import ROOT, Accept, AnswerCase, Correct
from support.system import binary

NEW = "parks.drones"


def lines(per_kind, seed, labels=None):
    """Labelled lines of every known kind; labels: another name for each."""
    labels = labels or {kind: kind for kind in kinds.known()}
    return "".join(json.dumps({"text": f"{subject}\n{text}", "label": labels[kind], "lang": "en"}) + "\n"
                   for kind in kinds.known() for subject, text in kinds.texts(kind, per_kind, seed))


class Office:
    def __init__(self, system, folder):
        self.system = system
        self.folder = folder
        self.desk = Desk(system)
        self.serving, self.shadow = folder / "serving.model", folder / "shadow.model"
        self.base = folder / "base.jsonl"
        self.catalogue = folder / "catalogue"
        system.settings = {"model.file": self.serving, "model.shadow_file": self.shadow,
                           "catalogue.folder": self.catalogue}

    # ---- models

    def train(self, model, *inputs, source=""):
        done = subprocess.run([binary("train"), "--model", model, *inputs], input=source, text=True,
                              capture_output=True, timeout=600)
        assert done.returncode == 0, done.stderr

    def train_with_what_was_confirmed(self, model):
        """redress-labels | redress-train: no text touches a disk."""
        config = self.folder / "labels.conf"
        config.write_text("".join(f"{k} = {v}\n"
                                  for k, v in self.system.settings_for("labels").items()))
        labels = subprocess.Popen([binary("labels"), "--config", config], stdout=subprocess.PIPE)
        train = subprocess.run([binary("train"), "--model", model, self.base, "-"],
                               stdin=labels.stdout, capture_output=True, text=True, timeout=600)
        labels.stdout.close()
        assert labels.wait(60) == 0 and train.returncode == 0, train.stderr

    def version(self, model):
        shown = subprocess.run([binary("model"), "show", model], capture_output=True, text=True,
                               check=True).stdout
        return re.search(r"^model +(\S+):", shown, re.MULTILINE)[1]

    def wait_serving(self, version, shadow):
        daemon = self.system.daemon("classification")
        wanted = f"model {version} serves; " + (f"in its shadow {shadow}" if shadow else "no shadow")
        wait_for(wanted, lambda: wanted in [line for line in daemon.log().splitlines()
                                            if " serves; " in line][-1], 20)

    def window(self, of):
        """What the daemon shows of its last answers, when it has counted so many."""
        daemon = self.system.daemon("classification")
        wait_for(f"the window has {of} answers", lambda: daemon.metric(
            "redress_classification_window_answers") == of, 10)
        return lambda name, **labels: daemon.metric(f"redress_classification_{name}", **labels)

    def model(self, verb, check=True):
        return self.system.tool("model", verb, check=check)

    # ---- cases

    def submit(self, kind, count, seed):
        numbers = [case_number.read(self.system.submit(
            {"subject": subject, "description": text})["case_number"])
            for subject, text in kinds.texts(kind, count, seed)]
        self.wait(numbers, lambda row: row.version >= 2)
        return numbers

    def rows(self, numbers):
        return self.system.sql("SELECT number, version, status, category, office, triage FROM cases"
                               " WHERE number = ANY(%s)", numbers)

    def wait(self, numbers, done):
        def all_done():
            rows = self.rows(numbers)
            return rows if len(rows) == len(numbers) and all(map(done, rows)) else None

        return wait_for("all of them are archived", all_done, 60, 0.2)

    def order(self, numbers, done, **body):
        for row in self.rows(numbers):
            self.desk.send(row.number, row.version, **body)
        return self.wait(numbers, done)

    def correct(self, numbers, category):
        """The first one by the officer's own command, the others as that sends them."""
        first, *others = numbers
        row, = self.rows([first])
        self.system.tool("officer", "correct", case_number.write(first), category,
                         "--officer", "officer.nine", "--based-on", str(row.version))
        self.order(others, lambda row: row.category == category, correct=Correct(category=category))
        self.wait(numbers, lambda row: row.category == category)

    def answer(self, numbers):
        self.order(numbers, lambda row: row.status == "in_progress", accept=Accept())
        self.order(numbers, lambda row: row.status == "answered",
                   answer=AnswerCase(sealed_text=os.urandom(60), outcome=1))

    def said(self, numbers):
        """What classification said of them when they came."""
        wanted = set(numbers)
        return [event.opened.classification
                for event in self.system.topics.decoded("cases.events")
                if event.number in wanted and event.WhichOneof("body") == "opened"]


@pytest.fixture
def office(system, tmp_path):
    found = Office(system, tmp_path)
    shutil.copytree(ROOT / "deploy" / "catalogue", found.catalogue)
    categories = found.catalogue / "categories.yaml"
    categories.write_text(categories.read_text().rstrip() + "\n"
                          f"  - {{code: {NEW}, agency: municipal, level: street, name: Drones}}\n")
    found.base.write_text(lines(60, seed=1))
    found.train(found.serving, found.base)
    system.start("intake", "classification", "routing", "archival")
    return found


def test_a_new_kind_is_learned_and_a_worse_model_is_not_promoted(office):
    first = office.version(office.serving)

    # a worse model comes first: it has learned the known kinds under each other's names
    known = kinds.known()
    mixed = dict(zip(known, known[1:] + known[:1]))
    office.train(office.shadow, "-", source=lines(60, seed=1, labels=mixed))
    office.wait_serving(first, shadow=office.version(office.shadow))
    few = office.model("promote", check=False)
    assert few.returncode == 3 and "too few" in few.stdout

    new = office.submit(NEW, 100, seed=1)
    others = [number for kind in known for number in office.submit(kind, 10, seed=2)]
    assert not any(said.category == NEW for said in office.said(new)), "nobody knows the kind yet"
    shown = office.window(of=150)
    assert shown("window_abstained_ratio") > 0.6
    assert shown("drift_psi", of="confidence") > 0.25, "what comes in is not what was learned"
    right = [row.number for row in office.rows(others) if row.category]
    assert len(right) >= 40, "the known kinds are known"
    office.correct(new, NEW)
    office.answer(right)

    before = office.serving.read_bytes()
    refused = office.model("promote", check=False)
    assert refused.returncode == 3 and "not promoted" in refused.stdout, refused.stdout
    assert f"{100 + len(right)} confirmed cases" in refused.stdout
    assert office.serving.read_bytes() == before and office.shadow.exists()
    assert {path.name for path in office.folder.glob("*.model*")} == {"serving.model", "shadow.model"}

    # retraining with what was confirmed; while it is on trial its answers decide nothing
    office.train_with_what_was_confirmed(office.shadow)
    second = office.version(office.shadow)
    office.wait_serving(first, shadow=second)
    assert office.model("promote", check=False).returncode == 3, "nothing has been confirmed since"
    trial = office.submit(NEW, 100, seed=2)
    for said in office.said(trial):
        assert said.model_version == first and said.category != NEW
        assert said.shadow.model_version == second
    guessed = sum(said.shadow.category == NEW for said in office.said(trial))
    assert guessed >= 95, "the shadow has learned it"
    office.correct(trial, NEW)

    # the figures, then the promotion, which the daemon notices by itself
    compared = office.model("compare")
    assert re.search(rf"best guess right +0 +0\.000 +{guessed} ", compared.stdout), compared.stdout
    assert office.serving.read_bytes() == before, "comparing changes nothing"
    promoted = office.model("promote")
    assert "promoted" in promoted.stdout and not office.shadow.exists()
    assert (office.folder / "serving.model.previous").read_bytes() == before
    office.wait_serving(second, shadow=None)

    # the next such cases go right by themselves, and the known ones still do
    next_ones = office.submit(NEW, 20, seed=3)
    rows = office.rows(next_ones)
    by_themselves = [row for row in rows if row.category == NEW and not row.triage]
    assert len(by_themselves) >= 18, rows
    assert {said.model_version for said in office.said(next_ones)} == {second}
    others = {kind: office.submit(kind, 6, seed=3) for kind in known}
    # the window is of the new model alone
    assert office.window(of=20 + 6 * len(known))("window_abstained_ratio") < 0.2
    still = sum(row.category == kind for kind, numbers in others.items() for row in office.rows(numbers))
    assert still >= 0.9 * 6 * len(known)


def test_a_shadow_that_is_no_model_is_neither_compared_nor_promoted(office):
    office.system.daemon("classification").allow("replaced but not taken")
    before = office.serving.read_bytes()
    for content in (b"", before[:-1], random.Random(1).randbytes(5000)):
        office.shadow.write_bytes(content)
        for verb in ("compare", "promote"):
            done = office.model(verb, check=False)
            assert done.returncode == 1 and str(office.shadow) in done.stderr
    assert office.serving.read_bytes() == before
    office.shadow.unlink()
    missing = office.model("promote", check=False)
    assert missing.returncode == 1 and str(office.shadow) in missing.stderr
