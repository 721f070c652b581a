"""(d) The classifier beside fastText and a linear SVM, on every set of labelled texts, without Kafka.

All three learn from train/ and are judged on dev/, which none of them sees before. fastText has the
setting that did best of those tried on these sets, but sees a text the seldomer the more there are; the
SVM is LIBLINEAR over TF-IDF of words, pairs of words and character n-grams, and learns from a part of the
largest sets. Rates are of prediction alone, on one thread and on the same texts: processor time for many
texts less that for a single one. The two take turns, and what is compared is of the same round, so that
other work on the machine counts little.
"""

import collections
import concurrent.futures
import gzip
import hashlib
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from measure import interleaved, median, table

FASTTEXT = ["-lr", "0.5", "-wordNgrams", "2", "-minn", "2", "-maxn", "5"]
EPOCHS, EPOCHS_LEAST = 25, 5
ENOUGH_ROWS = 60000     # with more, fastText has fewer epochs and the SVM so many of them
SVM_SLOTS = 1 << 20
RATE_BYTES = 2000000    # of texts, the set's over and over: fewer are too quick to be timed
WANTED = 0.95
BINS = 15


class Texts:
    """The texts and labels of one set: to learn from, and to judge by."""

    def __init__(self, name, folder, train, dev):
        self.name = name
        self.folder = folder
        self.no_spaces = name.endswith(("_th", "_zh"))
        self.train = train
        self.dev = dev
        for part, rows in ("train", train), ("dev", dev):
            with open(folder / f"{part}.jsonl", "w") as out:
                for text, label in rows:
                    print(json.dumps({"text": text, "label": label}, ensure_ascii=False), file=out)


def read(data, part, name):
    """Text and label of each row of a set's part."""
    rows = (json.loads(line) for line in gzip.open(data / part / f"{name}.jsonl.gz", "rt"))
    return [(" ".join(row["text"].split()), row["label"]) for row in rows
            if row.get("text") and row.get("label")]


def wanted_sets(bench):
    there = sorted(path.name.split(".")[0] for path in (bench.data / "train").glob("*.jsonl.gz"))
    unknown = sorted(set(bench.sets or []) - set(there))
    if unknown or not there:
        sys.exit(f"bench: {bench.data}/train has no {', '.join(unknown) or 'labelled texts'}")
    return bench.sets or there


def execute(command, stdin=None, stdout=subprocess.DEVNULL):
    """Runs a program; gives back its seconds, peak resident MiB and processor seconds."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: {command[0]} failed with {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def many_times(text):
    """The lines, over and over."""
    return text.splitlines(keepends=True) * -(-RATE_BYTES // len(text.encode()))


def rates(rounds, contenders):
    """For each contender, by name, its documents a second of processor time, less start and loading, in
    each round. A contender is what predicts its first so many lines, and how many there are."""
    took = interleaved(rounds, **{f"{name} {part}": lambda predict=predict, lines=lines: predict(lines)
                                  for name, (predict, count) in contenders.items()
                                  for part, lines in (("all", count), ("one", 1))})
    return {name: [(count - 1) / max(many - one, 1e-3)
                   for many, one in zip(took[f"{name} all"], took[f"{name} one"])]
            for name, (_, count) in contenders.items()}


# ---- scores --------------------------------------------------------------------------------------

def scores(right, guessed, confidence=None):
    """Accuracy, macro-F1 and, with confidences, calibration error, what it would be by chance were they
    all true (score.h says how), and coverage at 95 % precision."""
    tally = collections.defaultdict(lambda: [0, 0, 0])
    for wanted, found in zip(right, guessed):
        tally[wanted][0] += 1
        tally[found][1] += 1
        tally[wanted][2] += wanted == found
    there = [counts for counts in tally.values() if counts[0]]
    result = {"accuracy": sum(counts[2] for counts in there) / len(right),
              "macro-F1": sum(2 * r / (t + g) for t, g, r in there) / len(there)}
    if confidence:
        bins = [[0.0, 0, 0.0] for _ in range(BINS)]
        for wanted, found, sure in zip(right, guessed, confidence):
            part = bins[min(int(sure * BINS), BINS - 1)]
            part[0] += sure
            part[1] += wanted == found
            part[2] += sure * (1 - sure)
        result["calibration"] = sum(abs(s - r) for s, r, _ in bins) / len(right)
        result["chance"] = sum(math.sqrt(2 / math.pi * v) for _, _, v in bins) / len(right)
        good = best = 0
        order = sorted(range(len(right)), key=lambda i: -confidence[i])
        for made, i in enumerate(order, 1):
            good += right[i] == guessed[i]
            if good >= WANTED * made:
                best = made
        result["coverage"] = best / len(right)
    return result


# ---- the three -----------------------------------------------------------------------------------

def redress(texts, bench):
    model = texts.folder / "redress.model"
    train, classify = bench.program("redress-train"), bench.program("redress-classify")
    seconds, memory, _ = execute([train, "--model", model, texts.folder / "train.jsonl"])
    with open(texts.folder / "dev.jsonl") as lines:
        out = subprocess.run([classify, "--model", model, "--evaluate"], stdin=lines, check=True,
                             capture_output=True, text=True).stdout
    lines = many_times((texts.folder / "dev.jsonl").read_text())

    def predict(count):
        (texts.folder / "some.jsonl").write_text("".join(lines[:count]))
        with open(texts.folder / "some.jsonl") as some:
            return execute([classify, "--model", model, "--evaluate"], some)[2]

    row = dict(re.findall(r"^(.*?)  +([\d.]+)$", out, re.M))
    return {"accuracy": float(row["accuracy"]), "macro-F1": float(row["macro-F1"]),
            "calibration": float(row["calibration error (15 bins)"]),
            "chance": float(row["calibration error by chance"]),
            "coverage": float(row["coverage at 95 % precision"]),
            "predict": (predict, len(lines)),
            "train": seconds, "memory": memory, "size": model.stat().st_size}


def fasttext(texts):
    def plain(text):
        return re.sub(r"([^\w\s])", r" \1 ", text.lower())

    names = sorted({label for _, label in texts.train + texts.dev})
    code = {name: f"__label__{i}" for i, name in enumerate(names)}
    folder = texts.folder
    (folder / "ft.train").write_text("".join(f"{code[l]} {plain(t)}\n" for t, l in texts.train))
    (folder / "ft.dev").write_text("".join(plain(t) + "\n" for t, _ in texts.dev))
    epochs = max(EPOCHS_LEAST, min(EPOCHS, EPOCHS * ENOUGH_ROWS // len(texts.train)))
    seconds, memory, _ = execute(["fasttext", "supervised", "-input", folder / "ft.train", "-output",
                                  folder / "ft", "-thread", str(os.cpu_count()), "-epoch", str(epochs),
                                  *FASTTEXT])
    (folder / "ft.vec").unlink()
    out = subprocess.run(["fasttext", "predict-prob", folder / "ft.bin", folder / "ft.dev"],
                         check=True, capture_output=True, text=True).stdout.splitlines()
    back = {value: name for name, value in code.items()}
    found = [line.split() or ["", "0"] for line in out]
    lines = many_times((folder / "ft.dev").read_text())

    def predict(count):
        (folder / "ft.some").write_text("".join(lines[:count]))
        return execute(["fasttext", "predict-prob", folder / "ft.bin", folder / "ft.some"])[2]

    return {**scores([l for _, l in texts.dev], [back.get(f[0]) for f in found],
                     [min(float(f[1]), 1.0) for f in found]),
            "predict": (predict, len(lines)), "train": seconds, "memory": memory,
            "size": (folder / "ft.bin").stat().st_size}


class Tfidf:
    """Words, pairs of words, and character n-grams (3 to 5 in words with their borders; 1 to 4 of
    the whole text where words are not parted), hashed; features of one text alone are left out."""

    def __init__(self, no_spaces):
        self.no_spaces = no_spaces
        self.slot = {}

    def _terms(self, text):
        words = re.findall(r"\w\w+", text.lower())
        yield from words
        yield from (f"{a} {b}" for a, b in zip(words, words[1:]))
        if self.no_spaces:
            pieces, sizes = [text.lower()], (1, 2, 3, 4)
        else:
            pieces, sizes = [f" {word} " for word in text.lower().split()], (3, 4, 5)
        for piece in pieces:
            for size in sizes:
                yield from ("\0" + piece[i:i + size] for i in range(len(piece) - size + 1))

    def _counts(self, text):
        counts = collections.Counter()
        for term in self._terms(text):
            slot = self.slot.get(term)
            if slot is None:
                digest = hashlib.blake2b(term.encode(), digest_size=4).digest()
                slot = self.slot[term] = int.from_bytes(digest, "little") % SVM_SLOTS
            counts[slot] += 1
        return counts

    def fit(self, texts):
        seen = collections.Counter()
        for text in texts:
            seen.update(self._counts(text).keys())
        self.weight = {slot: math.log((1 + len(texts)) / (1 + count)) + 1
                       for slot, count in seen.items() if count >= 2}

    def line(self, text, label):
        row = sorted((slot, count * self.weight[slot])
                     for slot, count in self._counts(text).items() if slot in self.weight)
        length = math.sqrt(sum(value * value for _, value in row)) or 1
        return f"{label} " + " ".join(f"{s + 1}:{v / length:.5g}" for s, v in row) + "\n"


def svm(texts):
    rows = texts.train
    if len(rows) > ENOUGH_ROWS:
        rows = random.Random(1).sample(rows, ENOUGH_ROWS)
    names = {name: i for i, name in enumerate(sorted({l for _, l in texts.train + texts.dev}), 1)}
    folder = texts.folder
    began = time.monotonic()
    features = Tfidf(texts.no_spaces)
    features.fit([text for text, _ in rows])
    for part, lines in ("svm.train", rows), ("svm.dev", texts.dev):
        with open(folder / part, "w") as out:
            out.writelines(features.line(text, names[label]) for text, label in lines)
    seconds = time.monotonic() - began
    learned, memory, _ = execute(["liblinear-train", "-s", "1", "-c", "1", "-q", folder / "svm.train",
                           folder / "svm.model"])
    execute(["liblinear-predict", folder / "svm.dev", folder / "svm.model", folder / "svm.out"])
    back = {str(number): name for name, number in names.items()}
    found = [back[number] for number in (folder / "svm.out").read_text().split()]
    return {**scores([label for _, label in texts.dev], found), "guessed": found,
            "train": seconds + learned, "memory": memory,
            "size": (folder / "svm.model").stat().st_size}


# ---- the tables ----------------------------------------------------------------------------------

def install():
    missing = [name for name, program in (("fasttext", "fasttext"),
                                          ("liblinear-tools", "liblinear-train"))
               if subprocess.run(["which", program], stdout=subprocess.DEVNULL).returncode]
    if missing and subprocess.run(["apt-get", "install", "-y", "-q", *missing],
                                  stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"bench: {' and '.join(missing)} cannot be installed")


def shown(value, form):
    return form.format(value) if value is not None else "-"


def measure_set(bench, name):
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        texts = Texts(name, pathlib.Path(folder), read(bench.data, "train", name),
                      read(bench.data, "dev", name))
        # each keeps one core busy; the SVM's texts in a process of their own, since what this one has in
        # memory counts as the peak of the programs that it starts
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            learned = pool.submit(svm, texts)
            results = {"redress": redress(texts, bench), "svm": learned.result()}
        results["fasttext"] = fasttext(texts)
        raced = {who: result.pop("predict") for who, result in results.items() if "predict" in result}
        for who, found in rates(bench.rounds, raced).items():
            results[who]["rates"], results[who]["rate"] = found, median(found)
    columns = (("accuracy", "{:.3f}"), ("macro-F1", "{:.3f}"), ("calibration", "{:.3f}"),
               ("chance", "{:.3f}"), ("coverage", "{:.3f}"), ("train", "{:.1f}"), ("size", None),
               ("rate", "{:.0f}"), ("memory", "{:.0f}"))
    rows = []
    for contender in "redress", "fasttext", "svm":
        result = results[contender]
        result["size"] = f"{result['size'] / 1048576:.1f}"
        rows.append([contender] + [shown(result.get(key), form or "{}") for key, form in columns])
    table(f"{name}: {len(texts.train)} texts to learn from, {len(texts.dev)} to judge by",
          ["", "accuracy", "macro-F1", "calibration error", "by chance", "coverage at 95 %",
           "training s", "model MiB", "documents/s", "peak MiB"], rows)
    return results


def run(bench):
    install()
    results = {name: measure_set(bench, name) for name in wanted_sets(bench)}
    rows = []
    for key in "accuracy", "macro-F1":
        ours = [found["redress"][key] for found in results.values()]
        theirs = [max(found["fasttext"][key], found["svm"][key]) for found in results.values()]
        rows.append([key, f"{sum(ours) / len(ours):.4f}", f"{sum(theirs) / len(theirs):.4f}",
                     f"{100 * (sum(ours) - sum(theirs)) / len(ours):+.2f}",
                     f"{sum(o >= t for o, t in zip(ours, theirs))} of {len(ours)}"])
    ahead = [median(ours / theirs for ours, theirs in zip(found["redress"]["rates"],
                                                          found["fasttext"]["rates"]))
             for found in results.values()]
    table("All sets: Redress against the better of the two, set by set",
          ["mean of", "Redress", "the better", "points", "at least as good on"], rows)
    table("Prediction rate over fastText's, one thread", ["least", "median", "greatest"],
          [[f"{min(ahead):.1f}", f"{median(ahead):.1f}", f"{max(ahead):.1f}"]])
