#!/usr/bin/env python3
"""How well signatures find the same matter in other words: tests/bench/similar.py [DATA] [BUILD]

Takes texts of DATA/dev (default: ../shared/data) and tells each in other words: the beginning moved to the
end, a quarter of the words left out, a fifth more put in from another text, some letters exchanged. Pairs
of different reports of the same label, place and week are told in other words by people. False are pairs
of texts taken at random from one set, unless they share four fifths of their words. Prints the share of
each that is at least so similar, and that shares one of the bands by which the record finds it.
"""

import collections
import datetime
import gzip
import json
import pathlib
import random
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "../shared/data")
BUILD = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "build")
SETS = ("fixmystreet_london_en", "jarokelo_hu", "belediye_tr", "kursk_ru", "raddialog_de", "surabaya_id",
        "petitions_ko", "traffy_th", "reclameaqui_pt", "student_ar")
PLACED = ("fixmystreet_london_en", "boston311_en", "jarokelo_hu")
TEXTS, VARIANTS, FALSE, TOLD = 600, 250, 20000, 300      # of each set
BANDS, ROWS = 10, 3
LEAST = (6, 8, 10, 12, 14, 16)
rng = random.Random(5)


def rows(part, name):
    with gzip.open(DATA / part / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def split(text):
    return text.split() if " " in text else list(text)


def in_other_words(text, others):
    words = split(text)
    at = rng.randrange(len(words))
    told = []
    for word in words[at:] + words[:at]:
        if rng.random() < 0.25:
            continue
        if rng.random() < 0.08 and len(word) > 3:
            i = rng.randrange(len(word) - 1)
            word = word[:i] + word[i + 1] + word[i] + word[i + 2:]
        told.append(word)
        if rng.random() < 0.2:
            told.append(rng.choice(split(rng.choice(others))))
    return (" " if " " in text else "").join(told)


def words_of(text):
    return set(re.findall(r"\w+", text.lower()))


def alike(a, b, share=0.8):
    a, b = words_of(a), words_of(b)
    return len(a & b) >= share * len(a | b)


def told_by_people(name):
    """Of one label, within some ten metres and a week."""
    groups = collections.defaultdict(list)
    for row in rows("train", name)[:120000]:
        if row.get("lat") and row.get("created_at"):
            groups[round(row["lat"], 4), round(row["lon"], 4), row["label"]].append(
                (row["created_at"][:10], row["text"]))
    pairs = []
    for group in groups.values():
        group.sort()
        for (day, a), (later, b) in zip(group, group[1:]):
            days = (datetime.date.fromisoformat(later) - datetime.date.fromisoformat(day)).days
            if days <= 7 and min(len(words_of(a)), len(words_of(b))) >= 6 and not alike(a, b):
                pairs.append((a, b))
    rng.shuffle(pairs)
    return pairs[:TOLD]


def signatures(texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    done = subprocess.run([BUILD / "bin/redress-classify"], input=lines.encode(), stdout=subprocess.PIPE,
                          cwd=ROOT, check=True)
    found = [json.loads(line)["signature"] for line in done.stdout.splitlines()]
    return {text: bytes.fromhex(one or "") for text, one in zip(texts, found)}


def main():
    pairs = {"in other words": [], "by other people": [], "false": []}
    for name in SETS:
        texts = [row["text"] for row in rows("dev", name) if len(row["text"]) >= 40][:TEXTS]
        pairs["in other words"] += [(t, in_other_words(t, texts)) for t in texts[:VARIANTS]]
        some = [tuple(rng.sample(texts, 2)) for _ in range(FALSE)]
        pairs["false"] += [pair for pair in some if not alike(*pair)]
    for name in PLACED:
        pairs["by other people"] += told_by_people(name)
    known = signatures(sorted({text for some in pairs.values() for pair in some for text in pair}))
    print(f"{'pairs':18}{'count':>8}" + "".join(f"{f'>= {n}/32':>10}" for n in LEAST) + f"{'a band':>10}")
    for what, some in pairs.items():
        equal = [sum(x == y for x, y in zip(known[a], known[b])) for a, b in some]
        band = [any(known[a] and known[a][i:i + ROWS] == known[b][i:i + ROWS]
                    for i in range(0, BANDS * ROWS, ROWS)) for a, b in some]
        print(f"{what:18}{len(some):8}" + "".join(f"{sum(e >= n for e in equal) / len(some):10.4f}" for n in LEAST)
              + f"{sum(band) / len(some):10.4f}")


main()
