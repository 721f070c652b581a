"""The texts that scripts/train-language learns from: language_texts.py LINGUA LASER DATA OUT

Writes OUT/train and OUT/dev (a tenth, by hash): code, tab, text. No text of DATA/langid is among them,
whatever its case and signs: those sets are for tests. How many texts a language has is its prior.
"""

import collections
import gzip
import hashlib
import json
import pathlib
import random
import subprocess
import sys

lingua, laser, data, out = map(pathlib.Path, sys.argv[1:])

TEXTS_OF_A_SET = 6000          # read of each set of complaints, of which
COMPLAINTS = 3000              # go into the training, or
COMPLAINTS_ENGLISH = 350       # of each of the many English sets
COMPLAINT_LENGTH = 400
OTHER = 100                    # sentences of each language that shall not be named

# ISO 639-3, as Tatoeba has it, to the codes used here; what is not here is not named ("-")
CODES = dict(pair.split(":") for pair in """
afr:af ara:ar arq:ar arz:ar aze:az bel:be ben:bn bos:bs bul:bg cat:ca ces:cs cmn:zh cym:cy dan:da deu:de
ell:el eng:en epo:eo est:et eus:eu fin:fi fra:fr gle:ga heb:he hin:hi hrv:hr hun:hu hye:hy ind:id isl:is
ita:it jpn:ja kat:ka kaz:kk kor:ko lat:la lit:lt lvs:lv mar:mr mkd:mk mon:mn nld:nl nno:nn nob:nb pes:fa
pol:pl por:pt ron:ro rus:ru slk:sk slv:sl spa:es sqi:sq srp:sr swe:sv swh:sw tam:ta tel:te tgl:tl tha:th
tur:tr ukr:uk urd:ur vie:vi xho:xh zsm:ms""".split())


def plain(text):
    return " ".join(text.split())


def key(text):
    return hashlib.sha1("".join(c for c in text.lower() if c.isalnum()).encode()).hexdigest()


def held_back():
    held = set()
    for path in sorted((data / "langid").glob("*.tsv.gz")):
        for line in gzip.open(path, "rt"):
            held.update(key(field) for field in line.rstrip("\n").split("\t"))
    return held


# ---- languages in Latin letters, as people write them who have no other keyboard

RUSSIAN = {
    "а": ["a"], "б": ["b"], "в": ["v"], "г": ["g"], "д": ["d"], "е": ["e"], "ё": ["e", "yo"],
    "ж": ["zh", "j"], "з": ["z"], "и": ["i"], "й": ["y", "i", "j"], "к": ["k"], "л": ["l"], "м": ["m"],
    "н": ["n"], "о": ["o"], "п": ["p"], "р": ["r"], "с": ["s"], "т": ["t"], "у": ["u"], "ф": ["f"],
    "х": ["h", "kh", "x"], "ц": ["ts", "c"], "ч": ["ch"], "ш": ["sh"], "щ": ["sch", "shch"], "ъ": [""],
    "ы": ["y", "i"], "ь": ["", "'"], "э": ["e"], "ю": ["yu", "ju", "u"], "я": ["ya", "ja", "ia"]}
UKRAINIAN = {**RUSSIAN, "г": ["h", "g"], "ґ": ["g"], "е": ["e"], "є": ["ye", "ie"], "и": ["y"],
             "і": ["i"], "ї": ["yi", "i"], "щ": ["shch"]}
BULGARIAN = {**RUSSIAN, "й": ["y", "j"], "х": ["h"], "щ": ["sht"], "ъ": ["a", "u"], "ь": ["y"],
             "ц": ["ts", "c"], "ш": ["sh", "6"], "ч": ["ch", "4"], "ю": ["yu", "iu"], "я": ["ya", "ia"]}
GREEK = {
    "α": ["a"], "β": ["v", "b"], "γ": ["g"], "δ": ["d"], "ε": ["e"], "ζ": ["z"], "η": ["i", "h"],
    "θ": ["th", "8"], "ι": ["i"], "κ": ["k"], "λ": ["l"], "μ": ["m"], "ν": ["n"], "ξ": ["x", "ks"],
    "ο": ["o"], "π": ["p"], "ρ": ["r"], "σ": ["s"], "ς": ["s"], "τ": ["t"], "υ": ["u", "y", "i"],
    "φ": ["f", "ph"], "χ": ["x", "h", "ch"], "ψ": ["ps"], "ω": ["o", "w"],
    "ά": ["a"], "έ": ["e"], "ή": ["i", "h"], "ί": ["i"], "ό": ["o"], "ύ": ["u", "y"], "ώ": ["o", "w"],
    "ϊ": ["i"], "ϋ": ["u"], "ΐ": ["i"], "ΰ": ["u"]}
# after ICU's scholarly transliteration; doubled vowels and their absence are both usual
INDIC = {
    "ā": ["a", "aa"], "ī": ["i", "ee"], "ū": ["u", "oo"], "ē": ["e"], "ō": ["o"], "r̥": ["ri"],
    "ṁ": ["n", "m"], "m̐": ["n", ""], "ṅ": ["n"], "ñ": ["n"], "ṇ": ["n"], "ṭ": ["t"], "ḍ": ["d"],
    "ś": ["sh", "s"], "ṣ": ["sh"], "c": ["ch"], "ḷ": ["l"], "ṛ": ["r", "d"], "ḻ": ["zh", "l"],
    "ṟ": ["r"], "ṉ": ["n"], "ẏ": ["y"], "v": ["v", "w"], "ʼ": [""], "'": [""], "̔": [""], "ḥ": ["h"]}


def respell(text, spellings, rng):
    """One person's way to write: the same choice for a letter throughout the text."""
    chosen = {letter: rng.choice(ways) for letter, ways in spellings.items()}
    for letter in sorted(chosen, key=len, reverse=True):
        text = text.replace(letter, chosen[letter])
    return text


def drop_schwa(text, rng):
    """Hindi and its kin do not speak, and so not write, the a at the end of a word."""
    return " ".join(word[:-1] if len(word) > 2 and word[-1] == "a" and word[-2] not in "aeiou" else word
                    for word in text.split())


def transliterated(texts):
    done = subprocess.run(["uconv", "-f", "utf-8", "-t", "utf-8", "-x", "Any-Latin; NFC; Lower"],
                          input="\n".join(texts).encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split("\n")


def romanised(texts):
    rng = random.Random(3)
    for language, spellings in (("ru", RUSSIAN), ("uk", UKRAINIAN), ("bg", BULGARIAN), ("el", GREEK)):
        yield language + "-Latn", [respell(t.lower(), spellings, rng) for t in texts[language]
                                   if len(t) > 20][:2500]
    for language in ("hi", "bn", "ta", "te"):
        latin = transliterated([t for t in texts[language] if len(t) > 20][:2500])
        if language in ("hi", "bn"):
            latin = [drop_schwa(t, rng) for t in latin]
        yield language + "-Latn", [respell(t, INDIC, rng) for t in latin]


# ---- everything together

def gather(held):
    texts = collections.defaultdict(list)

    def add(code, text):
        text = plain(text)
        if text and key(text) not in held:
            texts[code].append(text)

    for kind in ("sentences", "word-pairs", "single-words"):
        for path in sorted((lingua / "language-testdata" / kind).glob("*.txt")):
            for line in path.read_text().splitlines():
                add(path.stem, line)
    for path in sorted((laser / "data/tatoeba/v1").glob("tatoeba.*")):
        language, lines = path.suffix[1:], path.read_text().splitlines()
        code = CODES.get(language, "-")
        if code == "en":        # the translations of all the others
            lines = lines[:30]
        elif code == "-":
            lines = [line for line in lines if key(line) not in held][:OTHER]
        for line in lines:
            add(code, line)
    for path in sorted((data / "train").glob("*.jsonl.gz")):
        code = path.name.split(".")[0].rpartition("_")[2]
        found = []
        for line in gzip.open(path, "rt"):
            found.append(json.loads(line)["text"])
            if len(found) == TEXTS_OF_A_SET:
                break
        most = COMPLAINTS_ENGLISH if code == "en" else COMPLAINTS
        for text in random.Random(1).sample(found, min(len(found), most)):
            add(code, text[:COMPLAINT_LENGTH])
    return texts


def main():
    texts = gather(held_back())
    texts.update(dict(romanised(texts)))
    with open(out / "train", "w") as train, open(out / "dev", "w") as dev:
        for code, lines in sorted(texts.items()):
            for text in filter(None, map(plain, lines)):
                (dev if int(key(text)[:4], 16) % 10 == 0 else train).write(f"{code}\t{text}\n")


main()
