"""The loop that all Python clients share: a JSON request a line in, a JSON answer a line out (see ../README.md)."""

import json
import sys
import traceback

FETCH_SECONDS = 30


class Refused(Exception):
    """A request that the broker refused with one of Kafka's error codes."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def unhex(text):
    return None if text is None else bytes.fromhex(text)


def to_hex(data):
    return None if data is None else bytes(data).hex()


def headers_of(record):
    return [(name, unhex(value)) for name, value in record["headers"]]


def fetched(offset, timestamp, key, value, headers):
    return {
        "offset": offset,
        "timestamp": timestamp,
        "key": to_hex(key),
        "value": to_hex(value),
        "headers": [[name, to_hex(header)] for name, header in headers or []],
    }


def serve(client):
    for line in sys.stdin:
        request = json.loads(line)
        method = getattr(client, request.pop("do"))
        try:
            answer = {"ok": method(**request)}
        except Refused as refused:
            answer = {"error": str(refused), "code": refused.code}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": repr(error), "code": -1}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
