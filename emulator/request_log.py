"""What clients sent, so that a test can assert which calls were made, and which were not."""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

REQUESTS = 10_000
BYTES = 64 * 1024 * 1024
"""The log keeps the latest requests within both limits."""


@dataclass
class LoggedRequest:
    """One request; its body fills while the handler reads it."""

    method: str
    path: str
    query: str
    body: bytearray = field(default_factory=bytearray)

    def document(self) -> dict[str, Any]:
        """Return the request as JSON; `body` is null where none was sent or none was kept."""
        try:
            body = json.loads(self.body) if self.body else None
        except ValueError:
            body = self.body.decode(errors="replace")
        return {"method": self.method, "path": self.path, "query": self.query, "body": body}


class RequestLog:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=REQUESTS)

    def add(self, method: str, path: str, query: str) -> LoggedRequest:
        """Open an entry, and make room for it."""
        entry = LoggedRequest(method, path, query)
        self._requests.append(entry)
        return entry

    def trim(self) -> None:
        """Drop the oldest entries until all bodies together fit."""
        total = sum(len(entry.body) for entry in self._requests)
        while total > BYTES:
            total -= len(self._requests.popleft().body)

    def list(self, method: str = "") -> list[dict[str, Any]]:
        """Return the requests of `method`, or all."""
        return [entry.document() for entry in list(self._requests) if method in ("", entry.method)]
