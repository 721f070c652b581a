"""Citizens and officers, each of whom remembers every promise it was given."""

import contextlib
import itertools
import random
import threading
import time

import requests
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from support import case_number
from support.commands import headers, now_ms
from support.grievances import submission
from support.messages import (Accept, Actor, AnswerCase, Ask, Assign, CaseEvent, Close, Command, Comment, Reopen,
                              Reply, Withdraw)

OFFICES = ("roads-head", "municipal-head", "centre-triage")


class Promises:
    """What people were told, for the judge."""

    def __init__(self):
        self.lock = threading.Lock()
        self.taken = {}      # seed -> {(number, receipt code)}: acknowledged
        self.unknown = {}    # seed -> {number}: perhaps taken
        self.open = set()    # seeds whose request broke: nothing is known
        self.refused = set() # seeds whose every request was certainly not taken
        self.commands = {}   # id -> number: acknowledged by Kafka
        self.statuses = {}   # (what, HTTP status) -> how often

    def count(self, what):
        with self.lock:
            self.statuses[what] = self.statuses.get(what, 0) + 1


class Citizen(threading.Thread):
    """Submits one grievance after the other. With a key it insists until it is accepted and sometimes asks
    again afterwards; without one it believes what it is told."""

    serials = itertools.count()

    def __init__(self, fleet, promises, with_key, stop):
        super().__init__(daemon=True)
        self.fleet, self.promises, self.with_key, self.stop_event = fleet, promises, with_key, stop

    def run(self):
        while not self.stop_event.is_set():
            seed = f"{'key' if self.with_key else 'once'} {next(Citizen.serials)}"
            if self.with_key:
                self.insist(seed)
            else:
                self.once(seed)
            time.sleep(0.02)

    def post(self, seed):
        """(status, reply) or (None, None) when the connection broke."""
        intakes = self.fleet.intakes()
        if not intakes:
            time.sleep(0.2)
            return 0, None
        url = random.choice(intakes) + "/v1/grievances"
        asked = {"Idempotency-Key": seed} if self.with_key else {}
        try:
            reply = requests.post(url, json=submission(seed)[0], headers=asked, timeout=90)
            answer = reply.json()
        except requests.ConnectionError as broken:
            refused = "refused" in str(broken)
            return (0, None) if refused else (None, None)
        except (requests.RequestException, ValueError):
            return None, None
        self.promises.count(f"submission {reply.status_code} {answer.get('type', '').rpartition('/')[2]}".strip())
        return reply.status_code, answer

    def note(self, seed, status, answer):
        p = self.promises
        with p.lock:
            if status == 201:
                p.taken.setdefault(seed, set()).add((answer["case_number"], answer["receipt_code"]))
            elif status is None:
                p.open.add(seed)
            elif answer and "case_number" in answer:
                p.unknown.setdefault(seed, set()).add(answer["case_number"])

    def insist(self, seed):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            status, answer = self.post(seed)
            self.note(seed, status, answer)
            if status == 201:
                if random.random() < 0.2:
                    self.note(seed, *self.post(seed))
                return
            if self.stop_event.is_set():
                with self.promises.lock:
                    self.promises.open.add(seed)
                return
            time.sleep(0.3)

    def once(self, seed):
        status, answer = self.post(seed)
        self.note(seed, status, answer)
        if status not in (201, None) and not (answer and "case_number" in answer):
            with self.promises.lock:
                self.promises.refused.add(seed)
            time.sleep(0.3)


class Watcher(threading.Thread):
    """Follows cases.events as an officer's screen does: the last version and status of each case."""

    def __init__(self, topics, stop):
        super().__init__(daemon=True)
        self.topics, self.stop_event, self.cases = topics, stop, {}

    def run(self):
        name = self.topics.prefix + "cases.events"
        consumer = Consumer({"bootstrap.servers": self.topics.brokers, "group.id": f"watch-{name}",
                             "enable.auto.commit": False, "isolation.level": "read_committed", "log_level": 0})
        consumer.assign([TopicPartition(name, p, 0) for p in range(self.topics.partitions("cases.events"))])
        while not self.stop_event.is_set():
            for message in consumer.consume(500, timeout=0.2):
                if message.error() is None:
                    self.see(message.value())
        consumer.close()

    def see(self, value):
        try:
            event = CaseEvent.FromString(value or b"")
        except Exception:       # what the poisoner put there
            return
        known = self.cases.get(event.number)
        if event.version and event.version == (known[0] if known else 0) + 1:
            self.cases[event.number] = (event.version, event.status, event.office)


class Officer(threading.Thread):
    """Sends commands, legal and not, some twice, some on an old version."""

    def __init__(self, system, watcher, promises, stop, seed):
        super().__init__(daemon=True)
        self.system, self.watcher, self.promises, self.stop_event = system, watcher, promises, stop
        self.rng = random.Random(seed)
        self.producer = self.new_producer()

    def new_producer(self):
        return Producer({"bootstrap.servers": self.system.topics.brokers, "acks": "all", "log_level": 0,
                         "enable.idempotence": True, "message.timeout.ms": 120000})

    def command(self, number, version, office):
        rng = self.rng
        body = rng.choice([{"accept": Accept()}, {"answer": AnswerCase(sealed_text=rng.randbytes(80), outcome=1)},
                           {"ask": Ask(sealed_text=rng.randbytes(60))}, {"reply": Reply(sealed_text=rng.randbytes(60))},
                           {"comment": Comment(sealed_text=rng.randbytes(60), public=bool(rng.getrandbits(1)))},
                           {"close": Close()}, {"reopen": Reopen(sealed_text=rng.randbytes(60))},
                           {"withdraw": Withdraw()}, {"assign": Assign(office=rng.choice(OFFICES))}])
        who = {"reply", "reopen", "withdraw"} & set(body)
        actor = Actor(kind=Actor.CITIZEN) if who else Actor(kind=Actor.OFFICER, id=f"officer.{rng.randrange(9)}",
                                                            office=office if rng.random() < 0.9 else "nowhere")
        stale = rng.random() < 0.1
        return Command(id=rng.randbytes(16), number=number, based_on=max(version - stale, 1), at_ms=now_ms(),
                       actor=actor, **body)

    def send(self, command):
        def delivered(error, _message):
            if error is None:
                with self.promises.lock:
                    self.promises.commands[command.id] = command.number

        self.producer.produce(self.system.topics.prefix + "cases.commands", command.SerializeToString(),
                              case_number.write(command.number).encode(), self.system.partition(command.number),
                              headers=headers("redress.case.command"), on_delivery=delivered)

    def run(self):
        while not self.stop_event.is_set():
            known = list(self.watcher.cases.items())
            if known:
                number, (version, _, office) = self.rng.choice(known[-400:])
                command = self.command(number, version, office)
                try:
                    for _ in range(2 if self.rng.random() < 0.15 else 1):
                        self.send(command)
                except KafkaException:      # the client gave up for good; what it did not acknowledge is no promise
                    self.producer = self.new_producer()
            self.producer.poll(0)
            time.sleep(0.02)
        with contextlib.suppress(KafkaException):
            self.producer.flush(180)
