"""(b) The exactly-once stages against the same stage's own sources run at-least-once."""

import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from measure import interleaved, median, table
from support.daemon import Daemon, wait_for

MESSAGES = 200000


class Progress:
    """How far a stage's group has come in its input, by what is committed."""

    def __init__(self, system, stage, topic):
        self.name = system.topics.prefix + topic
        self.consumer = Consumer({"bootstrap.servers": system.servers.brokers,
                                  "group.id": system.topics.prefix + stage, "log_level": 3})
        self.places = [TopicPartition(self.name, p) for p in range(system.partitions)]
        self.total = sum(self.consumer.get_watermark_offsets(place, timeout=10)[1]
                         for place in self.places)

    def committed(self):
        return sum(max(place.offset, 0) for place in self.consumer.committed(self.places, timeout=10))

    def reset(self):
        self.consumer.commit(offsets=[TopicPartition(self.name, place.partition, 0)
                                      for place in self.places], asynchronous=False)

    def rate(self):
        """Messages a second from the first commit to the last."""
        first = wait_for("the first commit", self.committed, 120, 0.01)
        began = time.monotonic()
        wait_for("the last commit", lambda: self.committed() >= self.total, 300, 0.02)
        return (self.total - first) / (time.monotonic() - began)


def forget(system, topic):
    """Empties the stage's output and its view of it."""
    admin = AdminClient({"bootstrap.servers": system.servers.brokers, "log_level": 3})
    for future in admin.delete_topics([system.topics.prefix + topic]).values():
        future.result(30)
    wait_for("the topic is gone", lambda: system.topics.prefix + topic not in
             admin.list_topics(timeout=10).topics, 30, 0.2)
    system.tool("topics")
    system.redis.flushdb()


def run_stage(bench, system, stage, program, reads, writes):
    progress = Progress(system, stage, reads)
    progress.reset()
    forget(system, writes)
    folder = system.folder / "stages"
    folder.mkdir(exist_ok=True)
    daemon = Daemon(stage, bench.program(program), folder, system.settings_for(stage))
    daemon.start()
    rate = progress.rate()
    daemon.stop()
    return rate


def measure_stage(bench, system, stage, reads, writes):
    rates = interleaved(
        bench.rounds,
        once=lambda: run_stage(bench, system, stage, f"redress-{stage}", reads, writes),
        least=lambda: run_stage(bench, system, stage, f"at_least_once_{stage}", reads, writes))
    once, least = median(rates["once"]), median(rates["least"])
    return [stage, f"{least:,.0f}", f"{once:,.0f}", f"{once / least:.2f}"]


def run(bench):
    with bench.system() as system:
        bench.fill(system, MESSAGES)
        rows = [measure_stage(bench, system, "classification", "grievances.received",
                              "cases.commands")]
        settle_commands(bench, system)
        rows.append(measure_stage(bench, system, "routing", "cases.commands", "cases.events"))
    table("(b) exactly-once stages, messages a second",
          ["stage", "at-least-once", "exactly-once", "ratio"], rows)


def settle_commands(bench, system):
    """The commands that routing reads in every round: written once, by classification."""
    run_stage(bench, system, "classification", "redress-classification", "grievances.received",
              "cases.commands")
