"""A group member by aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

from member import BATCH_MAX, HEARTBEAT_MS, POLL_SECONDS, Arguments, Input, run, say, say_owned


class Member(ConsumerRebalanceListener):
    def __init__(self, arguments):
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=arguments.bootstrap,
            group_id=arguments.group,
            group_instance_id=arguments.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=arguments.session_ms,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_records=BATCH_MAX,
        )
        self.topic = arguments.topic
        # A rebalance begins in another task, and has to wait until what was read is committed.
        self.committing = asyncio.Lock()

    async def run(self, input):
        self.consumer.subscribe([self.topic], listener=self)
        await self.consumer.start()
        try:
            while not input.ended.is_set():
                await self.read()
        finally:
            await self.consumer.stop()

    async def read(self):
        polled = await self.consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000))
        records = [record for partition in polled.values() for record in partition]
        if records:
            async with self.committing:
                say(read=[[record.partition, record.offset, record.value.decode()] for record in records])
                await self.consumer.commit()

    async def on_partitions_assigned(self, assigned):
        say_owned(place.partition for place in assigned)

    async def on_partitions_revoked(self, revoked):
        async with self.committing:
            say_owned([])


async def main():
    arguments = Arguments.parse()
    if arguments.protocol != "eager":
        raise ValueError(f"aiokafka has no protocol {arguments.protocol}")
    await Member(arguments).run(Input())


run(lambda: asyncio.run(main()))
