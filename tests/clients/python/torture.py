"""The librdkafka clients of `cargo xtask torture`, by confluent-kafka; see ../README.md. They do what those of ../go/torture do, and
write the same histories."""

import json
import random
import struct
import sys
import threading
import time
import zlib

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

IDENTITY = struct.Struct(">IHBBQI")
KEYS_OF_PRODUCER = 53
SIZE_MAX = 900_000
FLUSH_SECONDS = 40
END_SECONDS = 30
# A producer begins only when the broker is well and what it left open before is ended.
BEGIN_SECONDS = 100
STUCK_SECONDS = 30
ABORT_PERCENT = 30
ABANDON_PERCENT = 5
# What calls raise: some wrap the error, and some do not.
FAILURES = (KafkaException, KafkaError)
# All else may have happened.
REFUSALS = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION}


class History:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)

    def write(self, e, **fields):
        self.file.write(json.dumps({"e": e, "t": time.monotonic_ns(), **fields}) + "\n")


class Runs:
    """Lines of records that follow each other, one for each partition, until one does not follow."""

    def __init__(self, history):
        self.history = history
        self.held = {}

    def add(self, e, topic, p, more):
        held = self.held.get((topic, p))
        if held and self.follows(held, e, more):
            held["n"] += 1
            return
        if held:
            self.history.write(**held)
        self.held[topic, p] = {"e": e, "topic": topic, "p": p, "n": 1, **more}

    @staticmethod
    def follows(held, e, more):
        n = held["n"]
        same = all(held.get(name) == more.get(name) for name in ("txn", "producer", "why"))
        is_next = held["seq"] + n == more["seq"] and ("off" not in more or held.get("off", -1) + n == more["off"])
        return held["e"] == e and same and is_next

    def write(self):
        for held in self.held.values():
            self.history.write(**held)
        self.held.clear()


class Enough:
    """Set when the standard input ends."""

    def __init__(self):
        self.event = threading.Event()
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        sys.stdin.read()
        self.event.set()


class Producing:
    def __init__(self, arguments, history):
        self.arguments, self.history = arguments, history
        self.number = arguments["producer"]
        self.random = random.Random(arguments["seed"])
        self.runs = Runs(history)
        self.next = {}
        self.txn = 0
        noise = random.Random(1)
        self.noise = b"".join(bytes([97 + i % 16]) * 40 + noise.randbytes(24) for i in range(1 << 15))
        history.write("producer", producer=self.number, how=arguments["kind"], why="confluent-kafka")
        self.connect()

    def connect(self):
        settings = {
            "bootstrap.servers": self.arguments["bootstrap"],
            "compression.type": self.arguments["codec"],
            "linger.ms": 2,
            "message.timeout.ms": 60_000,
            "request.timeout.ms": 5_000,
            "socket.timeout.ms": 10_000,
            "retry.backoff.ms": 100,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 300,
            "topic.metadata.refresh.interval.ms": 5_000,
            "message.max.bytes": 1_000_000,
            "queue.buffering.max.messages": 2_000,
        }
        kind = self.arguments["kind"]
        if kind == "plain":
            settings["max.in.flight.requests.per.connection"] = 1
        else:
            settings["enable.idempotence"] = True
        if kind == "transactional":
            settings |= {"transactional.id": f"torture-{self.number}", "transaction.timeout.ms": 10_000, "message.timeout.ms": 8_000}
        self.producer = Producer(settings)
        if kind == "transactional":
            self.again(self.producer.init_transactions, BEGIN_SECONDS)

    def run(self, enough):
        step = self.transaction if self.arguments["kind"] == "transactional" else self.burst
        try:
            while not enough.event.is_set():
                step()
            self.producer.flush(FLUSH_SECONDS)
        except FAILURES as error:
            # Of an idempotent producer whose numbers are not those of the broker, for instance: it cannot go on.
            self.history.write("fatal", why=str(error))
        self.runs.write()

    def burst(self):
        count = self.random.randint(1, max(1, self.arguments["rate"] // 10))
        topics = self.arguments["topics"]
        topic, p = self.random.randrange(len(topics)), self.random.randrange(self.arguments["partitions"])
        name, first = topics[topic]["name"], self.next.get((topic, p), 0)
        self.next[topic, p] = first + count
        self.history.write("send", topic=name, p=p, seq=first, n=count, txn=self.txn)
        for seq in range(first, first + count):
            self.send(topic, name, p, seq)
        self.rest(time.monotonic() + count / self.arguments["rate"])

    def rest(self, until):
        while (left := until - time.monotonic()) > 0:
            self.producer.poll(left)
        self.runs.write()

    def send(self, topic, name, p, seq):
        size = 1 + self.random.randrange(120)
        if self.random.randrange(20_000) == 0:
            size = 1 + self.random.randrange(SIZE_MAX)
        key = f"{self.number}-{seq % KEYS_OF_PRODUCER}".encode()
        start = seq * 4099 % (len(self.noise) - SIZE_MAX)
        value = self.noise[start : start + size]
        identity = IDENTITY.pack(self.arguments["run"], self.number, topic, p, seq, self.txn)
        identity += struct.pack(">I", zlib.crc32(value, zlib.crc32(key, zlib.crc32(identity))))
        txn = self.txn

        def delivered(error, message):
            fields = {"seq": seq, "txn": txn}
            if error is None:
                self.runs.add("ok", name, p, fields | {"off": message.offset()})
            else:
                outcome = "fail" if error.code() in REFUSALS else "unknown"
                self.runs.add(outcome, name, p, fields | {"why": error.str()})

        while True:
            try:
                self.producer.produce(name, value, key, p, headers=[("i", identity)], on_delivery=delivered)
                return
            except BufferError:
                self.producer.poll(0.1)
            except KafkaException as error:
                # It was not taken: a fatal error, which the end of the transaction meets as well.
                self.runs.add("fail", name, p, {"seq": seq, "txn": txn, "why": str(error)})
                return

    def transaction(self):
        try:
            self.producer.begin_transaction()
            self.txn += 1
            for _ in range(self.random.randint(1, 4)):
                self.burst()
            fate = self.random.randrange(100)
            if fate < ABANDON_PERCENT:
                self.history.write("end", txn=self.txn, how="abandon")
                self.anew()
            else:
                self.end(fate < ABANDON_PERCENT + ABORT_PERCENT)
        except FAILURES as error:
            # Its commit may have been asked for. A transaction that takes too long is ended by the broker, for instance.
            self.history.write("ended", txn=self.txn, how="unknown", why=str(error))
            self.anew()

    def end(self, abort):
        how = "abort" if abort or self.producer.flush(END_SECONDS) > 0 else "commit"
        self.runs.write()
        self.history.write("end", txn=self.txn, how=how)
        self.again(self.producer.commit_transaction if how == "commit" else self.producer.abort_transaction)
        self.history.write("ended", txn=self.txn, how="ok")

    def anew(self):
        """Goes on with another client for the same transactional id, which ends what the first one left open."""
        try:
            self.producer.purge()
            self.producer.flush(1)
        except FAILURES:
            # One that is fenced says so, once more.
            pass
        self.runs.write()
        self.connect()

    @staticmethod
    def again(call, seconds=END_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return call(END_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise


class Reading:
    """Reads everything from start to end."""

    def __init__(self, arguments, history):
        self.arguments, self.history = arguments, history
        self.runs = Runs(history)
        self.names = [topic["name"] for topic in arguments["topics"]]
        self.consumer = Consumer(
            {
                "bootstrap.servers": arguments["bootstrap"],
                "group.id": "unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed" if arguments["committed"] else "read_uncommitted",
                "check.crcs": True,
                "enable.partition.eof": True,
                "queued.min.messages": 20_000,
            }
        )

    def run(self, _):
        places = [TopicPartition(name, p, OFFSET_BEGINNING) for name in self.names for p in range(self.arguments["partitions"])]
        for place in places:
            start, end = self.consumer.get_watermark_offsets(place, timeout=STUCK_SECONDS)
            self.history.write("offsets", topic=place.topic, p=place.partition, start=start, last=end, end=end)
        self.consumer.assign(places)
        left = {(place.topic, place.partition) for place in places}
        moved = time.monotonic()
        while left and time.monotonic() - moved < STUCK_SECONDS:
            for message in self.consumer.consume(5_000, 0.5):
                moved = time.monotonic()
                if message.error() is None:
                    self.note(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic(), message.partition()))
        self.runs.write()
        self.history.write("stuck" if left else "done")
        self.consumer.close()

    def note(self, message):
        topic, p, off = message.topic(), message.partition(), message.offset()
        headers = message.headers() or []
        key, value = message.key() or b"", message.value() or b""
        identity = headers[0][1] if len(headers) == 1 and len(headers[0][1]) == IDENTITY.size + 4 else None
        if identity is None:
            self.history.write("bad", topic=topic, p=p, off=off, why="no identity")
            return
        run, producer, place, partition, seq, txn = IDENTITY.unpack(identity[: IDENTITY.size])
        checksum = zlib.crc32(value, zlib.crc32(key, zlib.crc32(identity[: IDENTITY.size])))
        if checksum != int.from_bytes(identity[IDENTITY.size :], "big"):
            self.history.write("bad", topic=topic, p=p, off=off, why="the checksum is wrong")
        elif (run, self.names[place], partition) != (self.arguments["run"], topic, p):
            self.history.write("bad", topic=topic, p=p, off=off, why="a record of somewhere else")
        else:
            self.runs.add("read", topic, p, {"off": off, "producer": producer, "seq": seq, "txn": txn})


def main():
    programs = {"produce": Producing, "read": Reading}
    arguments = json.loads(sys.argv[2])
    programs[sys.argv[1]](arguments, History(arguments["history"])).run(Enough())


main()
