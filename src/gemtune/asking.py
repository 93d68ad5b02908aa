"""Ask prompts until each has an outcome: which errors are worth a retry, how long to wait for it, when to give up.

google-genai's own retries give up after five and ignore what the service says about when to come back; they are
left off. Under a quota, throughput is lost by sleeping long and by giving up, not by asking again soon.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any, NamedTuple

from gemtune.errors import GenerationError, ServiceError
from gemtune.predictions import SHARD_SECONDS, TOKEN_COUNTS, Prediction, PredictionStore, read_response
from gemtune.vertex import advice

PROGRESS_SECONDS = 2.0
ENOUGH_REJECTIONS = 20
"""After so many prompts, all rejected for a reason that no prompt has a part in, the rest is not sent."""

_HOPELESS = frozenset({"401", "403", "404"})
_MAX_ERROR_CHARACTERS = 500


class Failure(NamedTuple):
    """Why one attempt got no answer."""

    error: str
    """Starts with the HTTP status code, or with the name of the exception when nothing was answered."""

    is_final: bool
    """Whether the same request can only fail again."""

    delay_seconds: float = 0.0
    """What the service wants to pass before the next attempt."""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Sends prompts to one model, from any number of threads."""

    client: Any
    """google-genai client for the model's location."""

    model: str
    config: Mapping[str, Any]
    """GenerateContentConfig without the system instruction, which belongs to the prompt."""

    deadline_seconds: float
    """How long one prompt may take, all attempts and waits together."""

    sleep: Callable[[float], object] | None = None
    """Waits; by default no longer than until the run is stopped."""

    clock: Callable[[], float] = time.monotonic
    stopped: Event = field(default_factory=Event)
    """Set to have every prompt that waits for a retry fail at once."""

    def answer(self, prompt: Mapping[str, Any]) -> Prediction:
        """Return the outcome of a prompt {contents, systemInstruction?}; what the service says raises nothing.

        Raises:
            ServiceError: The credentials are not accepted.
        """
        deadline, attempts = self.clock() + self.deadline_seconds, 0
        while True:
            attempts += 1
            began = self.clock()
            result = self._attempt(prompt)
            latency_ms = round((self.clock() - began) * 1000)
            if not isinstance(result, Failure):
                return read_response(result, latency_ms=latency_ms, attempts=attempts)
            delay = max(jittered(attempts - 1), result.delay_seconds)
            if result.is_final or self.stopped.is_set() or self.clock() + delay > deadline:
                outcome = "rejected" if result.is_final else "failed"
                return Prediction(outcome=outcome, error=result.error, latency_ms=latency_ms, attempts=attempts)
            (self.sleep or self.stopped.wait)(delay)

    def _attempt(self, prompt: Mapping[str, Any]) -> Any:
        from google.genai import types

        try:
            contents = [types.Content.model_validate(turn) for turn in prompt["contents"]]
            config = types.GenerateContentConfig(**self.config, system_instruction=prompt.get("systemInstruction"))
            return self.client.models.generate_content(model=self.model, contents=contents, config=config)
        except Exception as error:
            return failure_of(error)


@dataclass(kw_only=True)
class Run:
    """The requests of one call of `generate`: sends them, keeps their answers, tells how far it is."""

    store: PredictionStore
    asker: Asker
    total: int
    reused: bool
    """Whether some prompts need no request."""

    outcomes: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    """By HTTP status code."""

    def send(self, prompts: Iterator[tuple[str, dict[str, Any]]], max_in_flight: int) -> None:
        """Answer {digest: prompt} pairs as they come; only twice `max_in_flight` are held in memory.

        A backlog as long as what is in flight keeps the workers busy while a shard is written.
        """
        running: dict[Future[Prediction], str] = {}
        pool = ThreadPoolExecutor(max_in_flight)
        try:
            self._send(prompts, pool, running, 2 * max_in_flight)
        finally:
            # On the way out of a failure, what is in flight is still waited for: it is paid.
            self.asker.stopped.set()
            pool.shutdown(cancel_futures=True)
            for future, digest in running.items():
                if not future.cancelled() and future.exception() is None:
                    self.store.add(digest, future.result())
            self.store.flush()

    def _send(
        self,
        prompts: Iterator[tuple[str, dict[str, Any]]],
        pool: ThreadPoolExecutor,
        running: dict[Future[Prediction], str],
        most: int,
    ) -> None:
        started = told = self.asker.clock()
        while True:
            for digest, prompt in islice(prompts, most - len(running)):
                running[pool.submit(self.asker.answer, prompt)] = digest
            if not running:
                break
            for future in wait(running, timeout=SHARD_SECONDS, return_when=FIRST_COMPLETED).done:
                self._take(running.pop(future), future.result())
            self.store.flush_if_due()
            if self.asker.clock() - told >= PROGRESS_SECONDS:
                told = self.asker.clock()
                self._tell(told - started)
        self._tell(self.asker.clock() - started)

    def _take(self, digest: str, prediction: Prediction) -> None:
        self.store.add(digest, prediction)
        self.outcomes[prediction.outcome] += 1
        for name in TOKEN_COUNTS:
            self.paid[name] += getattr(prediction, name)
        if prediction.outcome != "rejected":
            return
        code = prediction.error.partition(" ")[0]
        self.rejections[code] += 1
        sent = self.outcomes.total()
        is_hopeless = code in _HOPELESS and sent >= ENOUGH_REJECTIONS
        if self.rejections[code] == sent and (is_hopeless or (sent == self.total and not self.reused)):
            where = f"{self.asker.model}: all {sent} prompts rejected"
            raise GenerationError(f"{where}: {prediction.error}", next=advice(int(code), prediction.error))

    def _tell(self, seconds: float) -> None:
        done, counts = self.outcomes.total(), ", ".join(f"{name} {n}" for name, n in sorted(self.outcomes.items()))
        rate = done / seconds if seconds > 0 else 0.0
        print(f"generate: {done} of {self.total}, {rate:.1f}/s, {counts or 'nothing to send'}", file=sys.stderr)


def jittered(retries: int) -> float:
    """Return seconds to wait before the next attempt, uniform and at most 2.

    Measured against a quota of 20 requests a second: a cap of 2 s reaches 96 % of it, waits that grow to 30 s 62 %.

    Args:
        retries: Attempts that were repeated already.
    """
    return random.uniform(0.05, min(2.0, 0.25 * 2.0 ** min(retries, 8)))


def failure_of(error: Exception) -> Failure:
    """Return what an error of a google-genai call means for its request.

    Rejected for good: 4xx other than 408 (timeout) and 429 (quota), and 501, which is how an emulator says that it
    has no such route. Everything else passes.

    Raises:
        ServiceError: The credentials are not accepted.
        Exception: The error itself, if it is none of the service or the network.
    """
    import httpx
    from google.auth.exceptions import GoogleAuthError
    from google.genai.errors import APIError
    from pydantic import ValidationError

    if isinstance(error, APIError):
        is_final = error.code == 501 or (400 <= error.code < 500 and error.code not in (408, 429))
        text = f"{error.code} {error.status or ''}: {' '.join(str(error.message).split())}"
        return Failure(text[:_MAX_ERROR_CHARACTERS], is_final, 0.0 if is_final else requested_delay(error))
    if isinstance(error, ValidationError):
        # Never the message itself: it quotes the prompt.
        places = {".".join(str(part) for part in found["loc"]) for found in error.errors(include_input=False)}
        return Failure(f"400 prompt or response invalid at {', '.join(sorted(places))}"[:_MAX_ERROR_CHARACTERS], True)
    if isinstance(error, GoogleAuthError) and not error.retryable:
        raise ServiceError(f"Google credentials: {error}, expected a token", next=advice(401)) from error
    if isinstance(error, httpx.TransportError | GoogleAuthError | OSError | json.JSONDecodeError):
        return Failure(type(error).__name__, is_final=False)
    raise error


def requested_delay(error: Any) -> float:
    """Return the seconds that an APIError asks to wait, by RetryInfo or Retry-After; 0 if it does not.

    Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """
    body = error.details if isinstance(error.details, dict) else {}
    details = body.get("error", body).get("details", [])
    texts = [str(detail.get("retryDelay", "")).removesuffix("s") for detail in details if isinstance(detail, dict)]
    texts.append(getattr(error.response, "headers", {}).get("retry-after", ""))
    # Retry-After may also be a date; no Google API is known to send one.
    return max((float(text) for text in texts if text.replace(".", "", 1).isdecimal()), default=0.0)
