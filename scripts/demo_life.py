"""Lets some of the demo's cases live a little, so that every page has something to show: demo_life.py RECEIPTS PORTAL OFFICER

Offices act by the program OFFICER (redress-officer), citizens on the pages at PORTAL. A case that has gone on already
is left alone, so a second run changes nothing. REDRESS_POSTGRES_CONNINFO says where the record is.
"""

import http.cookiejar
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

PATIENCE_S = 60
ASSIGNED_AT = 2     # the version at which nobody has done anything yet
OFFICER = "demo.officer"

# by the case's place among the samples: who, what, and with which words, form fields or options
LIVES = {
    0: [("office", "accept"),
        ("office", "answer", "The lamp was replaced on Tuesday evening.", "--outcome", "solved"),
        ("citizen", "rate", {"score": "5", "settled": "yes"})],
    1: [("office", "ask", "Which house is it, and are your neighbours without water too?"),
        ("citizen", "reply", {"text": "Number 14. The whole staircase has none."})],
    2: [("office", "accept"),
        ("office", "answer", "A certificate of life was missing, so nothing could be paid.", "--outcome", "declined"),
        ("citizen", "rate", {"score": "1", "settled": "no"}),
        ("citizen", "reopen", {"text": "I handed it in at the counter in May and have the stamp."})],
    3: [("citizen", "remind", {})],
    4: [("office", "ask", "Which of the two bus stops is it?")],
    5: [("office", "accept"),
        ("office", "answer", "The leak was found and closed the same night.", "--outcome", "solved"),
        ("office", "close")],
    7: [("citizen", "withdraw", {})],
    8: [("office", "accept"),
        ("office", "answer", "The driver had fallen ill. There is a stand-by driver now.", "--outcome", "explained")],
}


class Case:
    def __init__(self, number, code, portal, officer):
        self.number, self.code, self.portal, self.officer = number, code, portal, officer
        jar = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def version(self):
        asked = urllib.request.Request(f"{self.portal}/v1/cases/{self.number}",
                                       headers={"Authorization": f"Receipt {self.code}"})
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return json.load(reply).get("version", 0)

    def office(self, verb, text="", *options):
        subprocess.run([self.officer, verb, self.number, *options, "--officer", OFFICER, "--based-on", str(self.version())],
                       input=text, text=True, stdout=subprocess.DEVNULL, check=True)

    def citizen(self, action, fields):
        self._post("/case", {"number": self.number, "code": self.code})
        self._post(f"/case/{self.number}/{action}", {"based_on": str(self.version()), **fields})

    def _post(self, path, fields):
        with self.browser.open(self.portal + path, urllib.parse.urlencode(fields).encode(), timeout=30):
            pass

    def live(self, steps):
        for who, *what in steps:
            before = self.version()
            getattr(self, who)(*what)
            deadline = time.monotonic() + PATIENCE_S
            while self.version() == before:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{self.number}: nothing came of {what[0]}")
                time.sleep(0.1)


def main(receipts, portal, officer):
    lines = [line.split("\t") for line in pathlib.Path(receipts).read_text().splitlines()]
    for place, steps in LIVES.items():
        case = Case(lines[place][1], lines[place][2], portal, officer)
        if case.version() == ASSIGNED_AT:
            case.live(steps)
            print(f"{case.number}  {', '.join(step[1] for step in steps)}", flush=True)


main(*sys.argv[1:])
