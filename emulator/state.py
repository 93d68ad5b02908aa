"""Everything the emulator remembers: documents in SQLite, files in a folder, and what tests set.

A state folder outlives the process: an emulator started on it again finds every resource.
"""

import json
import random
import secrets
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from emulator.clock import Clock
from emulator.faults import Faults
from emulator.progress import Progress
from emulator.request_log import RequestLog

PROJECT = "gemtune-local"
PROJECT_NUMBER = "123456789012"
BUCKET = "gemtune-local"
LAST_CHARACTER = "\U0010ffff"
"""Sorts after every other one: names that start with P lie between P and P + LAST_CHARACTER."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    created INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (collection, name)
);
"""

Documents = list[dict[str, Any]]


class State:
    """The emulator's memory, shared by all handlers and the threads they start.

    Args:
        folder: Where to keep it; None keeps it in memory, and files in a temporary folder.

    Raises:
        sqlite3.OperationalError: Another emulator has the folder open.
    """

    project = PROJECT
    number = PROJECT_NUMBER
    bucket = BUCKET

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="emulator-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._connection = open_database(str(folder / "state.sqlite") if folder else ":memory:")
        self._lock = RLock()
        self.token = secrets.token_urlsafe(32)
        self.url = ""
        kept = self.get("clock", "offset") or {"seconds": 0}
        self.clock = Clock(timedelta(seconds=kept["seconds"]), self._keep_offset)
        self.faults = Faults(self.clock)
        self.progress: dict[str, Progress] = defaultdict(Progress)
        self.requests = RequestLog()
        self.on_close: list[Callable[[], None]] = []
        if folder is None:
            self.on_close.append(partial(shutil.rmtree, self.folder, ignore_errors=True))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the database to one thread at a time; what it wrote is kept unless it raises.

        It nests: a read-check-write in one `with` cannot be interleaved with another thread's.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def get(self, collection: str, name: str) -> dict[str, Any] | None:
        """Return a copy of the document called `name`, or None."""
        query = "SELECT document FROM documents WHERE collection = ? AND name = ?"
        with self.transaction() as database:
            row = database.execute(query, (collection, name)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, collection: str, name: str, document: dict[str, Any]) -> None:
        """Insert or replace a document; a replaced one keeps its place in the order of creation."""
        query = (
            "INSERT INTO documents (collection, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (collection, name) DO UPDATE SET document = excluded.document"
        )
        with self.transaction() as database:
            database.execute(query, (collection, name, json.dumps(document)))

    def delete(self, collection: str, name: str) -> None:
        """Forget a document; one that is not there is no error."""
        with self.transaction() as database:
            database.execute("DELETE FROM documents WHERE collection = ? AND name = ?", (collection, name))

    def list(self, collection: str, prefix: str = "") -> Documents:
        """Return the documents whose name starts with `prefix`, newest first."""
        return self._select(
            "name >= ? AND name < ? ORDER BY created DESC", (collection, prefix, prefix + LAST_CHARACTER)
        )

    def between(self, collection: str, first: str, end: str, limit: int) -> Documents:
        """Return the next `limit` documents with `first` <= name < `end`, in order of their name's UTF-8 bytes."""
        return self._select("name >= ? AND name < ? ORDER BY name LIMIT ?", (collection, first, end, limit))

    def _select(self, condition: str, values: tuple[str | int, ...]) -> Documents:
        with self.transaction() as database:
            query = f"SELECT document FROM documents WHERE collection = ? AND {condition}"
            rows = database.execute(query, values).fetchall()
        return [json.loads(row[0]) for row in rows]

    def new_id(self) -> str:
        """Return an id as the service makes them: 19 decimal digits."""
        return str(random.randrange(10**18, 9 * 10**18))

    def _keep_offset(self, offset: timedelta) -> None:
        self.put("clock", "offset", {"seconds": offset.total_seconds()})

    def close(self) -> None:
        """Stop what handlers started (they register it in `on_close`), then let go of the files."""
        for stop in reversed(self.on_close):
            stop()
        with self._lock:
            self._connection.close()


def open_database(path: str) -> sqlite3.Connection:
    """Open the one connection, and refuse a database that another process has open."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.2)
    # A second writer would serve stale answers; the loss of the last moment in a power cut is no loss here.
    connection.executescript("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
    connection.executescript(SCHEMA)
    return connection
