"""What became of the sample grievances: demo_report.py RECEIPTS (for the demo).

Follows the cases of a receipts file through the record, stage by stage, and prints a line for each.
REDRESS_POSTGRES_CONNINFO says where the record is.
"""

import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from support import case_number  # noqa: E402

PATIENCE_S = 60
URGENCY = {"0": "", "1": "high", "2": "EMERGENCY"}
# a case is archived when the ledger entry over its first event is committed
ROWS = """
SELECT c.number, c.language, c.category, round(c.confidence::numeric, 2), c.office, c.status,
       c.urgency, coalesce(nullif(n.reason, ''), n.delivery, ''),
       round(extract(epoch FROM l.at - c.opened_at)::numeric, 2)
FROM cases c
JOIN case_events e ON e.number = c.number AND e.version = 1
JOIN ledger l ON l.partition = e.source_partition
             AND e.source_offset BETWEEN l.first_offset AND l.last_offset
LEFT JOIN notifications n ON n.number = c.number AND n.recipient = 'citizen'
WHERE c.number IN ({numbers}) ORDER BY c.opened_at, c.number"""
STAGES = """
SELECT (SELECT count(*) FROM grievances WHERE number IN ({numbers})),
       (SELECT count(*) FROM case_events WHERE number IN ({numbers}) AND kind = 'opened'),
       (SELECT count(*) FROM case_events WHERE number IN ({numbers}) AND kind = 'assigned'),
       (SELECT count(*) FROM notifications WHERE number IN ({numbers}) AND recipient = 'citizen'
        AND delivery <> 'trying')"""
COLUMNS = (("case", 18), ("lang", 6), ("category", 24), ("sure", 6), ("office", 26),
           ("status", 10), ("urgent", 11), ("citizen told", 29), ("s to archive", 0))


def query(text):
    done = subprocess.run(
        ["psql", os.environ["REDRESS_POSTGRES_CONNINFO"], "-X", "-q", "-At", "-F", "\t", "-c", text],
        capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def follow(numbers):
    """Waits until every case is archived and its citizen told, showing how far each stage is."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        stages = [int(n) for n in query(STAGES.format(numbers=numbers))[0]]
        print("\rreceived %d, classified %d, routed %d, notified %d" % tuple(stages), end="",
              flush=True)
        if min(stages) >= numbers.count(",") + 1 or time.monotonic() > deadline:
            print()
            return
        time.sleep(0.2)


def show(cells):
    print("".join(f"{cell:<{width}}" for cell, (_, width) in zip(cells, COLUMNS)))


def main():
    lines = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
    written = {case_number.read(line[1]): line[1] for line in lines}
    numbers = ",".join(map(str, written))
    follow(numbers)
    print()
    show(name for name, _ in COLUMNS)
    for number, language, category, sure, office, status, urgency, told, seconds in query(
            ROWS.format(numbers=numbers)):
        show((written[int(number)], language, category or "(a person decides)", sure, office, status,
              URGENCY[urgency], told, seconds))


main()
