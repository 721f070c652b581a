"""(b) The exactly-once stages against the same stage's own sources run at-least-once.

Everything is full before a round begins: a stage reads its whole input, from its first message, in
every round, and its output topic and its view are emptied in between.
"""

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from measure import Meter, interleaved, median, table
from support.daemon import Daemon, wait_for

MESSAGES = 50000


def forget(system, stage, topic):
    """Empties the stage's output, its view and its place in its input."""
    admin = AdminClient({"bootstrap.servers": system.servers.brokers, "log_level": 3})
    name, group = system.topics.prefix + topic, system.topics.prefix + stage
    for future in admin.delete_topics([name]).values():
        future.result(30)
    wait_for("the topic is gone", lambda: name not in admin.list_topics(timeout=10).topics, 30, 0.2)
    system.tool("topics")
    system.redis.flushdb()
    return group


def rewind(system, group, topic):
    """To the beginning of the input; the broker waits a while for the member that has stopped."""
    places = [TopicPartition(system.topics.prefix + topic, partition, 0)
              for partition in range(system.partitions)]
    consumer = Consumer({"bootstrap.servers": system.servers.brokers, "group.id": group,
                         "log_level": 0})

    def rewound():
        try:
            return consumer.commit(offsets=places, asynchronous=False)
        except KafkaException:
            return None

    wait_for("the group is empty", rewound, 60, 0.5)
    consumer.close()


def run_stage(bench, system, stage, program, reads, writes):
    group = forget(system, stage, writes)
    rewind(system, group, reads)
    folder = system.folder / "stages"
    folder.mkdir(exist_ok=True)
    daemon = Daemon(stage, bench.program(program), folder, system.settings_for(stage)).start()
    first = wait_for("the first batch", lambda: daemon.metric("redress_messages_read_total"), 60, 0.01)
    began, meter = time.monotonic(), Meter({"daemon": daemon.process.pid,
                                            "kafka": system.servers.pids()["kafka"]}).start()
    wait_for("the last batch",
             lambda: daemon.metric("redress_messages_read_total") >= MESSAGES, 300, 0.02)
    count, seconds = MESSAGES - first, time.monotonic() - began
    meter.stop()
    daemon.stop()
    return {"rate": count / seconds, "cost": 1e6 * sum(meter.used.values()) / count}


def measure_stage(bench, system, stage, reads, writes):
    runs = interleaved(
        bench.rounds,
        least=lambda: run_stage(bench, system, stage, f"at_least_once_{stage}", reads, writes),
        once=lambda: run_stage(bench, system, stage, f"redress-{stage}", reads, writes))
    middle = {name: {field: median(run[field] for run in rounds) for field in ("rate", "cost")}
              for name, rounds in runs.items()}
    once, least = middle["once"], middle["least"]
    return [stage, f"{least['rate']:,.0f}", f"{once['rate']:,.0f}",
            f"{once['rate'] / least['rate']:.2f}", f"{least['cost']:.1f}", f"{once['cost']:.1f}",
            f"{least['cost'] / once['cost']:.2f}"]


def run(bench):
    with bench.system() as system:
        bench.fill(system, MESSAGES)
        rows = [measure_stage(bench, system, "classification", "grievances.received",
                              "cases.commands")]
        # the commands that routing reads in every round are those of classification's last
        rows.append(measure_stage(bench, system, "routing", "cases.commands", "cases.events"))
    table("(b) exactly-once stages, messages a second, and µs of processor of stage and broker",
          ["stage", "at-least-once", "exactly-once", "ratio", "µs at-least-once",
           "µs exactly-once", "ratio"], rows)
