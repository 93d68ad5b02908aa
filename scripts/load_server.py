"""A generateContent server to measure clients against: 300 ± 100 ms for an answer, with a quota or refusals at will.

    python -m scripts.load_server

It prints its address and serves until its input ends. The location in a request's path chooses how it behaves: `free`
answers everything, `random…` refuses 10 % of the calls, `quota…` refuses what is over 20 requests a second, with a
bucket of 20 for each such name. Refusals are 429 with RetryInfo "1s" and come at once. One core answers some 5,000
requests a second, so that it is the client that is measured.
"""

import asyncio
import json
import random
import re
import sys
import time
from typing import NamedTuple

LATENCY_SECONDS = (0.2, 0.4)
QUOTA_RATE = 20.0
QUOTA_BURST = 20.0
REFUSED_SHARE = 0.1

_HEAD = re.compile(rb"\A(\w+) (\S+) .*?\r\n\r\n", re.DOTALL)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"/locations/([^/]+)/")


def _reply(status: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


USAGE = {"promptTokenCount": 300, "candidatesTokenCount": 60, "totalTokenCount": 360}
TEXT = "The river rose by two metres and the bridge was closed. " * 5
CANDIDATE = {"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP"}
ANSWER = _reply(
    "200 OK", {"candidates": [CANDIDATE], "usageMetadata": USAGE, "modelVersion": "gemini-3.1-flash-lite-emulator"}
)
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
REFUSAL = _reply(
    "429 Too Many Requests",
    {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": [RETRY_INFO]}},
)


class Bucket(NamedTuple):
    """Requests that the quota has left."""

    tokens: float
    filled_at: float


class Service:
    """Decides which request is answered."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, Bucket] = {}

    def takes(self, location: bytes) -> bool:
        """Return whether a request is within its location's quota and luck."""
        if location.startswith(b"random"):
            return random.random() >= REFUSED_SHARE
        return not location.startswith(b"quota") or self._draw(location)

    def _draw(self, name: bytes) -> bool:
        now = time.monotonic()
        bucket = self._buckets.get(name, Bucket(QUOTA_BURST, now))
        tokens = min(QUOTA_BURST, bucket.tokens + (now - bucket.filled_at) * QUOTA_RATE)
        self._buckets[name] = Bucket(tokens - 1 if tokens >= 1 else tokens, now)
        return tokens >= 1


class Connection(asyncio.Protocol):
    """One client's connection; requests on it come one after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is complete."""
        self._received += data
        head = _HEAD.match(self._received)
        if head is None:
            return
        length = _LENGTH.search(head[0])
        end = head.end() + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        self._received = self._received[end:]
        location = _LOCATION.search(head[2])
        if self._service.takes(location[1] if location else b""):
            asyncio.get_running_loop().call_later(random.uniform(*LATENCY_SECONDS), self._send, ANSWER)
        else:
            self._send(REFUSAL)

    def _send(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)


async def serve() -> None:
    """Serve on a free port until the input ends."""
    loop = asyncio.get_running_loop()
    service = Service()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
