"""(d) The classifier beside the linear SVM on folds, where a set's dev/ is too small to tell them apart.

A single text of a few hundred is up to three points. Here train/ and dev/ of a set are mixed and parted in
eight; as many of the parts as there are rounds are judged, each by what was learned from the seven others,
and what was said of all of them is scored as one. Tuning and calibration see no more than the seven.
"""

import concurrent.futures
import json
import pathlib
import random
import subprocess
import tempfile

from bench_classification import Texts, execute, install, read, scores, svm, wanted_sets
from measure import table

FOLDS = 8
TEXTS_MOST = 30000  # a set of more has a dev/ that tells


def best_guesses(texts, bench):
    """What the classifier says of each text, and how sure it is."""
    model = texts.folder / "redress.model"
    execute([bench.program("redress-train"), "--model", model, texts.folder / "train.jsonl"])
    with open(texts.folder / "dev.jsonl") as lines:
        said = subprocess.run([bench.program("redress-classify"), "--model", model], stdin=lines,
                              check=True, capture_output=True, text=True).stdout
    answers = [json.loads(line) for line in said.splitlines()]
    return [(answer["guesses"][0]["category"], answer["confidence"]) for answer in answers]


def judge_fold(bench, name, train, dev):
    """For each text: its label, what Redress says and how sure it is, what the SVM says."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        texts = Texts(name, pathlib.Path(folder), train, dev)
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            other = pool.submit(svm, texts)
            ours = best_guesses(texts, bench)
            return [(label, *said, guess)
                    for (_, label), said, guess in zip(dev, ours, other.result()["guessed"])]


def judge_set(bench, name):
    rows = read(bench.data, "train", name) + read(bench.data, "dev", name)
    if len(rows) > TEXTS_MOST:
        return None
    random.Random(1).shuffle(rows)
    judged = []
    for fold in range(min(bench.rounds, FOLDS)):
        train = [row for i, row in enumerate(rows) if i % FOLDS != fold]
        judged += judge_fold(bench, name, train, rows[fold::FOLDS])
    right, ours, sure, theirs = zip(*judged)
    found, other = scores(right, ours, sure), scores(right, theirs)
    print(f"{name}: {len(right)} texts judged", flush=True)
    return len(right), [found["accuracy"], other["accuracy"], found["macro-F1"], other["macro-F1"],
                        found["calibration"], found["chance"]]


def run(bench):
    install()
    results = {name: result for name in wanted_sets(bench) if (result := judge_set(bench, name))}
    rows = [[name, count, *(f"{value:.4f}" for value in found)]
            for name, (count, found) in results.items()]
    columns = zip(*(found for _, found in results.values()))
    rows.append(["mean", "", *(f"{sum(column) / len(column):.4f}" for column in columns)])
    table(f"Folds of train and dev, {min(bench.rounds, FOLDS)} of {FOLDS}",
          ["set", "texts judged", "accuracy", "SVM's", "macro-F1", "SVM's", "calibration error",
           "by chance"], rows)
