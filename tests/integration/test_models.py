"""The model files of the running daemon: a bad one is refused, a new one is taken, and the shadow
decides nothing."""

import os
import shutil

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.messages import ROOT

DEFAULT = ROOT / "deploy" / "model" / "default.model"
REFUSED = r"not reloaded, going on as before|replaced but not taken, going on as before"


@pytest.fixture
def models(system, tmp_path):
    found = Models(system, tmp_path)
    system.start("intake", "classification")
    return found


class Models:
    def __init__(self, system, folder):
        self.system = system
        self.serving = folder / "serving.model"
        self.shadow = folder / "shadow.model"
        shutil.copy(DEFAULT, self.serving)
        self.daemon = system.daemon("classification").set(
            model__file=self.serving, model__shadow_file=self.shadow)

    def put(self, path, content):
        """Whole or not at all, as redress-train does."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, path)

    def opened(self, seed):
        """What is said of one more grievance."""
        body, _ = submission(seed)
        number = case_number.read(self.system.submit(body)["case_number"])

        def found():
            return [c for c in self.system.topics.decoded("cases.commands") if c.number == number]

        return wait_for("it is classified", found, 20)[0].open.classification

    def lines(self, what):
        return sum(what in line for line in self.daemon.log().splitlines())

    def wait_line(self, what, more_than):
        wait_for(f"the log says: {what}", lambda: self.lines(what) > more_than, 20)


def damaged():
    whole = DEFAULT.read_bytes()
    middle = len(whole) // 2
    yield "empty", b""
    yield "cut short", whole[:-1]
    yield "cut to its head", whole[:100]
    yield "longer than it says", whole + b"\0"
    yield "another file", b"text, not a model\n" * 1000
    yield "a bit has flipped", whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:]


def test_a_damaged_file_is_refused_while_the_old_model_serves(models):
    models.daemon.allow(REFUSED)
    before = models.opened(601)
    assert before.model_version
    for what, content in damaged():
        # by itself: the daemon sees that the file is another one
        refused = models.lines("replaced but not taken")
        models.put(models.serving, content)
        models.wait_line("replaced but not taken", refused)
        # by signal
        refused = models.lines("not reloaded, going on as before")
        models.daemon.reload()
        models.wait_line("not reloaded, going on as before", refused)
        after = models.opened(601)
        for said in (before, after):
            said.ClearField("sealed_why")
        assert after == before, what
        assert models.daemon.ready(), what
    reloaded = models.lines("model ")
    models.put(models.serving, DEFAULT.read_bytes())
    models.wait_line("model ", reloaded)
    assert models.opened(602).model_version == before.model_version


def test_a_damaged_shadow_is_refused_and_one_at_the_start_is_left_out(models):
    models.daemon.allow(REFUSED, "working without a shadow")
    refused = models.lines("replaced but not taken")
    models.put(models.shadow, DEFAULT.read_bytes()[:-1])
    models.wait_line("replaced but not taken", refused)
    assert "model.shadow_file" in models.daemon.log()
    assert not models.opened(603).HasField("shadow")
    models.daemon.restart()
    assert "working without a shadow" in models.daemon.log()
    assert not models.opened(604).HasField("shadow")
    assert models.daemon.metric("redress_classification_shadow_loaded") == 0


def test_a_shadow_is_asked_recorded_and_can_be_taken_away(models):
    before = models.opened(605)
    assert not before.HasField("shadow")
    models.put(models.shadow, DEFAULT.read_bytes())
    wait_for("the shadow is loaded",
             lambda: models.daemon.metric("redress_classification_shadow_loaded") == 1, 20)
    after = models.opened(605)
    assert after.shadow.model_version == before.model_version
    assert after.shadow.category == after.guesses[0].category == before.guesses[0].category
    assert after.shadow.confidence == after.confidence
    assert after.shadow.abstained == after.abstained
    for said in (before, after):
        said.ClearField("sealed_why")
    after.ClearField("shadow")
    assert after == before, "the shadow decides nothing"
    wait_for("it is counted",
             lambda: models.daemon.metric("redress_classification_shadow_total") == 1, 10)
    assert models.daemon.metric("redress_classification_shadow_differs_total") == 0
    models.shadow.unlink()
    wait_for("the shadow is gone",
             lambda: models.daemon.metric("redress_classification_shadow_loaded") == 0, 20)
    assert not models.opened(606).HasField("shadow")


def test_answers_are_counted_by_category(models):
    said = [models.opened(seed) for seed in range(610, 622)]
    daemon = models.daemon
    wait_for("all are counted", lambda: daemon.metric("redress_classification_total") == 12, 10)
    for category in {one.category for one in said}:
        wanted = sum(one.category == category for one in said)
        assert daemon.metric("redress_classification_category_total",
                             category=category or "none") == wanted
    abstained = sum(one.abstained for one in said)
    assert daemon.metric("redress_classification_abstained_total") == abstained
    wait_for("the window is shown",
             lambda: daemon.metric("redress_classification_window_answers") == 12, 10)
    assert daemon.metric("redress_classification_window_abstained_ratio") == pytest.approx(
        abstained / 12, abs=1e-5)
    assert daemon.metric("redress_classification_window_confidence_ratio") == pytest.approx(
        sum(one.confidence for one in said) / 12, abs=1e-3)
