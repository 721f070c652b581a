"""Kafka from outside: what is in a topic, and messages put there by hand."""

import itertools
import struct
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions

from support import messages

_groups = itertools.count()


class Topics:
    def __init__(self, brokers, prefix):
        self.brokers = brokers
        self.prefix = prefix

    def _consumer(self):
        return Consumer({"bootstrap.servers": self.brokers, "group.id": f"test-{next(_groups)}",
                         "enable.auto.commit": False, "isolation.level": "read_committed",
                         "enable.partition.eof": False, "log_level": 3})

    def partitions(self, topic):
        consumer = self._consumer()
        try:
            name = self.prefix + topic
            return len(consumer.list_topics(name, timeout=60).topics[name].partitions)
        finally:
            consumer.close()

    def read(self, topic):
        """Every committed message there is now, as confluent_kafka gives them."""
        consumer = self._consumer()
        try:
            name = self.prefix + topic
            count = len(consumer.list_topics(name, timeout=60).topics[name].partitions)
            left = {}
            for partition in range(count):
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=60)
                if high > low:
                    left[partition] = high
            consumer.assign([TopicPartition(name, p, 0) for p in left])
            return self._read_to(consumer, name, left)
        finally:
            consumer.close()

    def _read_to(self, consumer, name, left):
        """Transaction markers take offsets too: ask where the reader stands, not what it got."""
        found, deadline = [], time.monotonic() + 120
        while left:
            assert time.monotonic() < deadline, f"{name} cannot be read to its end: {left}"
            for message in consumer.consume(10000, timeout=0.2):
                assert message.error() is None, message.error()
                found.append(message)
            for place in consumer.position([TopicPartition(name, p) for p in left]):
                if place.offset >= left[place.partition]:
                    del left[place.partition]
        return found

    def decoded(self, topic):
        return [messages.decode(topic, message.value()) for message in self.read(topic)]

    def produce(self, topic, value, key=b"", partition=0, headers=None):
        """One message, acknowledged; a message object is serialised."""
        producer = Producer({"bootstrap.servers": self.brokers, "acks": "all", "log_level": 3,
                             "message.max.bytes": 4_000_000})    # the broker decides what is too large
        problems = []
        data = value if isinstance(value, (bytes, type(None))) else value.SerializeToString()
        producer.produce(self.prefix + topic, data, key, partition, headers=headers or [],
                         on_delivery=lambda error, _: error and problems.append(error))
        assert producer.flush(60) == 0 and not problems, problems


    def produce_all(self, topic, messages):
        """Many of (value, key, partition), all acknowledged."""
        producer = Producer({"bootstrap.servers": self.brokers, "acks": "all", "log_level": 3})
        problems = []
        for value, key, partition in messages:
            producer.produce(self.prefix + topic, value, key, partition,
                             on_delivery=lambda error, _: error and problems.append(error))
            producer.poll(0)
        assert producer.flush(60) == 0 and not problems, problems

    def _admin(self):
        return AdminClient({"bootstrap.servers": self.brokers, "log_level": 3})

    def limit(self, topic, size):
        """From now on the broker takes no larger message there."""
        admin = self._admin()       # which must live until the answer is there
        resource = ConfigResource(ConfigResource.Type.TOPIC, self.prefix + topic,
                                  set_config={"max.message.bytes": str(size)})
        for future in admin.alter_configs([resource]).values():
            future.result(60)

    def add_partitions(self, topic, total):
        admin = self._admin()
        for future in admin.create_partitions([NewPartitions(self.prefix + topic, total)]).values():
            future.result(60)

    def groups(self):
        """Which topics each consumer group of ours has taken up, by the group's name."""
        admin, found = self._admin(), {}
        names = [name for name in admin.list_topics(timeout=60).topics if name.startswith(self.prefix)]
        for group in admin.list_groups(timeout=60):
            if group.id.startswith(self.prefix):
                # in an assignment a topic's name stands behind its length
                found[group.id.removeprefix(self.prefix)] = {
                    name.removeprefix(self.prefix) for name in names for member in group.members
                    if struct.pack(">h", len(name)) + name.encode() in member.assignment}
        return found
