"""A group member by kafka-python."""

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import RebalanceInProgressError

from member import BATCH_MAX, HEARTBEAT_MS, POLL_SECONDS, Arguments, Input, run, say, say_owned

ASSIGNORS = {"eager": RangePartitionAssignor, "cooperative": CooperativeStickyAssignor}


class Member(ConsumerRebalanceListener):
    def __init__(self, arguments):
        self.consumer = KafkaConsumer(
            bootstrap_servers=arguments.bootstrap,
            group_id=arguments.group,
            group_instance_id=arguments.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(ASSIGNORS[arguments.protocol],),
            session_timeout_ms=arguments.session_ms,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_records=BATCH_MAX,
        )
        self.topic = arguments.topic
        self.owned = set()
        self.uncommitted = False

    def run(self, input):
        self.consumer.subscribe([self.topic], listener=self)
        while not input.ended.is_set() or self.uncommitted:
            polled = self.consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
            records = [record for partition in polled.values() for record in partition]
            if records:
                say(read=[[record.partition, record.offset, record.value.decode()] for record in records])
                self.uncommitted = True
            self.commit()
            self.join_again_if_forgotten()
        self.consumer.close(autocommit=False)

    def commit(self):
        if self.uncommitted:
            try:
                self.consumer.commit()
                self.uncommitted = False
            except RebalanceInProgressError:
                # It is tried again when a partition is taken away, or after the next poll.
                pass

    def join_again_if_forgotten(self):
        """kafka-python 3.0.12 forgets an assignment, of any broker: a leader that learns of the topic's partitions joins again,
        and if a poll's time is up before the answers are there, the next poll finds that nothing has changed since the leader
        assigned, and does not look at what came."""
        coordinator = self.consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def on_partitions_assigned(self, assigned):
        self.owned |= {place.partition for place in assigned}
        say_owned(self.owned)

    def on_partitions_revoked(self, revoked):
        self.commit()
        self.on_partitions_lost(revoked)

    def on_partitions_lost(self, lost):
        self.owned -= {place.partition for place in lost}
        say_owned(self.owned)


run(lambda: Member(Arguments.parse()).run(Input()))
