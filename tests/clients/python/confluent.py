"""confluent-kafka: librdkafka's Python client, with its newest librdkafka."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from driver import FETCH_SECONDS, Refused, fetched, headers_of, serve, unhex

MAX_BYTES = 20_000_000


def result(future):
    try:
        return future.result(timeout=FETCH_SECONDS)
    except KafkaException as error:
        raise Refused(error.args[0].code(), str(error)) from error


class Client:
    def __init__(self, bootstrap):
        self.common = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.common)
        self.producers = {}

    def create_topic(self, topic, partitions, configs):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=configs)
        result(self.admin.create_topics([new])[topic])

    def delete_topic(self, topic):
        result(self.admin.delete_topics([topic])[topic])

    def create_partitions(self, topic, total):
        result(self.admin.create_partitions([NewPartitions(topic, total)])[topic])

    def list_topics(self, topic):
        return list(self.admin.list_topics(timeout=FETCH_SECONDS).topics)

    def count_partitions(self, topic):
        return len(self.admin.list_topics(topic, timeout=FETCH_SECONDS).topics[topic].partitions)

    def describe_configs(self, topic):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        entries = result(self.admin.describe_configs([resource])[resource])
        return {name: entry.value for name, entry in entries.items()}

    def alter_configs(self, topic, set):
        changes = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in set.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=changes)
        result(self.admin.incremental_alter_configs([resource])[resource])

    def produce(self, topic, partition, codec, records):
        producer = self.producer(codec)
        offsets = [None] * len(records)
        errors = []

        def delivered(index):
            def report(error, message):
                if error is not None:
                    errors.append(error)
                else:
                    offsets[index] = message.offset()

            return report

        for index, record in enumerate(records):
            producer.produce(
                topic,
                partition=partition,
                key=unhex(record["key"]),
                value=unhex(record["value"]),
                headers=headers_of(record),
                timestamp=record["timestamp"],
                on_delivery=delivered(index),
            )
        left = producer.flush(FETCH_SECONDS)
        if errors:
            del self.producers[codec]
            raise Refused(errors[0].code(), errors[0].str())
        if left:
            raise TimeoutError(f"{left} records were not acknowledged")
        return offsets

    def producer(self, codec):
        if codec not in self.producers:
            self.producers[codec] = Producer({
                **self.common,
                "enable.idempotence": True,
                "compression.type": codec,
                "message.max.bytes": MAX_BYTES,
                "linger.ms": 5,
            })
        return self.producers[codec]

    def fetch(self, topic, partition, start, count):
        consumer = self.consumer()
        try:
            place = TopicPartition(topic, partition, start.get("offset", 0))
            if "timestamp" in start:
                place.offset = start["timestamp"]
                [place] = consumer.offsets_for_times([place], timeout=FETCH_SECONDS)
            consumer.assign([place])
            return self.collect(consumer, count)
        finally:
            consumer.close()

    @staticmethod
    def collect(consumer, count):
        records = []
        deadline = time.monotonic() + FETCH_SECONDS
        while len(records) < count:
            for message in consumer.consume(count - len(records), timeout=1):
                if message.error():
                    raise Refused(message.error().code(), message.error().str())
                _, timestamp = message.timestamp()
                records.append(
                    fetched(message.offset(), timestamp, message.key(), message.value(), message.headers())
                )
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(records)} of {count} records arrived")
        return records

    def consumer(self):
        return Consumer({
            **self.common,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "fetch.message.max.bytes": MAX_BYTES,
        })

    def list_offset(self, topic, partition, at):
        if isinstance(at, dict):
            spec = OffsetSpec.for_timestamp(at["timestamp"])
        else:
            spec = getattr(OffsetSpec, at)()
        place = TopicPartition(topic, partition)
        return result(self.admin.list_offsets({place: spec})[place]).offset


serve(Client(sys.argv[1]))
