"""An index of keys that counts them: in memory while it is small, in a temporary SQLite file when it is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

MEMORY_KEYS = 50_000
"""Keys that an index holds in memory: about 8 MB."""

CACHE_KIB = 8_000
"""Memory that SQLite may use for one index."""


class KeyIndex:
    """Counts keys.

    Args:
        path: File to use when there are too many keys for memory; made then, and deleted by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[bytes, int] = {}
        self._database: sqlite3.Connection | None = None

    def __contains__(self, key: object) -> bool:
        """Tell whether a key was added."""
        if self._database is None:
            return key in self._counts
        return self._database.execute("SELECT 1 FROM keys WHERE key = ?", (key,)).fetchone() is not None

    def add(self, key: bytes) -> int:
        """Add a key, and return how often it was added so far, this time included."""
        if self._database is None:
            self._counts[key] = count = self._counts.get(key, 0) + 1
            if len(self._counts) > MEMORY_KEYS:
                self._database = self._spill()
            return count
        row = self._database.execute(
            "INSERT INTO keys VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count", (key,)
        ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Forget everything."""
        self._counts.clear()
        if self._database is not None:
            self._database.close()
            self._database = None
            self._path.unlink()

    def _spill(self) -> sqlite3.Connection:
        # Nobody else reads the file, and it does not outlive the process: no journal, no waiting for the disk.
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        database.execute("CREATE TABLE keys (key BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")
        database.execute("BEGIN")
        database.executemany("INSERT INTO keys VALUES (?, ?)", sorted(self._counts.items()))
        self._counts.clear()
        return database
