"""The champion: the model of a spec that was promoted last, which `baseline_model: promoted` compares with."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gemtune.errors import ServiceError
from gemtune.storage import Storage
from gemtune.vertex import resource_exists

if TYPE_CHECKING:
    from gemtune.comparison.decision import Decision

PROMOTED = "promoted"
"""What `baseline_model` says for the champion."""
SCHEMA = "gemtune.promoted/1"


def promoted_uri(bucket: str, name: str) -> str:
    """Return where the promoted model of a spec is written down."""
    return f"gs://{bucket}/gemtune/promoted/{name}.json"


def read_pointer(bucket: str, name: str, storage: Storage) -> dict[str, Any]:
    """Return what was written down at the last promotion of a spec; empty if there was none.

    Raises:
        StorageError: The bucket cannot be read.
        ServiceError: The object there is no such pointer.
    """
    uri = promoted_uri(bucket, name)
    found = storage.read_versioned(uri)
    if found is None:
        return {}
    try:
        pointer = json.loads(found[0])
        if pointer["schema"] == SCHEMA and pointer["endpoint"].startswith("projects/"):
            return dict(pointer)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ServiceError(f"{uri}: found no {SCHEMA}, expected the pointer that a promotion writes", next=_way_out(uri))


def find_baseline(baseline_model: str, *, project: str, bucket: str, name: str) -> str:
    """Return the model that a run compares with: what the spec names, or the endpoint of the champion.

    Args:
        baseline_model: As in the spec; ``promoted`` for the champion.
        project: Google Cloud project that asks.
        bucket: Bucket of the pipeline.
        name: Name of the tuning spec.

    Returns:
        The model's name; empty for the base model, as long as nothing was promoted.

    Raises:
        ServiceError: The champion's endpoint is gone.
    """
    if baseline_model != PROMOTED:
        return baseline_model
    uri = promoted_uri(bucket, name)
    pointer = read_pointer(bucket, name, Storage(project))
    if not pointer:
        _say(f"baseline_model: promoted, but nothing is in {uri}: the baseline is the base model")
        return ""
    endpoint = str(pointer["endpoint"])
    if not resource_exists(endpoint, project=project):
        raise ServiceError(
            f"baseline_model: promoted: {endpoint} is gone, expected the endpoint that {uri} names", next=_way_out(uri)
        )
    _say(f"baseline_model: promoted, by run {pointer.get('run')}: the baseline is {endpoint}")
    return endpoint


def champion_notices(spec: Mapping[str, Any], baseline: str) -> list[str]:
    """Return what a reader must know about the baseline of a run that asked for the champion.

    Args:
        spec: Parameters of the run.
        baseline: The model that answered as the baseline.
    """
    if spec.get("baseline_model") != PROMOTED:
        return []
    if baseline.startswith("projects/"):
        return [f"The baseline is the model that was promoted last, {baseline}"]
    return [f"Nothing was promoted before: the baseline is the base model, {baseline}"]


def replacement_notices(comparison: Mapping[str, Any], *, bucket: str, name: str, storage: Storage) -> list[str]:
    """Return what a reader must know of the model that a promotion will replace.

    Args:
        comparison: The `comparison.json` of a run.
        bucket: Bucket of the pipeline.
        name: Name of the tuning spec.
        storage: Where the pointer is read.
    """
    if comparison["decision"] != "promote" or not comparison["tuning"]:  # an evaluation promotes nothing
        return []
    try:
        pointer = read_pointer(bucket, name, storage)
    except ServiceError as error:
        return [f"What is promoted already is unknown: {error}"]
    return list(filter(None, [unseen_replacement(pointer, comparison)]))


def unseen_replacement(pointer: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    """Return what is said of a champion that is replaced by a model it was not compared with; empty if none is.

    Args:
        pointer: What was written down at the last promotion; empty if there was none.
        comparison: The `comparison.json` that decided to promote.
    """
    champion, models = pointer.get("endpoint", ""), comparison["models"]
    if not champion or champion in (models["baseline"], models["candidate"]):
        return ""
    metric, score = pointer.get("metric", {}), ""
    if metric.get("candidate") is not None:
        score = f" with {metric['name']} {metric['candidate']:.4f}"
        if metric["name"] == comparison["primary_metric"]:
            primary = next(each for each in comparison["metrics"] if each["name"] == metric["name"])
            score += f" there, {primary['candidate']:.4f} here, which need not be the same examples"
    return (
        f"The promotion replaces {champion}, promoted by run {pointer.get('run')}{score}; this run did not compare "
        "with it: `baseline_model: promoted` does"
    )


def hold_same_model(decided: Decision, baseline: str, candidate: str) -> Decision:
    """Return the decision, which is to hold where both sides are one model, whatever chance made of its answers."""
    if baseline != candidate or decided.verdict == "invalid":
        return decided
    reason = f"baseline and candidate are the same model, {candidate}: there is nothing to promote"
    return replace(decided, decision="hold", reasons=[*decided.reasons, reason])


def _say(text: str) -> None:
    """Write a line to the log, which on the command line is not the result."""
    print(text, file=sys.stderr, flush=True)


def _way_out(uri: str) -> str:
    return f"delete {uri} to compare with the base model once more, or name another baseline_model"
