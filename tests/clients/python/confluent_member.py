"""A group member by confluent-kafka, which is librdkafka."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from member import BATCH_MAX, HEARTBEAT_MS, POLL_SECONDS, Arguments, Input, run, say, say_owned

# A commit that met a rebalance: it is right as soon as the client has heard the rest of it.
TOO_EARLY = {KafkaError.REBALANCE_IN_PROGRESS, KafkaError.STALE_MEMBER_EPOCH}
TRIES_MAX = 20

ASSIGNORS = {"eager": "range,roundrobin", "cooperative": "cooperative-sticky"}


class Member:
    def __init__(self, arguments):
        settings = {
            "bootstrap.servers": arguments.bootstrap,
            "group.id": arguments.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        if arguments.instance:
            settings["group.instance.id"] = arguments.instance
        if arguments.protocol == "consumer":
            settings["group.protocol"] = "consumer"
        else:
            settings["partition.assignment.strategy"] = ASSIGNORS[arguments.protocol]
            settings["session.timeout.ms"] = arguments.session_ms
            settings["heartbeat.interval.ms"] = HEARTBEAT_MS
        self.topic = arguments.topic
        self.consumer = Consumer(settings)
        self.owned = set()
        self.read = []
        self.uncommitted = {}

    def run(self, input):
        self.consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
        while not input.ended.is_set() or self.uncommitted:
            message = self.consumer.poll(POLL_SECONDS)
            while message is not None:
                if message.error():
                    raise KafkaException(message.error())
                self.read.append([message.partition(), message.offset(), message.value().decode()])
                message = self.consumer.poll(0) if len(self.read) < BATCH_MAX else None
            self.settle()
        self.consumer.close()

    def settle(self):
        """Says what was read, and commits it. What comes too early is left to the next call, which is told so by False."""
        if self.read:
            say(read=self.read)
            self.uncommitted.update({partition: offset + 1 for partition, offset, _ in self.read})
            self.read = []
        if not self.uncommitted:
            return True
        offsets = [TopicPartition(self.topic, partition, offset) for partition, offset in self.uncommitted.items()]
        try:
            self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in TOO_EARLY:
                return False
            if error.args[0].code() != KafkaError.ILLEGAL_GENERATION:
                raise
            say(refused=str(error))
        else:
            self.uncommitted = {}
        return True

    def assigned(self, _, partitions):
        self.owned |= {place.partition for place in partitions}
        say_owned(self.owned)

    def revoked(self, _, partitions):
        for _ in range(TRIES_MAX):
            if self.settle():
                break
            time.sleep(POLL_SECONDS)
        self.remove(partitions)

    def lost(self, _, partitions):
        self.remove(partitions)

    def remove(self, partitions):
        removed = {place.partition for place in partitions}
        self.owned -= removed
        self.uncommitted = {place: offset for place, offset in self.uncommitted.items() if place not in removed}
        say_owned(self.owned)


run(lambda: Member(Arguments.parse()).run(Input()))
