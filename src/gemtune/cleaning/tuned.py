"""Tuned models as cleaning sees them: a version with its endpoints and curves goes as a whole, or stays as a whole.

A tuning job that is asked for again is found by its model's endpoint and answers with all its checkpoints, so half a
tuned model would break a later run over unchanged data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gemtune.cleaning.inventory import Document, Inventory, is_promoted, labels_of, model_of
from gemtune.labels import RUN_LABEL, SPEC_LABEL
from gemtune.tuning.jobs import ENDED_STATES


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What one tuning job of ours left, as far as it is still there."""

    job: str
    """Tuning job; empty if only labels tell that this is ours."""

    version: str
    """Model version, as NAME@VERSION; empty for none."""

    endpoints: tuple[str, ...]
    experiment: str
    spec: str
    run: str
    created: datetime
    is_tuning: bool = False
    """Whether the tuning job has not ended."""

    def names(self) -> list[str]:
        """Return every name by which another run may refer to it."""
        return [name for name in (self.job, self.version, *self.endpoints) if name]


def tuned_models(found: Inventory) -> list[Tuned]:
    """Return what our tuning jobs left, and what carries our label though no tuning job made it."""
    ours = [job for job in found.tuning_jobs if RUN_LABEL in labels_of(job)]
    left = [_of_job(job, found) for job in ours]
    made = {model_of(job) for job in found.tuning_jobs} | {name for each in left for name in each.names()}
    made |= {name for job in found.tuning_jobs for name in _endpoints(job)}
    for version, document in found.versions.items():
        if RUN_LABEL in labels_of(document) and version not in made:
            endpoints = tuple(name for name, each in found.endpoints.items() if _serves(each) == {version})
            left.append(_labelled(document, version, endpoints))
            made |= {version, *endpoints}
    for name, document in found.endpoints.items():
        if RUN_LABEL in labels_of(document) and name not in made:
            left.append(_labelled(document, "", (name,)))
    return [each for each in left if each.version or each.endpoints or each.experiment]


def reason_to_stay(tuned: Tuned, found: Inventory, texts: Mapping[str, str]) -> str:
    """Return why a tuned model must stay; empty if it may go.

    Args:
        tuned: The model.
        found: What there is.
        texts: Who else there is → what it says, in which the models that it needs are named.
    """
    for endpoint in tuned.endpoints:
        if endpoint in found.promoted:
            return f"promoted: {found.promoted[endpoint]}"
    documents = [found.endpoints[name] for name in tuned.endpoints]
    documents += [found.versions[tuned.version]] if tuned.version else []
    if any(map(is_promoted, documents)):
        return "promoted: it is labelled so"
    if tuned.is_tuning:
        return f"{_short(tuned.job)} goes on: `gemtune jobs cancel` ends it"
    if going_on := [run.id for run in found.runs.values() if not run.is_over]:
        return f"run {going_on[0]} goes on and may use it"
    for who, text in texts.items():
        if who != tuned.job and any(_is_named(name, text) for name in tuned.names()):
            return f"{who} needs it"
    return _foreign(tuned, found)


def _foreign(tuned: Tuned, found: Inventory) -> str:
    """Say what of somebody else hangs on a tuned model."""
    for name in tuned.endpoints:
        if others := _serves(found.endpoints[name]) - {tuned.version}:
            return f"{_short(name)} serves {_short(sorted(others)[0])} as well"
    elsewhere = {name for name, each in found.endpoints.items() if tuned.version and tuned.version in _serves(each)}
    if others := elsewhere - set(tuned.endpoints):
        return f"somebody deployed it on {_short(sorted(others)[0])}"
    return ""


def _of_job(job: Document, found: Inventory) -> Tuned:
    version = model_of(job)
    return Tuned(
        job=job["name"],
        version=version if version in found.versions else "",
        endpoints=tuple(name for name in _endpoints(job) if name in found.endpoints),
        experiment=experiment if (experiment := str(job.get("experiment", ""))) in found.experiments else "",
        spec=labels_of(job).get(SPEC_LABEL, ""),
        run=labels_of(job)[RUN_LABEL],
        created=datetime.fromisoformat(job["createTime"]),
        is_tuning=job.get("state") not in ENDED_STATES,
    )


def _labelled(document: Document, version: str, endpoints: tuple[str, ...]) -> Tuned:
    labels = labels_of(document)
    return Tuned(
        job="",
        version=version,
        endpoints=endpoints,
        experiment="",
        spec=labels.get(SPEC_LABEL, ""),
        run=labels[RUN_LABEL],
        created=datetime.fromisoformat(document["createTime"]),
    )


def _endpoints(job: Document) -> list[str]:
    tuned = job.get("tunedModel", {})
    names = [*(point.get("endpoint", "") for point in tuned.get("checkpoints", [])), tuned.get("endpoint", "")]
    return [name for name in dict.fromkeys(names) if name]


def _serves(endpoint: Document) -> set[str]:
    """Return the model versions on an endpoint, as NAME@VERSION."""
    return {
        name if "@" in name else f"{name}@{deployed.get('modelVersionId', '1')}"
        for deployed in endpoint.get("deployedModels", [])
        if (name := str(deployed["model"]))
    }


def _is_named(name: str, text: str) -> bool:
    """Return whether a text names a resource, by project number or id, with or without a version."""
    place = re.escape("/locations/" + name.partition("/locations/")[2].partition("@")[0])
    version = name.partition("@")[2]
    return re.search(rf"{place}(?![0-9A-Za-z_-])(?!@(?!{re.escape(version)}(?![0-9])))", text) is not None


def _short(name: str) -> str:
    return name.partition("/locations/")[2]
