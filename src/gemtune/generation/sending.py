"""Send the prompts of a dataset: some at a time, each answer kept as it comes, and tell how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gemtune.errors import GenerationError
from gemtune.generation.asking import Asker, Clock, Sleep
from gemtune.generation.model_client import ModelClient
from gemtune.generation.predictions import SHARD_SECONDS, TOKEN_COUNTS, Prediction, PredictionStore
from gemtune.serving import ServedModel
from gemtune.vertex import advice

Prompts = Iterator[tuple[str, dict[str, Any]]]
"""Pairs of a prompt's digest and the prompt."""

DEADLINE_SECONDS = 300.0
"""How long one prompt may take, at least."""

PROGRESS_SECONDS = 4.0
ENOUGH_REJECTIONS = 20
"""After so many prompts, all rejected for a reason that no prompt has a part in, the rest is not sent."""

_HOPELESS = frozenset({"401", "403", "404"})


@dataclass(frozen=True, kw_only=True)
class Online:
    """Answers prompts by a request for each."""

    project: str
    served: ServedModel
    fields: Mapping[str, Any]
    """What a request has besides the prompt."""

    timeout_seconds: float
    """How long one attempt may take."""

    max_in_flight: int
    ends_at: float
    """Time of the clock after which nothing is sent."""

    sleep: Sleep | None
    clock: Clock

    def answer(self, prompts: Prompts, *, total: int, reused: bool, store: PredictionStore) -> dict[str, int]:
        """Put an answer to every prompt into the store, and return the tokens paid for.

        Args:
            prompts: What to ask.
            total: How many.
            reused: Whether other prompts need no request.
            store: Takes the answers.

        Raises:
            GenerationError, ServiceError, StorageError: See `Run.send`.
        """
        return asyncio.run(self._answer(prompts, total, reused, store))

    async def _answer(self, prompts: Prompts, total: int, reused: bool, store: PredictionStore) -> dict[str, int]:
        async with ModelClient(self.project, self.served, timeout_seconds=self.timeout_seconds) as client:
            asker = Asker(
                client=client,
                fields=self.fields,
                max_in_flight=self.max_in_flight,
                deadline_seconds=max(DEADLINE_SECONDS, 3 * self.timeout_seconds),
                ends_at=self.ends_at,
                sleep=self.sleep,
                clock=self.clock,
            )
            run = Run(store=store, asker=asker, model=self.served.model, total=total, reused=reused)
            await run.send(prompts)
        return {name: run.paid[name] for name in TOKEN_COUNTS}


@dataclass(kw_only=True)
class Run:
    """The requests of one step: sends them, keeps their answers, tells how far it is."""

    store: PredictionStore
    asker: Asker
    model: str
    total: int
    reused: bool
    """Whether some prompts need no request."""

    outcomes: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    """By HTTP status code."""

    failed_in_a_row: int = 0
    requests: int = 0
    """Attempts, of all prompts."""

    async def send(self, prompts: Prompts) -> None:
        """Answer prompts as they come; only those that are asked are held in memory.

        Raises:
            GenerationError: Every prompt was rejected for one reason, or the service does not answer any more.
            ServiceError: The credentials are not accepted.
            StorageError: Answers cannot be kept.
        """
        self._began = self._told = self.asker.clock()
        self._is_due, self._is_over = asyncio.Event(), False
        count = min(self.total, self.asker.most_active)
        workers = [asyncio.create_task(self._work(prompts)) for _ in range(count)]
        keeper = asyncio.create_task(self._keep())
        try:
            await _all_done(workers, keeper)
        finally:
            # On the way out of a failure, what is in flight is still waited for: it is paid.
            self.asker.stopped.set()
            await asyncio.gather(*workers, return_exceptions=True)
            self._is_over = True
            self._is_due.set()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._flush()
        keeper.result()
        self._tell()

    async def _work(self, prompts: Prompts) -> None:
        for digest, prompt in prompts:
            if self.asker.stopped.is_set():
                return
            self._take(digest, await self.asker.answer(prompt))
            if self.store.is_shard_full:
                self._is_due.set()

    async def _keep(self) -> None:
        """Write a shard whenever one is full or its first answer has waited long enough."""
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_due.wait(), SHARD_SECONDS)
            self._is_due.clear()
            await self._flush()
            if self.asker.clock() - self._told >= PROGRESS_SECONDS:
                self._tell()

    async def _flush(self) -> None:
        # In a thread: requests go on meanwhile. Shielded: what was taken must be written.
        if lines := self.store.take_unwritten():
            await asyncio.shield(asyncio.to_thread(self.store.write, lines))

    def _take(self, digest: str, prediction: Prediction) -> None:
        self.store.add(digest, prediction)
        self.outcomes[prediction.outcome] += 1
        self.requests += prediction.attempts
        for name in TOKEN_COUNTS:
            self.paid[name] += getattr(prediction, name)
        self.failed_in_a_row = self.failed_in_a_row + 1 if prediction.outcome == "failed" else 0
        if self.asker.stopped.is_set():
            return
        self._check_rejections(prediction)
        if self.failed_in_a_row > self.asker.most_active and self.asker.clock() < self.asker.ends_at:
            found = f"{self.model}: {self.failed_in_a_row} prompts in a row got no answer in time: {prediction.error}"
            raise self._stopping(found, "try again later: what was answered is kept")

    def _check_rejections(self, prediction: Prediction) -> None:
        if prediction.outcome != "rejected":
            return
        code = prediction.error.partition(" ")[0]
        self.rejections[code] += 1
        sent = self.outcomes.total()
        is_hopeless = code in _HOPELESS and sent >= ENOUGH_REJECTIONS
        if self.rejections[code] == sent and (is_hopeless or (sent == self.total and not self.reused)):
            found = f"{self.model}: all {sent} prompts rejected: {prediction.error}"
            raise self._stopping(found, advice(int(code), prediction.error))

    def _stopping(self, found: str, next: str) -> GenerationError:
        self.asker.stopped.set()
        return GenerationError(found, next=next)

    def _tell(self) -> None:
        self._told = self.asker.clock()
        print(
            progress_line(self.outcomes, self.paid.total(), self.requests, self.total, self._told - self._began),
            file=sys.stderr,
            flush=True,
        )


def progress_line(outcomes: Counter[str], tokens: int, requests: int, total: int, seconds: float) -> str:
    """Return one line about how far it is.

    >>> progress_line(Counter(answered=29, blocked=1), 4500, 33, 90, 2.0)
    'generate: 30 of 90, 15.0/s, 4,500 tokens, answered 29, blocked 1, 3 repeated, 4 s left'
    """
    done = outcomes.total()
    rate = done / seconds if seconds > 0 else 0.0
    counts = [f"{name} {count}" for name, count in sorted(outcomes.items())] or ["nothing to send"]
    repeated = [f"{requests - done} repeated"] if requests > done else []
    left = [f"{(total - done) / rate:.0f} s left"] if rate and done < total else []
    return ", ".join([f"generate: {done} of {total}", f"{rate:.1f}/s", f"{tokens:,} tokens", *counts, *repeated, *left])


async def _all_done(workers: list[asyncio.Task[None]], keeper: asyncio.Task[None]) -> None:
    """Wait for the workers; raise at once what one of them, or the keeper, raises."""
    running = set(workers)
    while running:
        done, _ = await asyncio.wait({*running, keeper}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        running -= done
