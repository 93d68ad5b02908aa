"""Promotion: the tuned model that won is marked as such, and written down where applications read it.

The pointer is what counts, and what the next run compares with; label and alias show the same in the Model Registry.
"""

from __future__ import annotations

import json
from typing import Any

from gemtune.comparison.champion import SCHEMA, promoted_uri, read_pointer, unseen_replacement
from gemtune.errors import ServiceError
from gemtune.labels import PROMOTED_LABEL
from gemtune.storage import Storage
from gemtune.vertex import Rest, location_of

ALIAS = PROMOTED_LABEL
"""Alias of a promoted version: `models/ID@gemtune-promoted`. No alias is `default`, which is the owner's to set."""


def promote(
    comparison: dict[str, Any],
    *,
    name: str,
    endpoint: str,
    model: str,
    checkpoint_id: str,
    bucket: str,
    job_id: str,
    storage: Storage,
) -> dict[str, Any]:
    """Make the model that won the promoted one of its spec, and return the pointer to it.

    In this order, so that a retry after any failure ends the same: the default checkpoint, label and alias of the new
    model; the pointer; the model promoted before loses label and alias.

    Args:
        comparison: The `comparison.json` that decided.
        name: Name of the tuning spec; a later promotion of the same name replaces this one.
        endpoint: Full resource name of the endpoint to call.
        model: Full resource name of the tuned model, with its version.
        checkpoint_id: The checkpoint that won; empty if the model has none to choose from.
        bucket: Bucket of the pipeline.
        job_id: Id of the pipeline job that decided.
        storage: Where to write.

    Raises:
        ServiceError: The new model cannot be marked.
        StorageError: The pointer cannot be read or written.
    """
    uri = promoted_uri(bucket, name)
    before = read_pointer(bucket, name, storage)
    # A retry finds its own pointer, which remembers whom it replaced.
    replaced = before.get("model", "") if before.get("model") != model else before.get("replaced_model", "")
    if notice := unseen_replacement(before, comparison):
        print(notice)
    set_default_checkpoint(model, checkpoint_id, project=storage.project)
    mark(model, name, project=storage.project)
    primary = next(metric for metric in comparison["metrics"] if metric["name"] == comparison["primary_metric"])
    pointer = {
        "schema": SCHEMA,
        "name": name,
        "endpoint": endpoint,
        "model": model,
        "checkpoint_id": checkpoint_id,
        "replaced_model": replaced,
        "run": job_id,
        "metric": {key: primary[key] for key in ("name", "baseline", "candidate", "difference", "low", "high")},
    }
    storage.write_text(uri, json.dumps(pointer, indent=1, sort_keys=True) + "\n")
    print(f"promoted {endpoint}: applications find it in {uri}")
    if replaced:
        unmark(replaced, name, project=storage.project)
    return pointer


def set_default_checkpoint(model: str, checkpoint_id: str, *, project: str) -> None:
    """Make a checkpoint the one that the model's name stands for, if it is not yet.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tuning-checkpoints

    Args:
        model: Full resource name of the tuned model, with its version.
        checkpoint_id: One of its checkpoints; empty changes nothing.
        project: Google Cloud project that asks.

    Raises:
        ServiceError: There is no such model, or it has no such checkpoint.
    """
    rest = Rest(project, location_of(model))
    if checkpoint_id and rest.get(model).get("defaultCheckpointId") != checkpoint_id:
        rest.patch(model, {"defaultCheckpointId": checkpoint_id}, "defaultCheckpointId")
        print(f"checkpoint {checkpoint_id} is now the default of {model}")


def mark(model: str, name: str, *, project: str) -> None:
    """Give a model version the label and the alias of a promoted one, as far as it has them not.

    A name with a version changes the labels of that version, and a patch replaces all of them:
    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models/patch. An alias is unique in
    its model; that adding it takes it from the version that had it is said of `default`
    (https://cloud.google.com/vertex-ai/docs/model-registry/model-alias) and not verified live.
    """
    rest = Rest(project, location_of(model))
    found = rest.get(model)
    labels = found.get("labels", {})
    if labels.get(PROMOTED_LABEL) != name:
        rest.patch(model, {"labels": {**labels, PROMOTED_LABEL: name}}, "labels")
    if ALIAS not in found.get("versionAliases", []):
        rest.post(f"{model}:mergeVersionAliases", {"versionAliases": [ALIAS]})


def unmark(model: str, name: str, *, project: str) -> None:
    """Take label and alias from the version that was promoted before; one that carries another spec's name keeps them.

    Nothing that goes wrong here undoes a promotion: the pointer has been written.
    """
    try:
        rest = Rest(project, location_of(model))
        found = rest.get(model)
        labels = found.get("labels", {})
        if labels.get(PROMOTED_LABEL) != name:
            return
        if ALIAS in found.get("versionAliases", []):
            rest.post(f"{model}:mergeVersionAliases", {"versionAliases": [f"-{ALIAS}"]})
        rest.patch(model, {"labels": {key: text for key, text in labels.items() if key != PROMOTED_LABEL}}, "labels")
        print(f"no longer promoted: {model}")
    except ServiceError as error:
        print(f"the model promoted before may keep its label and alias: {error}")
