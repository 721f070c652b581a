"""The bulk way in: a file of JSON lines, with progress, resumable, each line once (redress-submit)."""

import json
import os
import stat
import subprocess
import time

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.system import binary

LINES = 400


@pytest.fixture(scope="module")
def town(shared):
    return shared.start()


class Bulk:
    """One file and its receipts."""

    def __init__(self, system, folder, name, lines):
        self.system = system
        self.file, self.receipts = folder / f"{name}.jsonl", folder / f"{name}.receipts"
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def start(self, url=None):
        return subprocess.Popen([binary("submit"), url or self.system.url(""), self.file, self.receipts],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_until(self, receipts, stop):
        """Starts it and stops something when there are so many receipts; gives back the process."""
        process = self.start()
        wait_for("some receipts", lambda: len(self.lines()) > receipts, 30, 0.005)
        stop(process)
        return process

    def run(self, **kwargs):
        process = self.start(**kwargs)
        _, errors = process.communicate(timeout=600)
        return process.returncode, errors

    def lines(self):
        text = self.receipts.read_text() if self.receipts.exists() else ""
        return [line.split("\t") for line in text.splitlines()]

    def numbers(self):
        return {case_number.read(line[1]) for line in self.lines() if line[1] != "refused"}


def bodies(name, count):
    return [json.dumps(submission(f"{name} {i}")[0], ensure_ascii=False) for i in range(count)]


def killed_in_the_middle(town, folder):
    """Of a file with mistakes; once more when it was faster than the kill."""
    for attempt in range(10):
        lines = bodies(f"bulk {attempt}", LINES)
        lines[7], lines[9], lines[11] = "no JSON", '{"subject": "nothing said"}', ""
        bulk = Bulk(town, folder, f"bulk-{attempt}", lines)
        bulk.cases = town.count("cases WHERE alias_of IS NULL")
        bulk.run_until(40, subprocess.Popen.kill).communicate()
        if len(bulk.lines()) < LINES - 1:
            return bulk
        wait_for("each is a case", lambda: town.archived() >= bulk.numbers(), 60, 0.5)
    raise AssertionError("it cannot be stopped in the middle")


def test_killed_in_the_middle_and_run_again(town, tmp_path):
    bulk = killed_in_the_middle(town, tmp_path)
    before = bulk.lines()
    with bulk.receipts.open("a") as file:
        file.write("399\t04K7M-2Q")      # as if cut off while it was written
    code, errors = bulk.run()
    assert code == 1 and f"{LINES} lines, 2 refused" in errors and f"{LINES} of {LINES}" in errors
    after = bulk.lines()
    assert after[:len(before)] == before
    assert sorted(int(line[0]) for line in after) == [n for n in range(1, LINES + 1) if n != 12]
    refused = {int(line[0]): line[2] for line in after if line[1] == "refused"}
    assert refused.keys() == {8, 10}
    assert refused[8].startswith("400 ") and refused[10].startswith("422 description ")
    assert stat.S_IMODE(os.stat(bulk.receipts).st_mode) == 0o600

    wait_for("each is a case", lambda: town.archived() >= bulk.numbers(), 60, 0.5)
    assert town.count("cases WHERE alias_of IS NULL") - bulk.cases == len(bulk.numbers()) == LINES - 3
    number, text, receipt = next(line for line in after if line[0] == "400")
    assert town.track(text, receipt)["case_number"] == text and number == "400"
    assert bulk.run()[0] == 1 and bulk.lines() == after, "nothing more to do, and the refused are remembered"


def test_the_receipts_are_lost_but_no_case_is_made_twice(town, tmp_path):
    cases = town.count("cases WHERE alias_of IS NULL")
    bulk = Bulk(town, tmp_path, "lost", bodies("lost", 40))
    assert bulk.run()[0] == 0
    numbers, receipts = bulk.numbers(), sorted(bulk.lines())
    bulk.receipts.unlink()
    assert bulk.run()[0] == 0
    assert bulk.numbers() == numbers and sorted(bulk.lines()) == receipts
    wait_for("archived", lambda: town.archived() >= numbers, 60, 0.5)
    assert town.count("cases WHERE alias_of IS NULL") == cases + 40


def test_it_waits_for_an_intake_that_is_away(town, tmp_path):
    for attempt in range(10):       # once more when it was faster than the kill
        bulk = Bulk(town, tmp_path, f"away-{attempt}", bodies(f"away {attempt}", 300))
        process = bulk.run_until(20, lambda _: town.daemon("intake").kill())
        if len(bulk.lines()) < 300:
            break
        town.daemon("intake").start()
    time.sleep(1)
    assert process.poll() is None
    town.daemon("intake").start()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0 and "300 lines, 0 refused" in errors
    assert len(bulk.numbers()) == 300


def test_mistakes(town, tmp_path):
    bulk = Bulk(town, tmp_path, "wrong", bodies("wrong", 3))
    code, errors = bulk.run(url=f"http://127.0.0.1:{town.portal_port}")
    assert code == 1 and "is this intake's address" in errors and bulk.lines() == []
    missing = subprocess.run([binary("submit"), town.url(""), tmp_path / "none", bulk.receipts],
                             capture_output=True, text=True, timeout=60)
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    usage = subprocess.run([binary("submit")], capture_output=True, text=True, timeout=60)
    assert usage.returncode == 2 and "usage:" in usage.stderr
