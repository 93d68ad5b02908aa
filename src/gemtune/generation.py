"""Ask a model every prompt of a dataset: bounded in memory, each prompt accounted for, no answer paid for twice."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gemtune.asking import Asker, Run
from gemtune.catalog import Catalog
from gemtune.errors import DataError
from gemtune.predictions import TOKEN_COUNTS, PredictionStore, digest_of
from gemtune.records import read_records, to_line, write_records
from gemtune.serving import ServedModel
from gemtune.storage import Storage
from gemtune.vertex import genai_client

HARM_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How the model is asked; equal for both sides of a comparison. -1 and empty leave a setting to the service."""

    temperature: float = -1.0
    top_p: float = -1.0
    top_k: int = -1
    max_output_tokens: int = 1024
    """Limit of the answer, thinking included."""

    seed: int = -1
    stop_sequences: tuple[str, ...] = ()
    safety_threshold: str = ""
    """HarmBlockThreshold for all four categories of harm."""

    thinking: str = "default"
    """default (not sent), minimal, a level, or a budget in tokens as digits."""

    request_timeout_seconds: float = 120
    """How long one attempt may take."""


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
    sleep: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
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
        max_in_flight: Requests under way at once.
        max_age_days: Older stored answers are ignored.
        output: predictions.jsonl.
        storage: Where prompts and store are.
        catalog: Tells what the model ignores, and how its thinking is set.
        sleep: Waits before a retry; by default until the run is stopped, too.
        clock: Tells seconds.
        now: Tells the time, UTC.

    Returns:
        outcomes {name: prompts}, prompts, prompt_tokens, output_tokens and thinking_tokens of all predictions,
        paid {the same three, of this run's requests}, model_versions, sent (requests), reused (prompts that needed
        none), not_sent (settings that the model ignores).

    Raises:
        SpecError: A setting does not fit the model.
        DataError: There are no prompts.
        GenerationError: Every prompt was rejected for one reason.
    """
    config, not_sent = request_config(settings, served.base_model, catalog)
    with tempfile.TemporaryDirectory() as name:
        prompts = Path(name) / "prompts.jsonl"
        _download(prompts_uri, prompts, storage)
        uri = f"gs://{bucket}/gemtune/predictions/{_key(served.model, config)}"
        with closing(PredictionStore(uri, storage=storage, folder=Path(name), now=now, clock=clock)) as store:
            store.load(max_age_days)
            digests = {digest_of(record["prompt"]) for record in read_records(prompts)}
            pending = {digest for digest in digests if digest not in store}
            asker = Asker(
                client=genai_client(project, served.location, timeout_seconds=settings.request_timeout_seconds),
                model=served.model,
                config=config,
                deadline_seconds=max(300.0, 3 * settings.request_timeout_seconds),
                sleep=sleep,
                clock=clock,
            )
            run = Run(store=store, asker=asker, total=len(pending), reused=len(pending) < len(digests))
            run.send(_unanswered(prompts, pending), max_in_flight)
            summary = _write(prompts, store, output)
    sent = run.outcomes.total()
    paid = {name: run.paid[name] for name in TOKEN_COUNTS}
    return {**summary, "sent": sent, "reused": summary["prompts"] - sent, "paid": paid, "not_sent": not_sent}


def request_config(settings: GenerationSettings, base_model: str, catalog: Catalog) -> tuple[dict[str, Any], list[str]]:
    """Return what is sent with every prompt, as GenerateContentConfig, and which settings are left out.

    A setting that the model ignores is not sent: it would look as if it had counted.

    Args:
        settings: What the spec asks for.
        base_model: Id of the base model, of a tuned model also; empty if unknown.
        catalog: Tells what the model ignores, and how its thinking is set.

    Raises:
        SpecError: The model has no such level or budget of thinking.
    """
    model = catalog.find(base_model)
    ignored = model.ignored_parameters if model else ()
    wanted = {
        name: getattr(settings, name)
        for name in ("temperature", "top_p", "top_k", "seed")
        if getattr(settings, name) >= 0
    }
    config = {name: value for name, value in wanted.items() if name not in ignored}
    config["max_output_tokens"] = settings.max_output_tokens
    if settings.stop_sequences:
        config["stop_sequences"] = list(settings.stop_sequences)
    if settings.safety_threshold:
        config["safety_settings"] = [
            {"category": f"HARM_CATEGORY_{category}", "threshold": settings.safety_threshold}
            for category in HARM_CATEGORIES
        ]
    if thinking := catalog.thinking_config(base_model, settings.thinking):
        config["thinking_config"] = thinking
    return config, sorted(wanted.keys() - config.keys())


def _download(prompts_uri: str, path: Path, storage: Storage) -> None:
    if prompts_uri:
        storage.download(prompts_uri, path)
    if not prompts_uri or path.stat().st_size == 0:
        raise DataError(
            f"{prompts_uri or 'prompts'}: no prompt found, expected at least one",
            next="give test_data, or a test_fraction above 0",
        )


def _key(model: str, config: Mapping[str, Any]) -> str:
    """Return what decides an answer besides the prompt, as a digest; how patiently it is asked does not."""
    return hashlib.sha256(to_line({"model": model, "config": config}).encode()).hexdigest()


def _unanswered(prompts: Path, pending: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each pending prompt once."""
    for record in read_records(prompts):
        digest = digest_of(record["prompt"])
        if digest in pending:
            pending.discard(digest)
            yield digest, record["prompt"]


def _write(prompts: Path, store: PredictionStore, output: Path) -> dict[str, Any]:
    """Write predictions.jsonl and count what is in it."""
    outcomes: Counter[str] = Counter()
    tokens = Counter(dict.fromkeys(TOKEN_COUNTS, 0))
    versions: set[str] = set()

    def lines() -> Iterator[dict[str, Any]]:
        for record in read_records(prompts):
            prediction = store.get(digest_of(record["prompt"]))
            outcomes[prediction.outcome] += 1
            for name in TOKEN_COUNTS:
                tokens[name] += getattr(prediction, name)
            versions.update({prediction.model_version} - {""})
            yield {"id": record["id"], **asdict(prediction)}

    count = write_records(output, lines())
    return {"outcomes": dict(outcomes), **tokens, "model_versions": sorted(versions), "prompts": count}
