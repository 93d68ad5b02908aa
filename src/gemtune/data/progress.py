"""Progress: one line on stderr that says how far the reading is; rewritten on a terminal, repeated in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

ON_TERMINAL, IN_LOG = 0.2, 15.0
"""Seconds between two lines."""


class Progress:
    """Counts what was read, and says so from time to time: a short run says nothing in a log.

    Args:
        total: Bytes of all files.
        what: What is done, as the line begins.
        out: Where the line goes; stderr if None.
        clock: Seconds.
    """

    def __init__(
        self, total: int, what: str, *, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.records = 0
        """Records read so far; to be counted by who reads them."""
        self._out = out or sys.stderr
        self._total, self._what, self._clock = max(total, 1), what, clock
        self._is_terminal = self._out.isatty()
        self._started = self._said = clock()
        self._done = self._size = 0
        self._has_line = False

    def open(self, size: int) -> None:
        """Begin a file of so many bytes."""
        self._size = size

    def move(self, at: int) -> None:
        """Say that the file was read up to this byte."""
        now = self._clock()
        if now - self._said >= (ON_TERMINAL if self._is_terminal else IN_LOG):
            self._said = now
            self._say(self._done + min(at, self._size), now)

    def close(self) -> None:
        """End a file."""
        self._done += self._size
        self.move(0)

    def finish(self) -> None:
        """End the line on a terminal."""
        if self._has_line and self._is_terminal:
            self._say(self._total, self._clock())
            self._out.write("\n")

    def _say(self, done: int, now: float) -> None:
        share = min(done / self._total, 1.0)
        speed = self.records / max(now - self._started, 1e-9)
        bar = "█" * int(share * 20) + "░" * (20 - int(share * 20))
        text = f"{self._what}: {bar} {share:4.0%}  {self.records:,} records, {speed:,.0f} a second"
        self._out.write(f"\r{text}\x1b[K" if self._is_terminal else f"{text}\n")
        self._out.flush()
        self._has_line = True
