"""Ask a prompt until it has an outcome: attempt after attempt, within a limit on requests and a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gemtune.generation.failures import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, Failure, jittered
from gemtune.generation.pace import PAUSE_SECONDS, Pace
from gemtune.generation.predictions import Prediction
from gemtune.generation.responses import read_response

Clock = Callable[[], float]
Sleep = Callable[[float], object]


class Client(Protocol):
    """What sends a request: `gemtune.generation.model_client.ModelClient`."""

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | Failure:
        """Send a request once."""


@dataclass(kw_only=True)
class Asker:
    """Asks one model, any number of prompts at a time, from one event loop."""

    client: Client
    fields: Mapping[str, Any]
    """What a request has besides the prompt."""

    max_in_flight: int
    deadline_seconds: float
    """How long one prompt may take from its first attempt on, waits included. While the model answers others, a prompt
    that meets only the quota goes on waiting: that is not its own trouble."""

    ends_at: float = float("inf")
    """Time of the clock after which no attempt is made."""

    clock: Clock = time.monotonic
    sleep: Sleep | None = None
    """Passes time, for a clock that is not the real one; by default it is waited, but for a run that is stopped."""

    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to have every prompt that has no answer fail at once."""

    def __post_init__(self) -> None:
        self.pace = Pace(self.max_in_flight, clock=self.clock, sleep=self._wait)
        self.active = 0

    @property
    def most_active(self) -> int:
        """Prompts to ask at a time: one that waits for its next attempt makes room for another."""
        return 2 * self.max_in_flight

    async def answer(self, prompt: Mapping[str, Any]) -> Prediction:
        """Return the outcome of a prompt {contents, systemInstruction?}; what the service says raises nothing.

        Raises:
            ServiceError: The credentials are not accepted.
        """
        self.active += 1
        try:
            return await self._answer({**self.fields, **prompt})
        finally:
            self.active -= 1

    async def _answer(self, request: Mapping[str, Any]) -> Prediction:
        began, attempts = None, 0
        while True:
            await self.pace.enter(first=attempts > 0)
            sent_at = self.clock()
            began = sent_at if began is None else began
            if self.stopped.is_set() or sent_at >= self.ends_at:
                self.pace.leave()
                return Prediction(outcome="failed", error="not sent: the step's time is over", attempts=attempts)
            result = await self._attempt(request, sent_at)
            attempts += 1
            latency_ms = round((self.clock() - sent_at) * 1000)
            if not isinstance(result, Failure):
                return read_response(result, latency_ms=latency_ms, attempts=attempts)
            delay = self._delay(result, attempts - 1)
            if result.is_final or self.stopped.is_set() or self.clock() + delay > self._deadline(began, result):
                outcome = "rejected" if result.is_final else "failed"
                return Prediction(outcome=outcome, error=result.error, latency_ms=latency_ms, attempts=attempts)
            await self._wait(delay)

    async def _attempt(self, request: Mapping[str, Any], sent_at: float) -> dict[str, Any] | Failure:
        try:
            result = await self.client.ask(request)
        finally:
            self.pace.leave()
        if not isinstance(result, Failure):
            self.pace.answered(self.clock() - sent_at)
        elif result.is_quota:
            self.pace.refused(result.delay_seconds)
        return result

    def _delay(self, failure: Failure, retries: int) -> float:
        """Return how long to wait before the next attempt.

        Under a quota, a short wish of the service is as good as our own wait, a long one pauses everything. And with
        few prompts left each waits less: the attempts of all together stay as frequent, and the quota used.
        """
        if not failure.is_quota:
            return max(jittered(retries), failure.delay_seconds)
        if failure.delay_seconds > PAUSE_SECONDS:
            return failure.delay_seconds
        share = min(1.0, self.active / self.most_active)
        return jittered(retries, max(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS * share))

    def _deadline(self, began: float, failure: Failure) -> float:
        counted_from = max(began, self.pace.answered_at) if failure.is_quota else began
        return min(counted_from + self.deadline_seconds, self.ends_at)

    async def _wait(self, seconds: float) -> None:
        if self.sleep:
            self.sleep(seconds)
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopped.wait(), seconds)
