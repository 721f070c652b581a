"""Real-shaped texts for load: lengths and languages from a data folder that stays outside the
project. Writes "language<TAB>text" lines, never into the project's folder."""

import gzip
import json
import pathlib
import random
import sys

PER_SET = 40000  # so that the two largest sets do not drown the other languages


def available(data):
    return sorted(pathlib.Path(data).glob("train/*.jsonl.gz"))


def write(data, out, count):
    files = available(data)
    if not files:
        sys.exit(f"bench: {data} has no train/*.jsonl.gz: name the folder of the complaints with "
                 "--data (it is not part of the project)")
    lines = []
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8") as records:
            for _, record in zip(range(PER_SET), records):
                record = json.loads(record)
                text = " ".join(record["text"].split())[:8000]
                if text:
                    lines.append(f"{record.get('lang', '')}\t{text}\n")
    random.Random(1).shuffle(lines)
    pathlib.Path(out).write_text("".join(lines[:count]), encoding="utf-8")
    return len(lines[:count])


def bodies(data, out, count):
    """The same as JSON bodies for the front door, one a line."""
    texts = pathlib.Path(out).with_suffix(".tsv")
    write(data, texts, count)
    with open(out, "w", encoding="utf-8") as file:
        for serial, line in enumerate(texts.read_text(encoding="utf-8").splitlines()):
            _, text = line.split("\t", 1)
            body = {"subject": text[:80], "description": text[:8000],
                    "contact": {"name": "Someone", "email": f"n{serial}@example.org"}}
            file.write(json.dumps(body, ensure_ascii=False) + "\n")
