"""Copies records in transactions, by confluent-kafka, which is librdkafka (see ../README.md)."""

import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from member import HEARTBEAT_MS, POLL_SECONDS, Input, run, say

TRANSACTION_RECORDS = 20
# For a broker that is killed and comes back.
TRIES_SECONDS = 60


class Copier:
    def __init__(self, bootstrap, group, source, target, name, session_ms):
        self.source, self.target = source, target
        self.owned = []
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "group.instance.id": name,
                "session.timeout.ms": session_ms,
                "heartbeat.interval.ms": HEARTBEAT_MS,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "transactional.id": f"{group}-{name}", "transaction.timeout.ms": 30000}
        )

    def run(self, input):
        self.again(self.producer.init_transactions, TRIES_SECONDS)
        self.consumer.subscribe([self.source])
        while not input.ended.is_set():
            messages = self.consumer.consume(TRANSACTION_RECORDS, POLL_SECONDS)
            messages = [message for message in messages if message.error() is None]
            if messages:
                self.copy(messages)
        self.consumer.close()

    def copy(self, messages):
        self.producer.begin_transaction()
        try:
            for message in messages:
                self.producer.produce(
                    self.target, message.value(), message.key(), partition=message.partition()
                )
            self.again(
                self.producer.send_offsets_to_transaction,
                self.consumer.position(self.consumer.assignment()),
                self.consumer.consumer_group_metadata(),
                TRIES_SECONDS,
            )
            self.again(self.producer.commit_transaction, TRIES_SECONDS)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            self.again(self.producer.abort_transaction, TRIES_SECONDS)
            self.go_back()
            say(aborted=str(error))
        else:
            say(copied=len(messages))

    def go_back(self):
        """Begins again after what is committed."""
        assigned = self.consumer.assignment()
        if assigned:
            for place in self.again(self.consumer.committed, assigned, TRIES_SECONDS):
                offset = place.offset if place.offset >= 0 else 0
                try:
                    self.consumer.seek(TopicPartition(place.topic, place.partition, offset))
                except KafkaException:
                    # It was taken away meanwhile: whoever has it begins there by itself.
                    pass

    def again(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise


run(lambda: Copier(*sys.argv[1:6], int(sys.argv[6])).run(Input()))
