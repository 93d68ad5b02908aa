"""Ask a model every prompt of a dataset: bounded in memory, each prompt accounted for, no answer paid for twice."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gemtune.catalog import Catalog
from gemtune.errors import DataError, SpecError
from gemtune.generation.asking import Clock, Sleep
from gemtune.generation.batch import Batch
from gemtune.generation.predictions import TOKEN_COUNTS, PredictionStore, digest_of
from gemtune.generation.sending import Online, Prompts
from gemtune.generation.settings import GenerationSettings, request_fields
from gemtune.labels import RUN_LABEL, label_value
from gemtune.records import read_records, to_line, write_records
from gemtune.serving import ServedModel
from gemtune.storage import Storage

MODES = ("online", "batch")


def generate(
    *,
    project: str,
    bucket: str,
    prompts_uri: str,
    served: ServedModel,
    settings: GenerationSettings,
    max_in_flight: int,
    max_age_days: float,
    output: Path,
    storage: Storage,
    catalog: Catalog,
    mode: str = "online",
    deadline_hours: float = 24.0,
    job_id: str = "",
    sleep: Sleep | None = None,
    clock: Clock = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Write one prediction for each prompt, in the order of the prompts, and return the counts.

    Answers that are in the store are not asked for again, nor is a prompt that occurs twice.

    Args:
        project: Google Cloud project that pays.
        bucket: Bucket of the prediction store.
        prompts_uri: test.jsonl with {id, prompt} in each line.
        served: The model.
        settings: How to ask it.
        max_in_flight: Requests under way at once, at most.
        max_age_days: Older stored answers are ignored.
        output: predictions.jsonl.
        storage: Where prompts and store are.
        catalog: Tells what the model ignores or refuses, and how its thinking is set.
        mode: online (a request for each prompt) or batch (a job for all of them, at half the price).
        deadline_hours: After that nothing more is sent or waited for.
        job_id: Id of the pipeline job, which labels the answers and batch jobs that it pays for.
        sleep: Passes time, for a clock that is not the real one.
        clock: Tells seconds.
        now: Tells the time, UTC.

    Returns:
        outcomes {name: prompts}, prompts, prompt_tokens, output_tokens and thinking_tokens of all predictions,
        paid {the same three, of the prompts of this run}, model_versions, sent (prompts), reused (prompts that needed
        no request), not_sent (settings that the model ignores or refuses).

    Raises:
        SpecError: A setting does not fit the model.
        DataError: There are no prompts.
        GenerationError: Every prompt was rejected for one reason, or the service does not answer any more.
    """
    if mode not in MODES:
        raise SpecError(f"generation_mode is {mode!r}, expected one of {', '.join(MODES)}")
    fields, not_sent = request_fields(settings, served.base_model, catalog)
    if not_sent:
        print(f"generate: {served.base_model} takes no {', '.join(not_sent)}: not sent", file=sys.stderr)
    labels = {RUN_LABEL: label_value(job_id)} if job_id else {}
    ask: Online | Batch
    if mode == "online":
        ask = Online(
            project=project,
            served=served,
            fields=fields,
            timeout_seconds=settings.request_timeout_seconds,
            max_in_flight=max_in_flight,
            ends_at=clock() + deadline_hours * 3600,
            sleep=sleep,
            clock=clock,
        )
    else:
        ask = Batch(
            project=project,
            served=served,
            fields=fields,
            folder_uri=f"gs://{bucket}/gemtune/batches",
            labels=labels,
            storage=storage,
            adopt_after=now() - timedelta(days=max_age_days),
            ends_at=clock() + deadline_hours * 3600,
            sleep=sleep or time.sleep,
            clock=clock,
        )
    with tempfile.TemporaryDirectory() as name:
        prompts = Path(name) / "prompts.jsonl"
        _download(prompts_uri, prompts, storage)
        uri = f"gs://{bucket}/gemtune/predictions/{_key(served.model, fields)}"
        with closing(PredictionStore(uri, storage=storage, folder=Path(name), now=now, labels=labels)) as store:
            store.load(max_age_days)
            digests = [digest_of(record["prompt"]) for record in read_records(prompts)]
            pending = {digest for digest in digests if digest not in store}
            sent, reused = len(pending), len(pending) < len(set(digests))
            paid = ask.answer(_unanswered(prompts, digests, pending), total=sent, reused=reused, store=store)
            summary = _write(prompts, digests, store, output)
    return {**summary, "sent": sent, "reused": summary["prompts"] - sent, "paid": paid, "not_sent": not_sent}


def _download(prompts_uri: str, path: Path, storage: Storage) -> None:
    if prompts_uri:
        storage.download(prompts_uri, path)
    if not prompts_uri or path.stat().st_size == 0:
        raise DataError(
            f"{prompts_uri or 'prompts'}: no prompt found, expected at least one",
            next="give test_data, or a test_fraction above 0",
        )


def _key(model: str, fields: Mapping[str, Any]) -> str:
    """Return what decides an answer besides the prompt, as a digest; how patiently it is asked does not."""
    return hashlib.sha256(to_line({"model": model, "fields": fields}).encode()).hexdigest()


def _unanswered(prompts: Path, digests: Sequence[str], pending: set[str]) -> Prompts:
    """Yield each pending prompt once."""
    for record, digest in zip(read_records(prompts), digests, strict=True):
        if digest in pending:
            pending.discard(digest)
            yield digest, record["prompt"]


def _write(prompts: Path, digests: Sequence[str], store: PredictionStore, output: Path) -> dict[str, Any]:
    """Write predictions.jsonl and count what is in it."""
    outcomes: Counter[str] = Counter()
    tokens = Counter(dict.fromkeys(TOKEN_COUNTS, 0))
    versions: set[str] = set()

    def lines() -> Iterator[dict[str, Any]]:
        for record, digest in zip(read_records(prompts), digests, strict=True):
            prediction = store.get(digest)
            outcomes[prediction.outcome] += 1
            for name in TOKEN_COUNTS:
                tokens[name] += getattr(prediction, name)
            versions.update({prediction.model_version} - {""})
            yield {"id": record["id"], **vars(prediction)}

    count = write_records(output, lines())
    return {"outcomes": dict(outcomes), **tokens, "model_versions": sorted(versions), "prompts": count}
