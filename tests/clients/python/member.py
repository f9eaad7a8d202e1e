"""What the group members in Python share: their arguments, what they say, and when they end (see ../README.md)."""

import json
import os
import sys
import threading
import traceback
from dataclasses import dataclass

HEARTBEAT_MS = 500
POLL_SECONDS = 0.1
BATCH_MAX = 100


@dataclass
class Arguments:
    bootstrap: str
    group: str
    topic: str
    protocol: str
    session_ms: int
    instance: str | None

    @classmethod
    def parse(cls):
        bootstrap, group, topic, protocol, session_ms, *rest = sys.argv[1:]
        return cls(bootstrap, group, topic, protocol, int(session_ms), rest[0] if rest else None)


class Input:
    """Standard input, whose end is the sign to leave."""

    def __init__(self):
        self.ended = threading.Event()
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        # Not by sys.stdin, whose lock would be held when the interpreter ends.
        while os.read(0, 100):
            pass
        self.ended.set()


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def say_owned(partitions):
    say(owns=sorted(partitions))


def run(member):
    """Runs a member. One that fails ends at once: a client's own threads might go on as if nothing had happened."""
    try:
        member()
    except Exception:
        traceback.print_exc()
        os._exit(1)
