"""Batch mode: a job of the service answers the prompts within a day, at half the price of single requests.

A job is found again by its name, which is made of model and input: a step that is started again waits for the job
that the killed one created, and nothing is paid for twice.
Source: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gemtune.errors import GenerationError, ServiceError
from gemtune.generation.failures import failure_of
from gemtune.generation.predictions import TOKEN_COUNTS, Prediction, PredictionStore, digest_of
from gemtune.generation.responses import read_response
from gemtune.generation.sending import Prompts
from gemtune.records import read_records, to_line
from gemtune.serving import ServedModel, resolve_batch_model
from gemtune.storage import Storage
from gemtune.vertex import console_url, genai_client, location_of

MAX_PROMPTS, MAX_BYTES = 200_000, 900_000_000
"""Requests that one job takes, and somewhat less than the 1 GB of its input."""

POLL_SECONDS = 30.0
KEY = "key"
"""Our own field of an input line; the service hands it on to the output, whose order is another one."""

_LIVE = frozenset({"JOB_STATE_QUEUED", "JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_PAUSED"})
_ENDED = frozenset({"JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"})
_DONE = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"})


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Answers prompts by batch jobs."""

    project: str
    served: ServedModel
    fields: Mapping[str, Any]
    """What a request has besides the prompt."""

    folder_uri: str
    """Where inputs and outputs are kept."""

    labels: Mapping[str, str]
    """Labels of a new job."""

    storage: Storage
    adopt_after: datetime
    """An older job that has ended is not taken over: its answers are too old."""

    ends_at: float
    """Time of the clock after which a job is not waited for."""

    sleep: Callable[[float], object]
    clock: Callable[[], float]

    def answer(self, prompts: Prompts, *, total: int, reused: bool, store: PredictionStore) -> dict[str, int]:
        """Put an answer to every prompt into the store, and return the tokens paid for.

        Args:
            prompts: What to ask.
            total: How many.
            reused: Whether other prompts need no request.
            store: Takes the answers.

        Raises:
            GenerationError: A job failed, was cancelled or does not end in time.
            ServiceError: The service refuses a job.
            SpecError: The model cannot be asked in batch mode.
        """
        paid: Counter[str] = Counter()
        if total:
            model = resolve_batch_model(self.served, self.project)
            client = genai_client(self.project, self._location(model))
            while part := self._upload(prompts):
                self._answer_part(*part, model, client, store, paid)
        return {name: paid[name] for name in TOKEN_COUNTS}

    def _location(self, model: str) -> str:
        return location_of(model) if model.startswith("projects/") else self.served.location

    def _upload(self, prompts: Prompts) -> tuple[str, set[str]] | None:
        """Write as many prompts as one job takes; return the object's URI and their digests, or None at their end."""
        digests: set[str] = set()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input.jsonl"
            with path.open("w", encoding="utf-8") as file:
                for digest, prompt in prompts:
                    file.write(to_line({KEY: digest, "request": {**self.fields, **prompt}}) + "\n")
                    digests.add(digest)
                    if len(digests) >= MAX_PROMPTS or file.tell() >= MAX_BYTES:
                        break
            if not digests:
                return None
            return self.storage.upload_by_content(path, f"{self.folder_uri}/input", ".jsonl"), digests

    def _answer_part(
        self, source: str, missing: set[str], model: str, client: Any, store: PredictionStore, paid: Counter[str]
    ) -> None:
        # The same lines for another model are another job.
        name = "gemtune-" + hashlib.sha256(f"{model} {source}".encode()).hexdigest()[:40]
        job = self._find(client, name) or self._create(client, name, model, source)
        job = self._wait(client, job)
        for digest, prediction in self._read(job):
            if digest in missing:
                missing.discard(digest)
                store.add(digest, prediction)
                paid.update({count: getattr(prediction, count) for count in TOKEN_COUNTS})
            if store.is_shard_full:
                store.write(store.take_unwritten())
        for digest in missing:
            store.add(digest, Prediction(outcome="failed", error=f"no line in the output of {job.name}"))
        store.write(store.take_unwritten())

    def _find(self, client: Any, name: str) -> Any:
        """Return the job that an earlier run created for the same prompts, unless it is of no use any more."""

        def is_useful(job: Any) -> bool:
            state = job.state.value
            answered = int((job.completion_stats and job.completion_stats.successful_count) or 0)
            return state in _LIVE or (state in _DONE and answered > 0 and job.create_time > self.adopt_after)

        def find() -> Any:
            # Newest first. On our side: that the service filters by name is not verified live.
            jobs = (job for job in client.batches.list() if job.display_name == name and is_useful(job))
            return next(jobs, None)

        if job := self._repeated("look for a job", find):
            print(f"generate: goes on with {job.name}", file=sys.stderr, flush=True)
        return job

    def _create(self, client: Any, name: str, model: str, source: str) -> Any:
        """Create a job, asking once: the service has no key to make a second request harmless."""
        output = f"{self.folder_uri}/output/{name}"
        try:
            job = client.batches.create(model=model, src=source, config=self._config(name, output))
        except Exception as error:
            failure = failure_of(error)
            if failure.is_final or not (found := self._find(client, name)):
                raise ServiceError(f"{model}: no batch job: {failure.error}", next="try again") from error
            return found
        page = console_url(job.name, self.project)
        print(f"generate: created {job.name} {page}".rstrip(), file=sys.stderr, flush=True)
        return job

    def _config(self, name: str, output: str) -> dict[str, Any]:
        """Return what a job is created with; google-genai has no field for labels (2.34)."""
        body = {"extra_body": {"labels": dict(self.labels)}} if self.labels else {}
        return {"display_name": name, "dest": output, "http_options": body}

    def _wait(self, client: Any, job: Any) -> Any:
        pause, told = 1.0, ""
        while job.state.value not in _DONE:
            line = f"generate: {job.state.value}{_counts(job.completion_stats)}"
            if line != told:
                print(told := line, file=sys.stderr, flush=True)
            if job.state.value in _ENDED:
                reason = job.error.message if job.error else "no reason given"
                raise GenerationError(
                    f"{job.name}: ended {job.state.value}: {reason}", next="see its page, run it again"
                )
            if self.clock() + pause > self.ends_at:
                next = "run it again to go on waiting, or cancel the job"
                raise GenerationError(
                    f"{job.name}: is {job.state.value} at the step's deadline, expected an end", next=next
                )
            self.sleep(pause)
            pause = min(POLL_SECONDS, 1.5 * pause)
            job = self._repeated("read the job", lambda: client.batches.get(name=job.name))  # noqa: B023
        return job

    def _repeated(self, what: str, call: Callable[[], Any]) -> Any:
        """Read from the service, again and again while it is busy."""
        while True:
            try:
                return call()
            except Exception as error:
                failure = failure_of(error)
                if failure.is_final or self.clock() + POLL_SECONDS > self.ends_at:
                    raise ServiceError(f"batch: could not {what}: {failure.error}", next="try again") from error
                self.sleep(max(5.0, failure.delay_seconds))

    def _read(self, job: Any) -> Iterator[tuple[str, Prediction]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "output.jsonl"
            for uri in self.storage.find(f"{job.output_info.gcs_output_directory}/*.jsonl"):
                self.storage.download(uri, path)
                yield from map(read_line, read_records(path))


def read_line(line: Mapping[str, Any]) -> tuple[str, Prediction]:
    """Return the prompt's digest and its outcome of a line of output.

    A row that failed has a status and no response. That a status starts with or contains the HTTP code or its name is
    an assumption: such a row is rejected if it says that the request is invalid, and failed otherwise.
    """
    request = line.get("request") or {}
    echoed = {name: request[name] for name in ("contents", "systemInstruction") if name in request}
    digest = str(line.get(KEY) or digest_of(echoed))
    if response := line.get("response"):
        return digest, read_response(response, latency_ms=0, attempts=1)
    status = line.get("status") or "no response"
    text = " ".join((status if isinstance(status, str) else json.dumps(status)).split())
    is_invalid = re.search(r"\b(400|INVALID_ARGUMENT|FAILED_PRECONDITION)\b", text)
    error = f"400 {text}" if is_invalid else text
    return digest, Prediction(outcome="rejected" if is_invalid else "failed", error=error[:500])


def _counts(stats: Any) -> str:
    if stats is None:
        return ""
    done, failed = int(stats.successful_count or 0), int(stats.failed_count or 0)
    return f", {done} answered, {failed} failed, {max(0, int(stats.incomplete_count or 0))} left"
