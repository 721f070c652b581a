"""The bulk way in: a file of JSON lines, with progress, resumable, each line once (redress-submit)."""

import http.server
import json
import os
import re
import stat
import subprocess
import threading
import time

import pytest

from support import case_number
from support.daemon import wait_for
from support.grievances import submission
from support.ports import free_port
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

    def start(self, url=None, options=()):
        return subprocess.Popen([binary("submit"), *options, url or self.system.url(""), self.file, self.receipts],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def write(self, lines):
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def refused(self):
        """{line number: reason} of the file of refused rows."""
        path = self.receipts.with_name(self.receipts.name + ".refused")
        text = path.read_text() if path.exists() else ""
        return {int(number): reason for number, reason in re.findall(r"^# line (\d+): (.*)$", text, re.MULTILINE)}

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
        """Those that are whole: the last one may have been cut off."""
        text = self.receipts.read_text() if self.receipts.exists() else ""
        return [line[:-1].split("\t") for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def numbers(self):
        return {case_number.read(line[1]) for line in self.lines()}


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
    assert code == 1 and f"{LINES - 1} rows: {LINES - 3} taken, 2 refused" in errors and "\r" not in errors
    after = bulk.lines()
    assert after[:len(before)] == before
    assert sorted(int(line[0]) for line in after) == [n for n in range(1, LINES + 1) if n not in (8, 10, 12)]
    refused = bulk.refused()
    assert refused.keys() == {8, 10}
    assert refused[8].startswith("400 ") and refused[10].startswith("422 description: ")
    assert stat.S_IMODE(os.stat(bulk.receipts).st_mode) == 0o600

    wait_for("each is a case", lambda: town.archived() >= bulk.numbers(), 60, 0.5)
    assert town.count("cases WHERE alias_of IS NULL") - bulk.cases == len(bulk.numbers()) == LINES - 3
    number, text, receipt, _ = next(line for line in after if line[0] == "400")
    assert town.track(text, receipt)["case_number"] == text and number == "400"
    assert bulk.run()[0] == 1 and bulk.lines() == after, "nothing more to do, and the refused are refused"


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
    assert process.returncode == 0 and "300 rows: 300 taken, 0 refused" in errors
    assert len(bulk.numbers()) == 300


def test_mistakes(town, tmp_path):
    bulk = Bulk(town, tmp_path, "wrong", bodies("wrong", 3))
    code, errors = bulk.run(url=f"http://127.0.0.1:{town.portal_port}")
    assert code == 1 and "is this intake's address" in errors and bulk.lines() == []
    missing = subprocess.run([binary("submit"), town.url(""), tmp_path / "none", bulk.receipts],
                             capture_output=True, text=True, timeout=60)
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    usage = subprocess.run([binary("submit")], capture_output=True, text=True, timeout=60)
    assert usage.returncode == 2 and "URL FILE RECEIPTS" in usage.stderr


def test_a_mended_row_is_sent_and_nothing_else(town, tmp_path):
    rows = bodies("mended", 6)
    bulk = Bulk(town, tmp_path, "mended", [rows[0], '{"subject": "too little"}', *rows[1:3]])
    assert bulk.run()[0] == 1 and bulk.refused().keys() == {2}
    before = bulk.lines()
    # mended, one put in front, two changed places, one written otherwise, one said twice
    spaced = json.dumps(json.loads(rows[1]), indent=None, separators=(" , ", " : "), sort_keys=True)
    bulk.write([rows[5], rows[2], rows[0], rows[3], spaced, rows[3]])
    code, errors = bulk.run()
    assert code == 0 and "6 rows: 6 taken, 0 refused" in errors
    after = bulk.lines()
    assert after[:3] == before and len(after) == 6 and len(bulk.numbers()) == 6
    assert bulk.refused() == {}
    bulk.receipts.unlink()
    assert bulk.run()[0] == 0 and len(bulk.numbers()) == 6
    assert {line[1] for line in bulk.lines()} == {line[1] for line in after}


def test_the_refused_rows_are_mended_in_their_own_file(town, tmp_path):
    good, bad = bodies("own", 1)[0], '{"subject": "too little"}'
    bulk = Bulk(town, tmp_path, "own", [good, bad])
    assert bulk.run()[0] == 1
    refused = bulk.receipts.with_name(bulk.receipts.name + ".refused")
    assert refused.read_text().splitlines()[1] == bad
    refused.write_text(refused.read_text().replace(bad, bodies("own, mended", 1)[0]))
    bulk.file = refused
    code, errors = bulk.run()
    assert code == 0 and "1 rows: 1 taken, 0 refused" in errors and len(bulk.numbers()) == 2


def test_two_imports_with_the_same_row_are_two_cases(town, tmp_path):
    row = bodies("the same in both", 1)
    first, second = Bulk(town, tmp_path, "first", row), Bulk(town, tmp_path, "second", row)
    assert first.run()[0] == second.run()[0] == 0
    assert len(first.numbers() | second.numbers()) == 2
    named = Bulk(town, tmp_path, "third", row)
    for bulk in (named, Bulk(town, tmp_path, "fourth", row)):
        process = bulk.start(options=["--name", "one and the same"])
        assert process.wait(600) == 0
        assert len(named.numbers() | bulk.numbers()) == 1


def test_nothing_listens_there(tmp_path, town):
    bulk = Bulk(town, tmp_path, "nowhere", bodies("nowhere", 2))
    process = bulk.start(url=f"http://127.0.0.1:{free_port()}", options=["--patience", "1s"])
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1 and "connect" in errors and "gave up" in errors
    assert len(errors.splitlines()) == 2 and bulk.lines() == []


class Pacer(http.server.BaseHTTPRequestHandler):
    """Puts every row off once, the first ones with the whole request, and counts what comes back too early."""
    told, early, requests = {}, [], 0

    def result(self, line, key, now):
        if key in self.told:
            self.early.extend([key] if now < self.told[key] + 2 else [])
            return {"line": line, "status": 201, "case_number": "04K7M-2Q9RT-WXY", "receipt_code": "x"}
        self.told[key] = now
        return {"line": line, "status": 429, "retry_after": 2, "detail": "too often"}

    def do_POST(self):
        rows = self.rfile.read(int(self.headers["Content-Length"])).splitlines()
        results = [self.result(line, json.loads(row)["idempotency_key"], time.monotonic())
                   for line, row in enumerate(rows, 1)]
        Pacer.requests += 1
        whole = Pacer.requests == 1
        body = b"{}" if whole else "".join(f"{json.dumps(result)}\n" for result in results).encode()
        self.send_response(503 if whole else 200)
        if whole:
            self.send_header("Retry-After", "2")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_it_comes_again_when_it_was_asked_to(town, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Pacer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bulk = Bulk(town, tmp_path, "paced", bodies("paced", 250))
    code, errors = bulk.run(url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    assert code == 0 and len(bulk.lines()) == 250 and not Pacer.early, errors


class Painter(http.server.BaseHTTPRequestHandler):
    """Answers with what a terminal would obey, and a line that is none of its own."""
    status = 503

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        line = {"line": 1, "status": self.status, "detail": "\x1b[2J\u202ewrong\n# line 9: 422 no"}
        body = f"{json.dumps(line)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status", [503, 422])
def test_what_the_server_says_paints_no_terminal(town, tmp_path, status):
    handler = type("Of", (Painter,), {"status": status})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bulk = Bulk(town, tmp_path, f"painted-{status}", bodies("painted", 1))
    process = bulk.start(url=f"http://127.0.0.1:{server.server_port}", options=["--patience", "1s"])
    _, errors = process.communicate(timeout=600)
    server.shutdown()
    said = errors if status == 503 else bulk.refused()[1]
    assert process.returncode == 1 and "<U+001B>[2J<U+202E>wrong<U+000A># line 9" in said
    assert not {"\x1b", "\u202e"} & {*errors, *said} and 9 not in bulk.refused()
