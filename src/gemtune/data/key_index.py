"""An index of keys that counts them: in memory while it is small, in a temporary SQLite file when it is not.

A dict takes 150 bytes a key and SQLite several times as long, so keys go from one to the other in runs: packed and
sorted in memory, 16 bytes a key.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from pathlib import Path

MEMORY_KEYS = 20_000
"""Keys that an index holds unpacked: about 3 MB."""

MOST_RUNS = 12
"""Packed runs that an index holds in memory: about 4 MB."""

CACHE_KIB = 2_000
"""Memory that SQLite may use for one index."""

_FILTER_BITS = 1 << 22
"""Bits that tell which keys are not stored: after a million keys, 3 in 4 new ones need not be looked up."""

_WRITE = "INSERT OR REPLACE INTO keys VALUES (?, ?)"


class KeyIndex:
    """Counts keys, which all have the same length.

    Args:
        path: File to use when there are too many keys for memory; made then, and deleted by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[bytes, int] = {}
        """Of the keys added last; those that are stored, too, count as they do here."""
        self._runs: list[bytes] = []
        """Keys that were added once before, in order, one run after the other."""
        self._database: sqlite3.Connection | None = None
        self._filter = bytearray()

    def __contains__(self, key: object) -> bool:
        """Tell whether a key was added."""
        return key in self._counts or (isinstance(key, bytes) and self._stored(key) > 0)

    def add(self, key: bytes) -> int:
        """Add a key, and return how often it was added so far, this time included."""
        count = self._counts.get(key) or (self._stored(key) if self._filter else 0)
        self._counts[key] = count + 1
        if len(self._counts) > MEMORY_KEYS:
            self._make_room()
        return count + 1

    def close(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._runs.clear()
        self._filter = bytearray()
        if self._database is not None:
            self._database.close()
            self._database = None
            self._path.unlink()

    def _stored(self, key: bytes) -> int:
        """Return the count of a key in a run or in the file."""
        place, bit = divmod(hash(key) % _FILTER_BITS, 8)
        if not self._filter or not self._filter[place] >> bit & 1:
            return 0
        if any(_is_in(run, key) for run in self._runs):
            return 1
        if self._database is None:
            return 0
        row = self._database.execute("SELECT count FROM keys WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _make_room(self) -> None:
        """Store the keys of the dict: packed as long as there is room for that, and most came once."""
        self._filter = self._filter or bytearray(_FILTER_BITS // 8)
        for key in self._counts:
            place, bit = divmod(hash(key) % _FILTER_BITS, 8)
            self._filter[place] |= 1 << bit
        once = sorted(key for key, count in self._counts.items() if count == 1)
        if len(self._runs) < MOST_RUNS and len(once) > MEMORY_KEYS // 2:
            self._runs.append(b"".join(once))
            self._counts = {key: count for key, count in self._counts.items() if count > 1}
        else:
            self._spill()

    def _spill(self) -> None:
        """Write what is in memory to the file, sorted by key: one by one takes several times as long."""
        self._database = self._database or self._open()
        length = len(next(iter(self._counts)))
        for run in self._runs:
            self._database.executemany(_WRITE, ((run[at : at + length], 1) for at in range(0, len(run), length)))
        self._database.executemany(_WRITE, sorted(self._counts.items()))  # last: these are their counts now
        self._runs.clear()
        self._counts.clear()

    def _open(self) -> sqlite3.Connection:
        # Nobody else reads the file, and it does not outlive the process: no journal, no waiting for the disk.
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        database.execute("CREATE TABLE keys (key BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")
        database.execute("BEGIN")
        return database


def _is_in(run: bytes, key: bytes) -> bool:
    length = len(key)
    place = bisect_left(range(len(run) // length), key, key=lambda place: run[place * length : (place + 1) * length])
    return run[place * length : (place + 1) * length] == key
