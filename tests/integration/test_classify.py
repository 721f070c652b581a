"""redress-classify: texts of anybody's own, line for line, and scores of labelled ones."""

import json
import re
import subprocess

import pytest

from support import score_table
from support.system import ROOT, binary

TEXTS = [
    ("en", "There is a smell of gas in our staircase and nobody answers the emergency line."),
    ("de", "Die Straßenlaterne vor meinem Haus ist seit zwei Wochen kaputt."),
    ("th", "ไฟถนนหน้าบ้านดับมาสองสัปดาห์แล้ว"),
    ("hi-Latn", "hamare gali ki batti kai dino se band hai, raat ko bahut andhera rehta hai"),
    (None, "12345"),
]


def run(data, *words):
    data = data if isinstance(data, bytes) else data.encode()
    return subprocess.run([binary("classify"), *words], input=data, capture_output=True, cwd=ROOT, timeout=60)


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_line_for_line():
    done = run(lines(*({"id": i, "text": text} for i, (_, text) in enumerate(TEXTS * 50))))
    assert done.returncode == 0 and done.stderr == b""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["language"] for answer in answers] == [language for language, _ in TEXTS] * 50
    assert answers[:len(TEXTS)] == answers[-len(TEXTS):]
    first, last = answers[0], answers[len(TEXTS) - 1]
    assert first["urgency"] == "emergency" and first["why"]["urgency"] == ["smell of gas"]
    assert len(first["guesses"]) == 3 and re.fullmatch("[0-9a-f]{64}", first["signature"])
    assert (first["category"] is None) == first["abstained"]
    for answer in answers[:len(TEXTS)]:
        if answer["category"]:
            assert answer["service"] == answer["category"].split(".")[0]
    assert any(answer["service"] for answer in answers) and last["service"] is None
    assert last["abstained"] and last["suspected_abuse"] and last["signature"] is None
    assert last["why"]["abuse"] == ["no letters"]


def test_a_conversation_is_answered_at_once():
    with subprocess.Popen([binary("classify")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        for language, text in TEXTS[:3]:
            process.stdin.write(lines({"text": text}).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["language"] == language
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize("line, reason", [
    ("nonsense", "is no JSON object"), ("[]", "is no JSON object"), ("", "is no JSON object"),
    ("{}", "text: is missing"), ('{"text": 1}', "text: must be a string"), (b'{"text": "\xff"}', "is not UTF-8"),
    (lines({"text": "a" * 300000})[:-1], "text: is longer than 262144 bytes"),
    ('{"text": "' + "a" * 2000000 + '"}', "is longer than 1048576 bytes"),
], ids=["no JSON", "an array", "nothing", "no text", "a number", "no UTF-8", "a long text", "a long line"])
def test_a_wrong_line_is_named(line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    done = run(b'{"text": "the lamp is dark"}\n' + line + b'\n{"text": "x"}\n')
    assert done.returncode == 1 and done.stdout.count(b"\n") == 1
    assert f"standard input line 2: {reason}" in done.stderr.decode()


def test_scores_of_labelled_lines():
    guess = json.loads(run(lines({"text": TEXTS[1][1]})).stdout)["guesses"][0]["category"]
    rows = [{"text": TEXTS[1][1], "label": guess, "lang": "de"}, {"text": TEXTS[1][1], "label": "x.y", "lang": "en"}]
    done = run(lines(*rows), "--evaluate", "--progress")
    table = score_table.read(done.stdout)
    assert table["texts"] == "2" and table["accuracy"] == "0.5000" and table["language accuracy"] == "0.5000"
    assert table["macro-F1"] == "0.3333"   # of its label 2/3; of the other, which is never guessed, none
    assert 0 < float(table["calibration error by chance"]) < 1
    assert float(table["documents a second"]) > 0
    assert b"2 lines" in done.stderr and b"100 %" not in done.stderr   # of a pipe nobody knows the end
    for wrong, reason in (({"text": "x"}, "label: is missing"), ({"text": "x", "label": 1}, "label: must be"),
                          ({"text": "x", "label": ""}, "label: 1 to 200 bytes"),
                          ({"text": "x", "label": "a" * 201}, "label: 1 to 200 bytes"),
                          ({"text": "x", "label": "a", "lang": 1}, "lang: must be")):
        done = run(lines(rows[0], wrong), "--evaluate")
        assert done.returncode == 1 and f"standard input line 2: {reason}" in done.stderr.decode()
        assert not done.stdout
    assert run("", "--evaluate").returncode == 1


@pytest.mark.parametrize("lang, right", [
    ("de", "1.0000"), ("DE", "1.0000"), ("de-AT", "1.0000"), ("de_DE", "1.0000"), ("den", "0.0000"),
    ("de-Cyrl", "0.0000"), ("", None), (None, None)])
def test_a_language_is_scored_however_it_is_written(lang, right):
    done = run(lines({"text": TEXTS[1][1], "label": "a.b", "lang": lang}), "--evaluate")
    table = score_table.read(done.stdout)
    assert done.returncode == 0 and table.get("language accuracy") == right


def test_labels_of_scored_lines_are_bounded():
    rows = [{"text": "x", "label": f"l{i % 1000}"} for i in range(2000)]
    assert run(lines(*rows), "--evaluate").returncode == 0
    done = run(lines(*rows, {"text": "x", "label": "l1000"}), "--evaluate")
    assert done.returncode == 1 and not done.stdout
    assert b"standard input line 2001: label: there are more than 1000 different ones" in done.stderr


def test_calls(tmp_path):
    assert b"model.file" in run("", "--help").stdout
    assert run("", "--nonsense").returncode == 2 and run("", "word").returncode == 2
    broken = tmp_path / "model"
    broken.write_bytes(b"no model")
    done = run(lines({"text": "x"}), "--model", broken)
    assert done.returncode == 1 and str(broken).encode() in done.stderr and not done.stdout
