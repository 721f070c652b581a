"""Messages nobody should send, in every topic: doubled, garbled, too large, out of sequence, in the wrong partition,
with hostile values. None may stop a reader or change a case."""

import hashlib

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from support import case_number, messages
from support.commands import headers
from support.messages import Actor, CaseEvent, Command, Correct, DeadLetter, GrievanceReceived

SOURCES = tuple(messages.OF_TOPIC)
READ = tuple(topic for topic in SOURCES if topic != "intake.leases")    # by those who set aside what they cannot use
TOPICS = SOURCES + tuple(topic + messages.DEAD for topic in READ)
LARGEST = 1_000_000


def digest(value):
    return hashlib.sha256(value or b"").digest()


class Poisoner:
    def __init__(self, system):
        self.system = system
        self.poured = {}    # digest of a value -> what it was
        self.producer = Producer({"bootstrap.servers": system.topics.brokers, "acks": "all", "log_level": 0,
                                  "message.max.bytes": 2_000_000, "message.timeout.ms": 15000})

    def invented(self, value):
        """A copy is still what somebody meant."""
        return not self.poured.get(digest(value), "a copy").startswith("a copy")

    def pour(self, topic, partition, value, what, key=None):
        self.poured[digest(value)] = what
        self.producer.produce(self.system.topics.prefix + topic, value, key, partition,
                              headers=headers("redress.unknown"))
        self.producer.flush(15)
        return f"{what} in {topic}/{partition}"

    def partitions(self, topic):
        return 1 if topic == "intake.leases" else self.system.partitions

    def somewhere(self, rng, value, what):
        topic = rng.choice(TOPICS)
        return self.pour(topic, rng.randrange(self.partitions(topic)), value, what)

    def a_message(self, rng, topic):
        """Some message that is in the topic, as (partition, key, value); None: there is none."""
        name, consumer = self.system.topics.prefix + topic, self.system.topics._consumer()
        try:
            for partition in rng.sample(range(self.partitions(topic)), self.partitions(topic)):
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
                if high - low < 2:
                    continue
                consumer.assign([TopicPartition(name, partition, rng.randrange(low, high - 1))])
                for message in consumer.consume(1, timeout=5):
                    if message.error() is None and message.value():
                        return partition, message.key(), message.value()
        except KafkaException:
            pass
        finally:
            consumer.close()
        return None

    def strike(self, rng):
        return rng.choice([self.garbage, self.empty, self.huge, self.copy, self.copy_astray, self.cut_short,
                           self.usurper, self.gap, self.far_future, self.long_code, self.bad_command])(rng)

    # ---- any topic

    def garbage(self, rng):
        return self.somewhere(rng, rng.randbytes(rng.randrange(1, 3000)), "garbage")

    def empty(self, rng):
        return self.somewhere(rng, rng.choice([None, b""]), "nothing")

    def huge(self, rng):
        return self.somewhere(rng, rng.randbytes(64) + b"\xff" * (LARGEST - rng.randrange(64, 5000)), "a huge one")

    def copy(self, rng):
        topic = rng.choice(SOURCES)
        found = self.a_message(rng, topic)
        return self.pour(topic, found[0], found[2], "a copy", found[1]) if found else "nothing to copy"

    def copy_astray(self, rng):
        topic = rng.choice(SOURCES)
        found = self.a_message(rng, topic)
        if not found:
            return "nothing to copy"
        astray = (found[0] + 1) % self.partitions(topic)
        return self.pour(topic, astray, found[2], "a copy astray", found[1])

    def cut_short(self, rng):
        topic = rng.choice(SOURCES)
        found = self.a_message(rng, topic)
        if not found or len(found[2]) < 9:
            return "nothing to cut"
        return self.pour(topic, found[0], found[2][:rng.randrange(1, len(found[2]) - 1)], "half a message", found[1])

    # ---- with a meaning

    def usurper(self, rng):
        """Another grievance under a number that is taken."""
        found, other = (self.a_message(rng, "grievances.received") for _ in range(2))
        if not found or not other or found[2] == other[2]:
            return "no two grievances"
        try:
            first, second = (GrievanceReceived.FromString(one[2]) for one in (found, other))
        except Exception:
            return "garbage found"
        if not first.grievance.number or first.grievance.number == second.grievance.number:
            return "no two grievances"
        second.grievance.number = first.grievance.number
        return self.pour("grievances.received", self.system.partition(first.grievance.number),
                         second.SerializeToString(), "a usurper")

    def an_event(self, rng):
        found = self.a_message(rng, "cases.events")
        try:
            event = CaseEvent.FromString(found[2]) if found else None
        except Exception:
            event = None
        return event if event and event.version and event.number else None

    def changed_event(self, rng, what, change):
        event = self.an_event(rng)
        if not event:
            return "no event"
        change(event)
        return self.pour("cases.events", self.system.partition(event.number), event.SerializeToString(), what,
                         case_number.write(event.number).encode())

    def gap(self, rng):
        def change(event):
            event.version += rng.randrange(50, 500)
        return self.changed_event(rng, "an event out of sequence", change)

    def far_future(self, rng):
        def change(event):
            event.version += 50
            event.at_ms = rng.choice([4_070_908_800_000, -1, 2**62])
        return self.changed_event(rng, "an event of another age", change)

    def long_code(self, rng):
        def change(event):
            event.version += 50
            event.office = "x" * 9000
        return self.changed_event(rng, "an event with a long code", change)

    def bad_command(self, rng):
        event = self.an_event(rng)
        if not event:
            return "no event"
        command = Command(id=rng.randbytes(rng.choice([0, 16, 40])), number=event.number, based_on=event.version,
                          at_ms=rng.choice([0, 2**62, event.at_ms]),
                          actor=Actor(kind=Actor.OFFICER, id="o" * rng.choice([1, 70000])),
                          correct=Correct(category=rng.choice(["no.such", "y" * 9000, ""])))
        return self.pour("cases.commands", self.system.partition(event.number), command.SerializeToString(),
                         "a bad command")


def is_poison(poisoner, letter: DeadLetter):
    return digest(letter.value) in poisoner.poured
