"""An index of keys that counts them: in memory while it is small, in a temporary SQLite file when it is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

MEMORY_KEYS = 20_000
"""Keys that an index holds in memory: about 3 MB."""

CACHE_KIB = 2_000
"""Memory that SQLite may use for one index."""

_FILTER_BITS = 1 << 22
"""Bits that tell which keys are not in the file: after a million keys, 3 in 4 new ones need not be looked up."""


class KeyIndex:
    """Counts keys.

    Args:
        path: File to use when there are too many keys for memory; made then, and deleted by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[bytes, int] = {}
        """Of the keys added last; those in the file count as they did when they were written there."""
        self._database: sqlite3.Connection | None = None
        self._filter = bytearray()

    def __contains__(self, key: object) -> bool:
        """Tell whether a key was added."""
        return key in self._counts or (isinstance(key, bytes) and self._stored(key) > 0)

    def add(self, key: bytes) -> int:
        """Add a key, and return how often it was added so far, this time included."""
        count = self._counts.get(key) or (self._stored(key) if self._database else 0)
        self._counts[key] = count + 1
        if len(self._counts) > MEMORY_KEYS:
            self._database = self._spill()
        return count + 1

    def close(self) -> None:
        """Forget everything."""
        self._counts.clear()
        if self._database is not None:
            self._database.close()
            self._database = None
            self._filter = bytearray()
            self._path.unlink()

    def _stored(self, key: bytes) -> int:
        """Return the count of a key in the file."""
        place, bit = divmod(hash(key) % _FILTER_BITS, 8)
        if self._database is None or not self._filter[place] >> bit & 1:
            return 0
        row = self._database.execute("SELECT count FROM keys WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _spill(self) -> sqlite3.Connection:
        """Write what is in memory to the file, sorted by key: one by one takes several times as long."""
        database = self._database or self._open()
        database.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?)", sorted(self._counts.items()))
        for key in self._counts:
            place, bit = divmod(hash(key) % _FILTER_BITS, 8)
            self._filter[place] |= 1 << bit
        self._counts.clear()
        return database

    def _open(self) -> sqlite3.Connection:
        # Nobody else reads the file, and it does not outlive the process: no journal, no waiting for the disk.
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        database.execute("CREATE TABLE keys (key BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")
        database.execute("BEGIN")
        self._filter = bytearray(_FILTER_BITS // 8)
        return database
