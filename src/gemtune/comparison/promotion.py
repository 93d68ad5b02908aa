"""The promoted model of a spec: a small file that applications read to know which endpoint to call."""

import json
from typing import Any

from gemtune.storage import Storage
from gemtune.vertex import Rest, location_of


def promoted_uri(bucket: str, name: str) -> str:
    """Return where the promoted model of a spec is written down."""
    return f"gs://{bucket}/gemtune/promoted/{name}.json"


def promote(
    comparison: dict[str, Any], *, name: str, endpoint: str, bucket: str, job_id: str, storage: Storage
) -> dict[str, Any]:
    """Write the pointer to the endpoint that won, with the numbers that decided, and return it.

    Args:
        comparison: The `comparison.json` that decided.
        name: Name of the tuning spec; a later promotion of the same name replaces this one.
        endpoint: Full resource name of the endpoint to call.
        bucket: Bucket of the pipeline.
        job_id: Id of the pipeline job that decided.
        storage: Where to write.
    """
    primary = next(metric for metric in comparison["metrics"] if metric["name"] == comparison["primary_metric"])
    pointer = {
        "schema": "gemtune.promoted/1",
        "name": name,
        "endpoint": endpoint,
        "run": job_id,
        "metric": {key: primary[key] for key in ("name", "baseline", "candidate", "difference", "low", "high")},
    }
    uri = promoted_uri(bucket, name)
    storage.write_text(uri, json.dumps(pointer, indent=1, sort_keys=True) + "\n")
    print(f"promoted {endpoint}: applications find it in {uri}")
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
