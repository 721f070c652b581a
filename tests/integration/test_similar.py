"""Cases that tell the same matter in other words are found in the record; abuse is only flagged."""

import time

import nacl.public
import pytest

from support import case_number

LAMP = [
    "The street lamp at the corner of Mill Lane and Ferry Road has been dark for two weeks. Children walk "
    "home there after the evening class and somebody will be hurt.",
    "For two weeks now the lamp on the corner of Ferry Road and Mill Lane is dark! After evening class "
    "the children walk home there, sooner or later somebody gets hurt.",
    "Dark street lamp, corner Mill Lane / Ferry Road, two weeks already, children walking home from "
    "evening class. Somebody will be hurt some day, please repair it.",
]
TURKISH = [
    "Değirmen Sokak ile İskele Caddesi köşesindeki sokak lambası iki haftadır yanmıyor, çocuklar akşam "
    "kurstan eve karanlıkta yürüyor.",
    "İki haftadır İskele Caddesi ve Değirmen Sokağı köşesinde lamba yanmıyor. Akşam kursundan çocuklarımız "
    "eve karanlıkta yürüyorlar!",
]
THAI = [
    "ไฟถนนตรงหัวมุมซอยโรงสีกับถนนท่าเรือดับมาสองสัปดาห์แล้ว เด็กต้องเดินกลับบ้านในความมืด",
    "สองสัปดาห์แล้วที่ไฟถนนหัวมุมซอยโรงสีดับ เด็กต้องเดินกลับบ้านในความมืดทุกคืน",
]
CHINESE = [
    "磨坊巷和渡口路拐角的路灯已经两个星期不亮了，孩子们晚上下课走路回家很危险。",
    "已经两个星期了，磨坊巷和渡口路拐角的路灯不亮，孩子们晚上下课走路回家，太危险。",
]
OTHERS = [
    "The swimming pool in Orchard Park closes at four in the afternoon, so nobody who works can go there.",
    "My parking permit was refused although all papers were enclosed, and the counter does not answer.",
    "Every night trucks unload behind the supermarket in Station Street and the whole house is awake.",
    "The pavement in Castle Street is broken and a pensioner fell over a loose slab last Tuesday.",
]
ABUSE = "I know where you live and I will kill you, every one of you in that office."
SHORT = "Lamp dark"


def same_key_always(system):
    """Signatures are keyed, and which words decide differs from key to key: not from run to run."""
    secret = nacl.public.PrivateKey(bytes(range(32)))
    for name, key in (("key", secret), ("pub", secret.public_key)):
        (system.keys / f"classification.{name}").write_text(bytes(key).hex() + "\n")


@pytest.fixture(scope="module")
def record(shared):
    """The record, with every text in it; numbers by text."""
    same_key_always(shared)
    shared.start("intake", "classification", "routing", "archival")
    texts = LAMP + TURKISH + THAI + CHINESE + OTHERS + [ABUSE, SHORT]
    numbers = {}
    for i, text in enumerate(texts):
        body = {"description": text}
        if text in LAMP:
            body["location"] = {"lat": 52.5 + 0.001 * i, "lon": 13.4}
        numbers[text] = shared.submit(body)["case_number"]
    for number in numbers.values():
        shared.wait_archived(case_number.read(number))
    shared.numbers = numbers
    return shared


def like(record, text, *words):
    """(number, likeness, the rest of the line) of each case that is found, best first."""
    done = record.tool("similar", record.numbers[text], *words)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(line[0], int(line[1]), line[2:]) for line in lines]


@pytest.mark.parametrize("same", [LAMP, TURKISH, THAI, CHINESE], ids=["en", "tr", "th", "zh"])
def test_the_same_matter_in_other_words(record, same):
    for text in same:
        found = {number for number, _, _ in like(record, text)}
        assert found and found <= {record.numbers[other] for other in same if other != text}


def test_what_is_shown(record):
    found = like(record, LAMP[0])
    assert [likeness for _, likeness, _ in found] == sorted((x for _, x, _ in found), reverse=True)
    for number, likeness, (opened, metres, category, office, status) in found:
        steps = abs(LAMP.index(next(t for t, n in record.numbers.items() if n == number)))
        assert 30 <= likeness <= 100 and opened.endswith("Z") and office != "-"
        assert status == "assigned" and abs(int(metres) - 111 * steps) < 3
    assert like(record, OTHERS[0]) == []
    assert like(record, LAMP[0], "100") == []


def test_it_is_an_index_lookup(record):
    plan = record.sql("SET enable_seqscan = off; EXPLAIN SELECT * FROM signatures WHERE bands &&"
                      " (SELECT bands FROM signatures WHERE number = %s)",
                      case_number.read(record.numbers[LAMP[0]]))
    assert any("signatures_bands" in row[0] for row in plan)


def test_what_cannot_be_compared(record):
    unknown = case_number.write((int(time.time() * 1000) - 1735689600000 << 22) // 37 * 37)
    for word, status, reason in ((record.numbers[SHORT], 1, "too short"), (unknown, 1, "no signature"),
                                 ("nonsense", 2, "no case number")):
        done = record.tool("similar", word, check=False)
        assert done.returncode == status and reason in done.stderr, done
    for words in ((), ("a", "b", "c"), (record.numbers[SHORT], "0"), ("suspected", "30")):
        assert record.tool("similar", *words, check=False).returncode == 2


def test_abuse_is_a_flag_and_nothing_else(record):
    flagged = [line.split("\t")[0] for line in record.tool("similar", "suspected").stdout.splitlines()]
    assert flagged == [record.numbers[ABUSE]]
    case = record.sql("SELECT status, office FROM cases WHERE number = %s",
                      case_number.read(record.numbers[ABUSE]))[0]
    assert case.status == "assigned" and case.office


def test_erasing_takes_the_signature_too(record):
    number = case_number.read(record.numbers[CHINESE[1]])
    assert record.count("signatures WHERE number = %s", number) == 1
    record.tool("erase", record.numbers[CHINESE[1]], "--reason", "asked for", "--by", "test")
    assert record.count("signatures WHERE number = %s", number) == 0
    assert like(record, CHINESE[0]) == []
