"""What a succeeded tuning job leaves behind: a version of a model, and one endpoint for each checkpoint.

Faithful: names and locations, versions of continued models, labels handed on, the last checkpoint as the default.
Not modelled: that the service deploys one checkpoint after another while it still trains.
"""

from typing import Any

from emulator import endpoints, models
from emulator.state import State

TUNED_SERVING = {"us-central1": "us", "europe-west4": "eu"}
"""Where a Gemini 3 model tuned in a region is served; older ones are served where they were tuned.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning."""

BASE_MODEL_LABEL = "google-vertex-llm-tuning-base-model-id"
"""The label by which google-genai finds the base model of a tuned one."""


def register(state: State, job: dict[str, Any], base_model: str, trained: list[dict[str, Any]]) -> dict[str, Any]:
    """Create model and endpoints; return the job's tunedModel.

    Args:
        state: Where they are created.
        job: The tuning job.
        base_model: Id of the model that was tuned in the first place.
        trained: One {"epoch", "step", "weights"} for each checkpoint; the last one becomes the default.
    """
    model, version = _model_version(state, job)
    name = str(job.get("tunedModelDisplayName") or f"tuned-{base_model}")
    labels = {**job.get("labels", {}), BASE_MODEL_LABEL: base_model}
    checkpoints, deployed = [], []
    for number, each in enumerate(trained, 1):
        checkpoint = {"checkpointId": str(number), "epoch": str(each["epoch"]), "step": str(each["step"])}
        endpoint = _endpoint(state, job, base_model, each["weights"])
        deployment = {"id": state.new_id(), "model": model, "modelVersionId": version, **_named(state, name)}
        deployment["checkpointId"] = str(number)
        document = {"name": endpoint, **_named(state, name), "labels": labels, "deployedModels": [deployment]}
        state.put(endpoints.COLLECTION, endpoint, {**document, "updateTime": document["createTime"], **_etag(state)})
        checkpoints.append({**checkpoint, "endpoint": endpoint})
        deployed.append({"endpoint": endpoint, "deployedModelId": deployment["id"]})
    _put_model(state, model, version, {"displayName": name, "labels": labels, "deployedModels": deployed}, checkpoints)
    return {"model": f"{model}@{version}", "endpoint": checkpoints[-1]["endpoint"], "checkpoints": checkpoints}


def register_unserved(
    state: State, job: dict[str, Any], base_model: str, trained: list[dict[str, Any]]
) -> dict[str, Any]:
    """Create a model whose endpoints could not be made; return the job's tunedModel, which then has no endpoint."""
    tuned = register(state, job, base_model, trained)
    for checkpoint in tuned["checkpoints"]:
        state.delete(endpoints.COLLECTION, checkpoint["endpoint"])
    document = models.find(state, tuned["model"])
    state.put(models.COLLECTION, tuned["model"], {**document, "deployedModels": []})
    return {"model": tuned["model"]}


def _model_version(state: State, job: dict[str, Any]) -> tuple[str, str]:
    """A new model, or the next version of the one that was tuned further, unless the display name differs."""
    location = job["name"].partition("/tuningJobs/")[0]
    if "preTunedModel" in job:
        parent = models.find(state, job["preTunedModel"]["tunedModelName"])
        if job.get("tunedModelDisplayName", parent["displayName"]) == parent["displayName"]:
            newest = models.versions(state, parent["name"])[0]
            return parent["name"], str(int(newest["versionId"]) + 1)
    return f"{location}/models/{state.new_id()}", "1"


def _endpoint(state: State, job: dict[str, Any], base_model: str, weights: str) -> str:
    """Reserve an endpoint's name, and remember what it serves."""
    region = job["name"].split("/")[3]
    location = TUNED_SERVING[region] if base_model.startswith("gemini-3") else region
    name = f"projects/{state.number}/locations/{location}/endpoints/{state.new_id()}"
    state.put(endpoints.SERVED, name, {"baseModel": base_model, "weights": weights})
    return name


def _put_model(
    state: State, model: str, version: str, fields: dict[str, Any], checkpoints: list[dict[str, Any]]
) -> None:
    now = state.clock.timestamp()
    for older in models.versions(state, model):
        older["versionAliases"] = [alias for alias in older["versionAliases"] if alias != "default"]
        state.put(models.COLLECTION, f"{model}@{older['versionId']}", older)
    document = {
        "name": model,
        "versionId": version,
        "versionAliases": ["default"],
        "versionCreateTime": now,
        "versionUpdateTime": now,
        "createTime": now,
        "updateTime": now,
        **_etag(state),
        **fields,
        "defaultCheckpointId": checkpoints[-1]["checkpointId"],
        "checkpoints": [{key: each[key] for key in ("checkpointId", "epoch", "step")} for each in checkpoints],
    }
    state.put(models.COLLECTION, f"{model}@{version}", document)


def _named(state: State, display_name: str) -> dict[str, str]:
    return {"displayName": display_name, "createTime": state.clock.timestamp()}


def _etag(state: State) -> dict[str, str]:
    return {"etag": state.new_id()}


def job_of_model(state: State, name: str) -> dict[str, Any] | None:
    """Return the tuning job that made a model version, or None."""
    model = models.find(state, name)
    full = f"{model['name']}@{model['versionId']}"
    jobs = state.list("tuningJobs", full.partition("/models/")[0])
    return next((job for job in jobs if job.get("tunedModel", {}).get("model") == full), None)


def default_endpoint(state: State, tuned_model: dict[str, Any]) -> str:
    """Return the endpoint of a tuned model's default checkpoint, which PATCH may have changed since.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/tuning-checkpoints.
    """
    if state.get(models.COLLECTION, tuned_model["model"]) is None:
        return str(tuned_model["endpoint"])  # the model is deleted, its job stays
    default = models.find(state, tuned_model["model"])["defaultCheckpointId"]
    chosen = [each["endpoint"] for each in tuned_model["checkpoints"] if each["checkpointId"] == default]
    return str(chosen[0])
