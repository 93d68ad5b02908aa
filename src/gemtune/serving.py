"""What a model's name means: which model answers, where it is served, and which base model it comes from.

A base model id, an endpoint, a model in the registry and a tuning job all name a model; generateContent takes only
a base model id or an endpoint, and only at the location that serves it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gemtune.catalog import Catalog, base_id
from gemtune.errors import ServiceError, SpecError
from gemtune.vertex import Rest, location_of

TUNED_STATES = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"})
"""States of a tuning job that left a tuned model behind."""

_BASE_MODEL_LABEL = "google-vertex-llm-tuning-base-model-id"  # google/genai/models.py reads the same label
_RESOURCE = re.compile(r"projects/[^/]+/locations/[^/]+/(endpoints|models|tuningJobs)/[^/]+")


class ServedModel(NamedTuple):
    """A model that can be asked now."""

    model: str
    """Base model id, or full resource name of an endpoint: what generateContent is called on."""

    location: str
    """Location that serves it."""

    base_model: str
    """Id of the base model, which decides settings and prices; empty if nothing tells."""


def resolve_model(
    name: str, *, project: str, location: str, inference_location: str = "", catalog: Catalog
) -> ServedModel:
    """Return what to call, and where, for any way to name a model.

    Base inference, tuning jobs and tuned endpoints live in different locations for Gemini 3, so the location of a
    tuned model always comes from the resource names that the service returned.

    Args:
        name: Base model id, or full resource name of an endpoint, a model (``@version`` or not) or a tuning job.
        project: Google Cloud project that asks.
        location: Location of the tuning jobs, searched when model or endpoint do not tell enough.
        inference_location: Where to ask a base model instead of the catalogue's location.
        catalog: Known base models.

    Raises:
        SpecError: The name has none of these forms.
        ServiceError: There is no such resource, or nothing serves it.
    """
    match = _RESOURCE.fullmatch(name)
    if match is None:
        base = _base_id(name)
        return ServedModel(base, catalog.serving_location(base, inference_location, location), base)
    rest = Rest(project, location_of(name))
    if match[1] == "tuningJobs":
        return _served_by_job(rest.get(name))
    if match[1] == "models":
        return _served_by_model(rest, rest.get(name), name)
    return ServedModel(name, rest.location, _base_of_endpoint(rest.get(name), name, Rest(project, location)))


def resolve_version(name: str, *, project: str) -> str:
    """Return a tuned model as ``projects/.../models/ID@VERSION``, which is what can be tuned further.

    Args:
        name: Full resource name of a model, or of the tuning job that made it.
        project: Google Cloud project that asks.

    Raises:
        SpecError: The name is of another kind.
        ServiceError: There is no such resource, or the tuning job has no model.
    """
    match = _RESOURCE.fullmatch(name)
    if match is None or match[1] == "endpoints":
        raise SpecError(f"pre_tuned_model is {name!r}, expected projects/.../models/ID@VERSION or a tuning job")
    if "@" in name:
        return name
    found = Rest(project, location_of(name)).get(name)
    if match[1] == "models":
        return f"{name}@{found.get('versionId', '1')}"
    model = str(found.get("tunedModel", {}).get("model", ""))
    if not model:
        raise ServiceError(f"{name}: is {found.get('state')} without a tuned model, expected one")
    return model


def base_model_of(name: str, *, project: str) -> str:
    """Return the base model's id of a tuned model ``projects/.../models/ID@VERSION``; empty if nothing tells.

    Raises:
        ServiceError: There is no such model.
    """
    model = Rest(project, location_of(name)).get(name)
    return str(model.get("labels", {}).get(_BASE_MODEL_LABEL, ""))


def resolve_batch_model(served: ServedModel, project: str) -> str:
    """Return the name under which a batch job takes a model: a base model's id, or a tuned model's in the registry.

    A batch job asks a tuned model's default checkpoint
    (https://cloud.google.com/vertex-ai/generative-ai/docs/models/tuning-checkpoints), so an endpoint of another one is
    refused here. That a deployment names its checkpoint is an assumption; if it does not, nothing is checked.

    Args:
        served: The model.
        project: Google Cloud project that asks.

    Raises:
        SpecError: The endpoint serves a checkpoint that is not the default one.
        ServiceError: The endpoint serves no model.
    """
    if not served.model.startswith("projects/"):
        return served.model
    deployed = Rest(project, served.location).get(served.model).get("deployedModels", [])
    if not deployed:
        raise ServiceError(f"{served.model}: no model is deployed on it, expected one", next="name another model")
    name, version = str(deployed[0]["model"]), deployed[0].get("modelVersionId")
    model = f"{name}@{version}" if version and "@" not in name else name
    default = Rest(project, location_of(name)).get(model).get("defaultCheckpointId")
    checkpoint = deployed[0].get("checkpointId")
    if default and checkpoint and checkpoint != default:
        raise SpecError(
            f"{served.model}: serves checkpoint {checkpoint}, expected {default}, the default one: a batch job asks it",
            next="use generation_mode: online, or name another checkpoint's endpoint",
        )
    return model


def _served_by_job(job: Mapping[str, Any]) -> ServedModel:
    endpoint = str(job.get("tunedModel", {}).get("endpoint", ""))
    if job.get("state") not in TUNED_STATES or not endpoint:
        raise ServiceError(
            f"{job['name']}: is {job.get('state')}, expected JOB_STATE_SUCCEEDED with an endpoint",
            next="wait for its end, or name another model",
        )
    return ServedModel(endpoint, location_of(endpoint), _base_of_job(job))


def _served_by_model(rest: Rest, model: Mapping[str, Any], name: str) -> ServedModel:
    """Find the endpoint of the model's default checkpoint; every checkpoint is deployed on one of its own."""
    endpoints = {str(deployed["endpoint"]) for deployed in model.get("deployedModels", [])}
    base = str(model.get("labels", {}).get(_BASE_MODEL_LABEL, ""))
    if len(endpoints) == 1 and base:
        return ServedModel(endpoint := endpoints.pop(), location_of(endpoint), base)
    identity = name.partition("@")[0].rpartition("/")[2]
    job = _find_job(rest, model=f"/models/{identity}@{model.get('versionId', '1')}")
    tuned = job.get("tunedModel", {})
    checkpoints = {point.get("checkpointId"): point.get("endpoint") for point in tuned.get("checkpoints", [])}
    endpoint = checkpoints.get(model.get("defaultCheckpointId")) or tuned.get("endpoint")
    endpoint = endpoint or (endpoints.pop() if len(endpoints) == 1 else "")
    if not endpoint:
        found = f"deployed on {len(endpoints)} endpoints" if endpoints else "deployed nowhere"
        raise ServiceError(f"{name}: is {found}, expected one", next="name the endpoint, or tune again")
    return ServedModel(endpoint, location_of(endpoint), base or _base_of_job(job))


def _base_of_endpoint(endpoint: Mapping[str, Any], name: str, jobs: Rest) -> str:
    """Look for the base model's id in the endpoint's label, its model's label, the job that made it.

    Which of the three the service fills in is not verified live; without an answer the endpoint can still be asked.
    """
    if base := endpoint.get("labels", {}).get(_BASE_MODEL_LABEL):
        return str(base)
    try:
        for model in (str(deployed.get("model", "")) for deployed in endpoint.get("deployedModels", [])):
            found = Rest(jobs.project, location_of(model)).get(model)
            if base := found.get("labels", {}).get(_BASE_MODEL_LABEL):
                return str(base)
        return _base_of_job(_find_job(jobs, endpoint=name))
    except ServiceError:
        return ""


def _base_of_job(job: Mapping[str, Any]) -> str:
    return str(job.get("baseModel") or job.get("preTunedModel", {}).get("baseModel", ""))


def _find_job(rest: Rest, *, model: str = "", endpoint: str = "") -> dict[str, Any]:
    """Return the newest tuning job that made the model or serves at the endpoint; empty if there is none."""
    for job in rest.pages("tuningJobs", "tuningJobs", pageSize=100):
        tuned = job.get("tunedModel", {})
        endpoints = {tuned.get("endpoint"), *(point.get("endpoint") for point in tuned.get("checkpoints", []))}
        if (model and str(tuned.get("model", "")).endswith(model)) or (endpoint and endpoint in endpoints):
            return job
    return {}


def _base_id(name: str) -> str:
    base = base_id(name)
    if not base or "/" in base or base.isdecimal():
        raise SpecError(
            f"model is {name!r}, expected a base model id, or projects/PROJECT/locations/LOCATION/ followed by "
            "endpoints/ID, models/ID@VERSION or tuningJobs/ID"
        )
    return base


def asking_locations(catalog: Catalog, *named: str) -> frozenset[str]:
    """Return every location where a run may have asked a model, base or tuned, as far as the catalogue knows.

    Args:
        catalog: Where models are tuned and served.
        named: More locations, such as a spec names; empty ones are left out.
    """
    known = catalog.models.values()
    serving = {place for model in known for place in (*model.base_serving_locations, *model.tuned_serving.values())}
    tuning = {region for model in known for region in model.tuning_regions}
    return frozenset({"global", *serving, *tuning, *filter(None, named)})
