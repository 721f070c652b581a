"""redress-train as its users call it: what it makes of its options, and that a wrong call or a wrong
line is named before the long work and leaves the model that is there alone."""

import json
import os
import signal
import subprocess
import time

import pytest

from support import kinds, score_table
from support.system import ROOT, binary


def lines(count=10, **more):
    """Texts of all known kinds; more: other members of each line."""
    return "".join(json.dumps({"text": f"{subject}\n{text}", "label": kind, **more}) + "\n"
                   for kind in kinds.known() for subject, text in kinds.texts(kind, count, 1))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lines.jsonl").write_text(lines(lang="en"))
    return tmp_path


def train(folder, *options, model="a.model", texts="lines.jsonl"):
    return subprocess.run([binary("train"), "--model", folder / model, *options, folder / texts],
                          capture_output=True, timeout=600)


def trained(folder, *options, **names):
    done = train(folder, *options, **names)
    assert done.returncode == 0, done.stderr
    return (folder / names.get("model", "a.model")).read_bytes()


def shown(folder, model="a.model"):
    return subprocess.run([binary("model"), "show", folder / model], capture_output=True, text=True,
                          check=True).stdout


def judged(folder, text):
    done = subprocess.run([binary("classify"), "--model", folder / "a.model"], text=True, check=True,
                          input=json.dumps({"text": text}) + "\n", capture_output=True)
    return json.loads(done.stdout)


def test_the_same_lines_make_the_same_model(folder):
    assert trained(folder) == trained(folder)


def test_models_that_differ_have_different_names(folder):
    trained(folder)
    trained(folder, "--precision", "0.6", model="b.model")
    assert shown(folder).splitlines()[0] != shown(folder, "b.model").splitlines()[0]


@pytest.mark.parametrize("bad, named", [
    ('{"text": "no label"}\n', b"dev.jsonl line 1: label: is missing"),
    ("", b"dev.jsonl: there is no text in it"),
    ("".join(json.dumps({"text": "x", "label": f"l{i}"}) + "\n" for i in range(1001)),
     b"dev.jsonl line 1001: label: there are more than 1000 different ones"),
    (None, b"dev.jsonl: No such file"),
])
def test_wrong_dev_lines_leave_the_model_alone(folder, bad, named):
    before = trained(folder)
    if bad is not None:
        (folder / "dev.jsonl").write_text(bad)
    done = train(folder, "--dev", folder / "dev.jsonl", "--precision", "0.7")
    assert done.returncode == 1 and named in done.stderr
    assert b"learning" not in done.stderr
    assert (folder / "a.model").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir() if "model" in p.name) == ["a.model"]


def test_dev_lines_are_what_the_scores_are_of(folder):
    (folder / "dev.jsonl").write_text(lines(3))
    done = train(folder, "--dev", folder / "dev.jsonl")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{3 * len(kinds.known())} texts of the dev file".encode())
    assert b"calibration error by chance" in done.stdout
    assert [p.name for p in folder.glob("a.model*")] == ["a.model"]


def test_nothing_is_left_of_a_training_that_is_interrupted(folder):
    kind = kinds.known()[0]
    long = " ".join(text for _, text in kinds.texts(kind, 400, 1))[:20000]
    (folder / "dev.jsonl").write_text((json.dumps({"text": long, "label": kind}) + "\n") * 800)
    trial, seen = folder / "a.model.trial", 0
    with subprocess.Popen([binary("train"), "--model", folder / "a.model", "--dev", folder / "dev.jsonl",
                           folder / "lines.jsonl"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while seen < 4 and process.poll() is None:   # that is, while the dev lines are judged
            time.sleep(0.05)
            seen = seen + 1 if trial.exists() else 0
        process.send_signal(signal.SIGINT)
    assert not trial.exists()


@pytest.mark.parametrize("model, why", [("none/a.model", b"No such file"), (".", b"directory")])
def test_a_place_that_cannot_be_written_is_told_at_once(folder, model, why):
    done = train(folder, model=model)
    assert done.returncode == 1 and why in done.stderr and b"learning" not in done.stderr


def test_what_is_no_file_is_not_replaced(folder):
    os.mkfifo(folder / "a.model")
    done = train(folder)
    assert done.returncode == 1 and b"pipe" in done.stderr and b"learning" not in done.stderr
    assert (folder / "a.model").is_fifo()


def test_dev_lines_are_scored_as_classify_scores_them(folder):
    """Also those that say nothing, and those of labels that the model was not taught."""
    first = kinds.known()[0]
    odd = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in (
        ("", first), ("", first), ("x", "never.seen"), ("y", "never.met"), ("", "never.seen")))
    (folder / "dev.jsonl").write_text(lines(3) + odd)
    done = train(folder, "--dev", folder / "dev.jsonl")
    assert done.returncode == 0, done.stderr
    again = subprocess.run([binary("classify"), "--model", folder / "a.model", "--evaluate"], cwd=ROOT,
                           input=(folder / "dev.jsonl").read_bytes(), capture_output=True, check=True)
    ours, theirs = score_table.read(done.stdout), score_table.read(again.stdout)
    for row in "accuracy", "macro-F1":
        assert ours[row] == theirs[row]


def test_the_best_guess_is_never_less_sure_than_the_next(folder):
    """Labels that nothing tells apart: of the best guess is known that it is hardly ever right."""
    (folder / "lines.jsonl").write_text("".join(
        json.dumps({"text": "the lamp is dark", "label": "a.b" if i % 2 else "c.d"}) + "\n" for i in range(20)))
    trained(folder)
    found = judged(folder, "the lamp is dark")
    sure = [guess["confidence"] for guess in found["guesses"]]
    assert sure == sorted(sure, reverse=True) and found["confidence"] == sure[0]


def test_a_map_gives_categories_and_passes_over_the_rest(folder):
    first, second, *_ = kinds.known()
    (folder / "map.tsv").write_bytes(f"# from\tto\r\n{first}\tone.a\r\n{second}\ttwo.b\r\n".encode())
    done = train(folder, "--map", folder / "map.tsv")
    assert done.returncode == 0 and b"20 texts, 2 labels" in done.stderr
    subject, text = kinds.texts(first, 1, 2)[0]
    assert judged(folder, f"{subject}\n{text}")["guesses"][0]["category"] == "one.a"
    (folder / "map.tsv").write_bytes(b"a\tb\n\xff\tc\n")
    done = train(folder, "--map", folder / "map.tsv")
    assert done.returncode == 1 and b"map.tsv line 2" in done.stderr


@pytest.mark.parametrize("language", ["en-US", "EN", "en_GB", "", None])
def test_a_language_is_known_however_it_is_written(folder, language):
    (folder / "lines.jsonl").write_text(lines(**({} if language is None else {"lang": language})))
    trained(folder)
    kind = kinds.known()[0]
    subject, text = kinds.texts(kind, 1, 3)[0]
    found = judged(folder, f"{subject}\n{text}")
    assert found["category"] == kind and not found["abstained"]


def test_some_lines_without_a_language_make_none_foreign(folder):
    (folder / "lines.jsonl").write_text(
        lines() + json.dumps({"text": "yolda bir çukur var", "label": kinds.known()[0],
                              "lang": "tr"}) + "\n")
    trained(folder)
    subject, text = kinds.texts(kinds.known()[0], 1, 3)[0]
    assert not judged(folder, f"{subject}\n{text}")["abstained"]


@pytest.mark.parametrize("table, named", [
    (b"label\ttext\nlabel only\n", b"bad.tsv line 2"),
    (b"a\tb\0c\n", b"bad.tsv line 1"),
    (b"a\t" + 300000 * b"x" + b"\n", b"bad.tsv line 1: text: at most 262144 bytes"),
    (b"a\t" + 3000000 * b"x" + b"\n", b"bad.tsv line 1"),
    (b"a\t###\nb\t!!!\n" * 8, b"in common"),
    (b"".join(b"l%d\tx\n" % i for i in range(1001)),
     b"bad.tsv line 1001: label: there are more than 1000 different ones"),
], ids=["no tab", "NUL", "long text", "long line", "no letters", "many labels"])
def test_tables_are_checked_like_json_lines(folder, table, named):
    (folder / "bad.tsv").write_bytes(table)
    done = train(folder, texts="bad.tsv")
    assert done.returncode == 1 and named in done.stderr, done.stderr
    assert not (folder / "a.model").exists()


def test_scores_that_cannot_be_written_are_an_error(folder):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary("train"), "--model", folder / "a.model", folder / "lines.jsonl"],
                              stdout=full, stderr=subprocess.PIPE, timeout=600)
    assert done.returncode == 1 and b"scores cannot be written" in done.stderr


def test_a_small_model_is_filled_though_all_features_tell_as_much(folder):
    (folder / "lines.jsonl").write_text("".join(
        json.dumps({"text": " ".join(f"w{(i // 2) * 31 + k:x}q{k}" for k in range(60)),
                    "label": f"l{i // 2 % 2}"}) + "\n" for i in range(420)))
    trained(folder, "--size", "1")
    assert (folder / "a.model").stat().st_size > 600000
