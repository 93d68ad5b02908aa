"""What may be deleted and what stays, with the reason: decided from an inventory, without any call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gemtune.cleaning.inventory import Document, Inventory, Run, labels_of, model_of
from gemtune.cleaning.tuned import Tuned, reason_to_stay, tuned_models
from gemtune.errors import SpecError, did_you_mean
from gemtune.labels import RUN_LABEL, SPEC_LABEL, label_value
from gemtune.runs.schedules import spec_of
from gemtune.storage import StoredObject

NOTHING = "nothing while idle"
"""What an endpoint with a tuned Gemini model costs without requests, and a model that is not deployed.

Sources: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/deploy/overview,
https://cloud.google.com/vertex-ai/pricing.
"""

COSTS = {
    "schedule": "what its runs cost",
    "batch job": "nothing any more",
    "endpoint": NOTHING,
    "model": NOTHING,
    "model version": NOTHING,
    "experiment run": "unknown (storage of metadata)",
    "experiment": "unknown (storage of metadata and curves)",
}
ORDER = ("schedule", "batch job", "endpoint", "model version", "model", "experiment run", "experiment", "predictions")
"""Kinds in the order in which they go: nothing new starts, and a model is undeployed before it is deleted."""

_LIVE = ("QUEUED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that is ours."""

    kind: str
    name: str
    """Resource name, or the URI of a folder."""

    spec: str
    run: str
    """Value of the run's label; empty for a schedule."""

    created: datetime
    cost: str
    bytes: int | None = None
    """Size in Cloud Storage; None for what is not there."""

    objects: tuple[str, ...] = ()
    """What a folder holds of it."""

    reason: str = ""
    """Why it stays; empty for what may go."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is to be cleaned."""

    spec: str = ""
    """Name of the spec; empty for all."""

    run: str = ""
    """Id of a run; empty for all."""

    before: datetime | None = None
    """Only what is older."""

    def has(self, spec: str, run: str, created: datetime, runs: dict[str, Run]) -> bool:
        """Return whether something of a spec, run and age is meant; a run may tell the spec."""
        names = {label_value(each) for each in (spec, runs[run].spec if run in runs else "") if each}
        if self.spec and label_value(self.spec) not in names:
            return False
        if self.run and run != label_value(self.run):
            return False
        return self.before is None or created < self.before


def plan(found: Inventory, chosen: Selection) -> list[Item]:
    """Return what is ours and meant, in the order in which it goes; with a reason what stays.

    Raises:
        SpecError: The run is not known.
    """
    runs = dict(found.runs)
    logged = list(_experiment_runs(found))
    items = [*_schedules(found, chosen), *_tuned(found, chosen), *_batch_jobs(found), *_predictions(found)]
    items += [*logged, *_emptied(found, [item for item in logged if _has(chosen, item, runs)])]
    meant = [item for item in items if item.kind == "schedule" or _has(chosen, item, runs)]
    if chosen.run and not meant and label_value(chosen.run) not in runs:
        close = did_you_mean(chosen.run, [run.id for run in runs.values()])
        raise SpecError(f"{chosen.run}: no such run, and nothing carries its label{close}", next="`gemtune runs list`")
    return sorted(meant, key=lambda item: (ORDER.index(item.kind), item.created))


def runs_elsewhere(found: Inventory, chosen: Selection, bucket: str) -> dict[str, list[str]]:
    """Return the meant runs that used another bucket, which was not read: bucket → ids of its runs."""
    elsewhere: dict[str, list[str]] = {}
    for label, run in found.runs.items():
        if run.bucket not in ("", bucket) and chosen.has(run.spec, label, run.created, dict(found.runs)):
            elsewhere.setdefault(run.bucket, []).append(run.id)
    return elsewhere


def _has(chosen: Selection, item: Item, runs: dict[str, Run]) -> bool:
    return chosen.has(item.spec, item.run, item.created, runs)


def _schedules(found: Inventory, chosen: Selection) -> Iterator[Item]:
    """Yield the schedules of a spec; a run has none, and an active one is not old."""
    for each in found.schedules:
        spec, created = spec_of(each), datetime.fromisoformat(each["createTime"])
        if spec and not chosen.run and chosen.has(spec, "", created, {}):
            active = chosen.before is not None and each.get("state") == "ACTIVE"
            yield _item("schedule", each["name"], spec, "", created, reason="it is active" if active else "")


def _batch_jobs(found: Inventory) -> Iterator[Item]:
    for each in found.batch_jobs:
        if run := labels_of(each).get(RUN_LABEL, ""):
            state = str(each.get("state", "")).removeprefix("JOB_STATE_")
            reason = f"it is {state}: cancel it first" if state in _LIVE else ""
            created = datetime.fromisoformat(each["createTime"])
            prefix = each.get("outputConfig", {}).get("gcsDestination", {}).get("outputUriPrefix", "").rstrip("/")
            files = [file for file in found.batch_answers if file.uri.startswith(f"{prefix}/")] if prefix else []
            yield _item("batch job", each["name"], _spec(run, found), run, created, reason=reason, files=files)


def _experiment_runs(found: Inventory) -> Iterator[Item]:
    """Yield what runs logged of themselves; the pipeline job is among the parameters."""
    for each in found.experiment_runs:
        job = str(each.get("metadata", {}).get("_params", {}).get("pipeline_job", ""))
        run = label_value(job.rpartition("/")[2])
        if run in found.runs:
            created = datetime.fromisoformat(each["createTime"])
            yield _item("experiment run", each["name"], found.runs[run].spec, run, created, reason="")


def _emptied(found: Inventory, leaving: list[Item]) -> Iterator[Item]:
    """Yield the experiments that gemtune named after a spec, and of which no run stays; others are their makers'."""
    last = {item.name: item for item in leaving}
    for name in found.experiments:
        below = [each["name"] for each in found.experiment_runs if name in each.get("parentContexts", [])]
        if below and all(each in last for each in below):
            item = last[below[0]]
            if name.rpartition("/")[2] in (item.spec, f"gemtune-{item.spec}"):
                yield _item("experiment", name, item.spec, item.run, item.created, reason="")


def _predictions(found: Inventory) -> Iterator[Item]:
    """Yield the stored answers of each run as one."""
    for run in sorted({each.metadata.get(RUN_LABEL, "") for each in found.shards} - {""}):
        shards = [each for each in found.shards if each.metadata.get(RUN_LABEL) == run]
        goes_on = run in found.runs and not found.runs[run].is_over
        name = shards[0].uri.partition("/gemtune/")[0] + "/gemtune/predictions"
        reason, created = "its run goes on" if goes_on else "", max(each.updated for each in shards)
        yield _item("predictions", name, _spec(run, found), run, created, reason=reason, files=shards)


def _tuned(found: Inventory, chosen: Selection) -> Iterator[Item]:
    """Yield endpoints, models and experiments; a model as a whole if no version of it stays."""
    models = tuned_models(found)
    texts, runs = _others(found, chosen), dict(found.runs)
    meant = {id(each): chosen.has(each.spec, each.run, each.created, runs) for each in models}
    reasons = {id(each): reason_to_stay(each, found, texts) for each in models if meant[id(each)]}
    goes = {each.version for each in models if reasons.get(id(each)) == ""}
    for each in models:
        if not meant[id(each)]:
            continue
        versions = {name for name in found.versions if name.startswith(each.version.partition("@")[0] + "@")}
        is_default = "default" in found.versions.get(each.version, {}).get("versionAliases", [])
        reason = reasons[id(each)]
        if not reason and versions - goes and is_default:
            reason = "it is the default version of a model whose other versions stay"
        yield from _parts(
            each,
            reason,
            is_whole=versions <= goes or len(versions) == 1,
            is_first=each.version == min(versions, default=""),
        )


def _parts(tuned: Tuned, reason: str, *, is_whole: bool, is_first: bool) -> Iterator[Item]:
    """Yield what a tuned model consists of; the model of several versions is named once."""
    for name in tuned.endpoints:
        yield _item("endpoint", name, tuned.spec, tuned.run, tuned.created, reason=reason)
    if tuned.version and not is_whole:
        yield _item("model version", tuned.version, tuned.spec, tuned.run, tuned.created, reason=reason)
    elif tuned.version and is_first:
        yield _item("model", tuned.version.partition("@")[0], tuned.spec, tuned.run, tuned.created, reason=reason)
    if tuned.experiment:
        yield _item("experiment", tuned.experiment, tuned.spec, tuned.run, tuned.created, reason=reason)


def _others(found: Inventory, chosen: Selection) -> dict[str, str]:
    """Return who is not meant → what it says: runs with their findings, tuning jobs and schedules of anybody."""
    runs = dict(found.runs)
    texts = {
        f"run {run.id} of {run.spec}": run.text
        for key, run in runs.items()
        if not chosen.has(run.spec, key, run.created, runs)
    }
    texts |= {each["name"]: _needs(each) for each in found.tuning_jobs if not _is_meant(each, chosen, runs)}
    leaving = {item.name for item in _schedules(found, chosen) if not item.reason}
    for each in found.schedules:
        if each["name"] not in leaving:
            job = each.get("createPipelineJobRequest", {}).get("pipelineJob", {})
            texts[f"schedule {each['displayName']}"] = json.dumps(job.get("runtimeConfig", {}))
    return texts


def _is_meant(job: Document, chosen: Selection, runs: dict[str, Run]) -> bool:
    labels, created = labels_of(job), datetime.fromisoformat(job["createTime"])
    is_ours = RUN_LABEL in labels
    return is_ours and chosen.has(labels.get(SPEC_LABEL, ""), labels[RUN_LABEL], created, runs)


def _needs(job: Document) -> str:
    """Return what a tuning job started from; of what it made nobody else has a need."""
    return json.dumps(job.get("preTunedModel", {})) if model_of(job) or job.get("preTunedModel") else ""


def _spec(run: str, found: Inventory) -> str:
    return found.runs[run].spec if run in found.runs else ""


def _item(
    kind: str, name: str, spec: str, run: str, created: datetime, *, reason: str, files: Sequence[StoredObject] = ()
) -> Item:
    size = sum(each.size for each in files)
    stored = f"{_readable(size)} in {len(files)} object{'s' if len(files) > 1 else ''}, price unknown"
    return Item(
        kind=kind,
        name=name,
        spec=spec,
        run=run,
        created=created,
        cost=stored if files else COSTS[kind],
        bytes=size if files else None,
        objects=tuple(each.uri for each in files),
        reason=reason,
    )


def _readable(size: int) -> str:
    """Return a size in bytes for people.

    >>> _readable(12_345)
    '12.3 kB'
    """
    units = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
    return next((f"{size / limit:.1f} {unit}" for unit, limit in units if size >= limit), f"{size} B")
