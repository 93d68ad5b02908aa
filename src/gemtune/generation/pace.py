"""How many requests may be under way at once: as many as allowed, fewer while the service says that it has no room.

What costs throughput under a quota is sleeping long and giving up. So the number of requests follows the share of
refusals (429) of the last round trip, and stays where it is in between: a service that refuses one in ten at random
is not slowed down for, one that refuses most is. Measured beside other controllers in `scripts/benchmark.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

MUCH_REFUSED = 0.5
"""Above this share of refusals in a round there are too many requests under way."""

LITTLE_REFUSED = 0.3
"""Below it there is room for more."""

DECREASE = 0.75
INCREASE = 0.1
RESTART_LIMIT = 8
"""Requests under way when a pause is over; doubled every round, until much is refused."""

PAUSE_SECONDS = 2.0
"""The service's wish to wait longer than this holds for every request; a shorter one is as good as our own waits."""

_ROUND_OUTCOMES = 10
_ROUND_SECONDS = 0.3  # until the first answer tells


class Pace:
    """Lets requests start while fewer than a limit are under way. For one event loop.

    Args:
        most: Requests under way at once, at most; the limit starts here.
        clock: Tells seconds.
        sleep: Waits.
    """

    def __init__(self, most: int, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> None:
        self.most = most
        self.limit = float(most)
        self.answered_at = clock()
        """When the service last gave an answer to anybody."""
        self._clock = clock
        self._sleep = sleep
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._doubling = False
        self._paused_until = 0.0
        self._answered = self._refused = 0
        self._round_began = clock()
        self._round_seconds = _ROUND_SECONDS

    async def enter(self, *, first: bool = False) -> None:
        """Wait for room and for the end of a pause.

        Args:
            first: Go before those that wait already: a prompt that was asked before, so that none is left for last.
        """
        while True:
            while (left := self._paused_until - self._clock()) > 0:
                await self._sleep(left + random.uniform(0, 0.25))
            if self._under_way < int(self.limit):
                self._under_way += 1
                return
            turn = asyncio.get_running_loop().create_future()
            (self._waiting.appendleft if first else self._waiting.append)(turn)
            await turn

    def leave(self) -> None:
        """Give the room back, whatever became of the request."""
        self._under_way -= 1
        self._let_in()

    def answered(self, seconds: float) -> None:
        """Count an answer, which took so many seconds."""
        self.answered_at = self._clock()
        self._round_seconds += 0.1 * (seconds - self._round_seconds)
        self._answered += 1
        self._adapt()

    def refused(self, delay_seconds: float) -> None:
        """Count a 429, and stop everything for as long as the service wants if that is long."""
        self._refused += 1
        self._adapt()
        if delay_seconds > PAUSE_SECONDS and self._clock() + delay_seconds > self._paused_until:
            self._paused_until = self._clock() + delay_seconds
            self.limit = min(self.limit, RESTART_LIMIT)
            self._doubling = True
            self._begin_round(self._paused_until)

    def _adapt(self) -> None:
        """Once a round trip, choose the limit by the share of refusals; 5xx and timeouts say nothing about room."""
        total, now = self._answered + self._refused, self._clock()
        if now - self._round_began < self._round_seconds or total < min(_ROUND_OUTCOMES, self.limit):
            return
        share = self._refused / total
        if share > MUCH_REFUSED:
            self.limit, self._doubling = max(1.0, self.limit * DECREASE), False
        elif share < LITTLE_REFUSED:
            more = self.limit if self._doubling else max(0.5, INCREASE * self.limit)
            self.limit = min(float(self.most), self.limit + more)
        self._begin_round(now)
        self._let_in()

    def _begin_round(self, now: float) -> None:
        self._answered = self._refused = 0
        self._round_began = now

    def _let_in(self) -> None:
        """Wake as many as there is room for; each takes its room itself, once it runs."""
        room = int(self.limit) - self._under_way
        while self._waiting and room > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1
