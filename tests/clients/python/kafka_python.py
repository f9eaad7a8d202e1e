"""kafka-python: a client that is written in Python alone."""

import re
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, OffsetSpec
from kafka.errors import KafkaError

from driver import FETCH_SECONDS, Refused, fetched, headers_of, serve, unhex

MAX_BYTES = 20_000_000


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.producers = {}

    def create_topic(self, topic, partitions, configs):
        new = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        refusals(lambda: self.admin.create_topics({topic: new}))

    def delete_topic(self, topic):
        refusals(lambda: self.admin.delete_topics([topic]))

    def create_partitions(self, topic, total):
        refusals(lambda: self.admin.create_partitions({topic: total}))

    def list_topics(self, topic):
        return list(self.admin.list_topics())

    def count_partitions(self, topic):
        [described] = self.admin.describe_topics([topic])
        return len(described["partitions"])

    def describe_configs(self, topic):
        resource = ConfigResource("TOPIC", topic, None)
        described = self.admin.describe_configs([resource], config_filter="ALL")
        if not described["topic"][topic]:
            # It passes over an error of the broker.
            raise Refused(-1, f"no configs of {topic}")
        return {name: entry["value"] for name, entry in described["topic"][topic].items()}

    def alter_configs(self, topic, set):
        answers = self.admin.alter_configs([ConfigResource("TOPIC", topic, set)])
        answer = answers["topic"][topic]
        if answer != "OK":
            code = re.search(r"\[Error (\d+)\]", answer)
            raise Refused(int(code[1]) if code else -1, answer)

    def produce(self, topic, partition, codec, records):
        producer = self.producer(codec)
        futures = [
            producer.send(
                topic,
                partition=partition,
                key=unhex(record["key"]),
                value=unhex(record["value"]),
                headers=headers_of(record),
                timestamp_ms=record["timestamp"],
            )
            for record in records
        ]
        try:
            return refusals(lambda: [future.get(FETCH_SECONDS).offset for future in futures])
        except Refused:
            # A refused batch leaves a gap in the idempotent producer's sequence, which it does not survive.
            self.producers.pop(codec).close(timeout=0)
            raise

    def producer(self, codec):
        if codec not in self.producers:
            self.producers[codec] = KafkaProducer(
                bootstrap_servers=self.bootstrap,
                enable_idempotence=True,
                compression_type=None if codec == "none" else codec,
                max_request_size=MAX_BYTES,
                linger_ms=5,
            )
        return self.producers[codec]

    def fetch(self, topic, partition, start, count):
        place = TopicPartition(topic, partition)
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=None,
            auto_offset_reset="none",
            max_partition_fetch_bytes=MAX_BYTES,
        )
        try:
            consumer.assign([place])
            if "timestamp" in start:
                consumer.seek(place, consumer.offsets_for_times({place: start["timestamp"]})[place].offset)
            else:
                consumer.seek(place, start["offset"])
            return self.collect(consumer, place, count)
        finally:
            consumer.close()

    @staticmethod
    def collect(consumer, place, count):
        records = []
        deadline = time.monotonic() + FETCH_SECONDS
        while len(records) < count:
            polled = consumer.poll(timeout_ms=1000, max_records=count - len(records))
            for record in polled.get(place, []):
                records.append(fetched(record.offset, record.timestamp, record.key, record.value, record.headers))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(records)} of {count} records arrived")
        return records

    def list_offset(self, topic, partition, at):
        place = TopicPartition(topic, partition)
        spec = at["timestamp"] if isinstance(at, dict) else OffsetSpec[at.upper()]
        return self.admin.list_partition_offsets({place: spec})[place].offset


def refusals(action):
    try:
        return action()
    except KafkaError as error:
        raise Refused(error.errno, str(error)) from error


serve(Client(sys.argv[1]))
