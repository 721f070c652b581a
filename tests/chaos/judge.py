"""Whether what people were told is so: asked of the stores, after everything has been left to heal."""

import collections
import random
import re
import time

import requests

from chaos import poison
from support import case_number
from support.grievances import submission
from support.messages import CaseEvent, CaseState, Command, DeadLetter

CLOSED = {"closed", "withdrawn", "merged"}
REPETITIONS = 500
MEMORY_MIB = 96     # far below a leak of what was poured in, far above what a healthy daemon needs
SECRET = re.compile(r"plumbago-[0-9a-f]+")


class Judge:
    def __init__(self, system, fleet, promises, poisoner):
        self.system, self.fleet, self.promises, self.poisoner = system, fleet, promises, poisoner
        self.faults = []

    def blame(self, what, which):
        which = list(which)
        if which:
            self.faults.append(f"{what}: {len(which)}, e.g. {which[:3]}")

    # ---- waiting

    def wait(self, what, left, seconds=600):
        """Until nothing is left; what is still left when for so long it has not become less is a fault."""
        deadline, fewest = time.monotonic() + seconds, None
        while True:
            try:
                still = left()
            except Exception as problem:    # a store that is still coming up
                still = [repr(problem)]
            if not still or time.monotonic() > deadline:
                break
            if fewest is None or len(still) < fewest:
                deadline, fewest = time.monotonic() + seconds, len(still)
            time.sleep(1)
        self.blame(f"not healed in {seconds} s: {what}", still)

    def settle(self):
        numbers = {case_number.read(n) for told in self.promises.taken.values() for n, _ in told}
        self.wait("daemons that are not ready", self.unready, 240)
        self.wait("acknowledged numbers that are not archived", lambda: numbers - self.system.archived())
        self.wait("topics that are not archived to their end", self.behind)
        self.wait("messages to people that have no outcome yet", lambda: self.system.sql(
            "SELECT number, event_version, recipient FROM notifications WHERE delivery = 'trying'"))

    def unready(self):
        return [m.name for m in list(self.fleet.members.values()) if m.wanted and not m.ready()]

    def behind(self):
        found = {}
        consumer = self.system.topics._consumer()
        try:
            for row in self.system.sql("SELECT topic, partition, next FROM offsets"):
                name = row.topic if row.topic.startswith(self.system.topics.prefix) else (
                    self.system.topics.prefix + row.topic)
                _, high = consumer.get_watermark_offsets(poison.TopicPartition(name, row.partition), timeout=30)
                # a transaction's mark takes an offset that no reader gets
                if high - row.next > 1:
                    found[f"{row.topic}/{row.partition}"] = (row.next, high)
        finally:
            consumer.close()
        return found

    # ---- judging

    def judge(self):
        self.settle()
        for check in (self.repetitions, self.submissions, self.histories, self.commands, self.letters, self.notifications,
                      self.hot_view, self.audit, self.memory):
            try:
                check()
            except Exception as problem:
                self.faults.append(f"{check.__name__} could not be judged: {problem!r}"[:600])
        return self.faults

    def repetitions(self):
        """Whoever asks again now, with the key, is told what was told before."""
        keys = {seed: told for seed, told in self.promises.taken.items() if seed.startswith("key")}
        asked = random.Random(0).sample(sorted(keys), min(len(keys), REPETITIONS))
        for seed in asked:
            reply = requests.post(f"{self.fleet.intakes()[0]}/v1/grievances", json=submission(seed)[0],
                                  headers={"Idempotency-Key": seed}, timeout=60)
            answer = reply.json()
            if (answer.get("case_number"), answer.get("receipt_code")) not in keys[seed]:
                self.blame("one key, several numbers told", [(seed, sorted(keys[seed]), reply.text)])
        print(f"{len(asked)} keys asked again")

    def submissions(self):
        """Each once, with what was sent; nothing of what was certainly not taken."""
        desk, records = self.system.role("officer"), self.system.grievance_records()
        cases = {row.number: row.alias_of for row in self.system.sql("SELECT number, alias_of FROM cases")}
        of_secret, unreadable = collections.defaultdict(set), []
        for number, record in records.items():
            try:
                text = desk.text(record.epoch, record.key, number, record.sealed_text)
            except Exception:
                unreadable.append(case_number.write(number))
                continue
            of_secret[SECRET.search(text.description)[0]].add((number, text.subject, text.address))
        self.blame("grievances that cannot be opened", unreadable)
        p = self.promises
        given = collections.defaultdict(set)
        for seed, told in p.taken.items():
            body, citizen = submission(seed)
            found = {n: (s, a) for n, s, a in of_secret[citizen.secret]}
            for number in (case_number.read(written) for written, _ in told):
                given[number].add(seed)
                if found.get(number) != (body["subject"], citizen.street):
                    self.blame("acknowledged and not in the record as sent", [(seed, case_number.write(number))])
            if seed.startswith("key"):
                self.blame("one key, several numbers told", [(seed, sorted(told))] if len(told) > 1 else [])
                living = [n for n in found if n in cases and cases[n] is None]
                self.blame("one key, several cases", [(seed, living)] if len(living) > 1 else [])
        self.blame("numbers given to several people", [n for n, seeds in given.items() if len(seeds) > 1])
        for seed in p.refused - set(p.taken) - set(p.unknown) - p.open:
            self.blame("taken though it was refused", of_secret.get(submission(seed)[1].secret, ()))
        for seed, numbers in p.unknown.items():
            if seed in p.open or seed in p.taken:
                continue
            found = {case_number.write(n) for n, _, _ in of_secret.get(submission(seed)[1].secret, ())}
            self.blame("taken under another number than was told", found - numbers)

    def histories(self):
        rows = self.system.sql("SELECT number, version, status FROM case_events ORDER BY number, version")
        versions, last = collections.defaultdict(list), {}
        for row in rows:
            versions[row.number].append(row.version)
            last[row.number] = row.status
        self.blame("histories with gaps or repeats",
                   [(n, v) for n, v in versions.items() if v != list(range(1, len(v) + 1))])
        cases = self.system.sql("SELECT number, version, status FROM cases")
        self.blame("cases that are not the fold of their events",
                   [c for c in cases if (c.version, c.status) != (len(versions[c.number]), last.get(c.number))])

    def commands(self):
        """Each acknowledged command has one outcome: it was applied, refused, or set aside."""
        outcomes = collections.Counter()
        events = {}
        for message in self.system.topics.read("cases.events"):
            event = self.parsed(CaseEvent, message.value())
            if event and len(event.cause) == 16 and not self.poisoner.invented(message.value()):
                events.setdefault(event.cause, set()).add(event.version)
        for letter in self.dead("cases.commands"):
            command = self.parsed(Command, letter.value)
            if command:
                events.setdefault(command.id, set()).add("dead")
        for cause, versions in events.items():
            outcomes[cause] = len([v for v in versions if v])
        p = self.promises.commands
        self.blame("commands without an outcome", [c.hex() for c in p if c not in events])
        self.blame("commands applied and refused", [c.hex() for c in p if len(events.get(c, ())) > 1
                                                    and 0 in events[c]])

    @staticmethod
    def parsed(kind, value):
        try:
            return kind.FromString(value or b"")
        except Exception:
            return None

    def dead(self, topic):
        letters = []
        for message in self.system.topics.read(topic + ".dead"):
            letter = self.parsed(DeadLetter, message.value())
            if letter and letter.service and poison.digest(message.value()) not in self.poisoner.poured:
                letters.append(letter)
        return letters

    def letters(self):
        """Nothing sound was set aside, and nothing that usurps a number was dropped in silence."""
        innocent, aside = [], set()
        for topic in poison.READ:
            for letter in self.dead(topic):
                if letter.replayed:
                    continue
                aside.add(poison.digest(letter.value))
                # too large a letter comes without its value
                if letter.value and not poison.is_poison(self.poisoner, letter):
                    innocent.append((letter.service, letter.topic, letter.reason))
        self.blame("sound messages set aside", innocent)
        self.blame("usurpers dropped in silence", [d.hex()[:12] for d, what in self.poisoner.poured.items()
                                                   if what == "a usurper" and d not in aside])

    def notifications(self):
        rows = self.system.sql("SELECT DISTINCT number, event_version FROM notification_outcomes"
                               " WHERE recipient = 'citizen'")
        told = {(row.number, row.event_version) for row in rows}
        owed = self.system.sql("SELECT number, version FROM case_events WHERE kind IN ('assigned', 'answered')")
        self.blame("events nobody was told of", [o for o in owed if (o.number, o.version) not in told])

    def hot_view(self):
        """Redis is what the record says of every case that is not over."""
        differing, missing, clocks = [], [], []
        for row in self.system.sql("SELECT number, version, status, state FROM cases"):
            if row.status in CLOSED:
                continue
            p = self.system.partition(row.number)
            written = case_number.write(row.number)
            kept = self.system.redis.get(f"case:{{{p}}}:{row.number:016x}")
            if not kept:
                missing.append(written)
                continue
            hot, cold = CaseState.FromString(kept), CaseState.FromString(bytes(row.state))
            if (hot.version, hot.status, hot.office, hot.deadline_ms) != (
                    cold.version, cold.status, cold.office, cold.deadline_ms):
                differing.append(written)
            due = self.system.redis.zscore(f"due:{{{p}}}", f"{row.number:016x}")
            if hot.deadline_ms and (due is None or int(due) > hot.deadline_ms):
                clocks.append(written)
        self.blame("open cases that Redis does not have", missing)
        self.blame("open cases that are otherwise in Redis", differing)
        self.blame("open cases without their clock", clocks)

    def audit(self):
        done = self.system.tool("audit", "verify", check=False)
        self.blame("the audit", [(done.stdout + done.stderr)[-500:]] if done.returncode else [])

    def memory(self):
        sizes = {m.name: round(m.resident_mib()) for m in self.fleet.members.values() if m.running()}
        print("memory, MiB:", ", ".join(f"{name} {size}" for name, size in sizes.items()))
        if not any(m.sanitized() for m in self.fleet.members.values()):
            self.blame(f"daemons above {MEMORY_MIB} MiB", [i for i in sizes.items() if i[1] > MEMORY_MIB])
