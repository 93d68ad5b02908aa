"""What there is in a project, as the services list it: read once, before it is decided what may go.

Nothing is decided here, and whatever cannot be listed is an error: what is not known must not be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gemtune.catalog import Catalog
from gemtune.labels import PROMOTED_LABEL, RUN_LABEL, SPEC_LABEL, label_value
from gemtune.runs.pipeline_jobs import ENDED_RUN_STATES, LOOKED_AT, listed_runs, run_id
from gemtune.serving import asking_locations
from gemtune.storage import Storage, StoredObject
from gemtune.vertex import Rest, location_of

Document = Mapping[str, Any]
"""A resource as the service's JSON has it."""

_OUR_PARAMETERS = {"name", "project", "bucket"}
"""Every pipeline of gemtune has them: a run that the console started has no labels."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of any spec, as far as anything still tells of it."""

    id: str
    spec: str
    created: datetime
    is_over: bool
    text: str
    """What it was told while it goes on, and what it found: names the models that it needs."""

    bucket: str = ""
    """Bucket that it was told to use; empty if nothing tells."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that a decision about cleaning is made from; resources by their full name."""

    runs: Mapping[str, Run]
    """By the value of their label."""

    tuning_jobs: list[Document]
    endpoints: Mapping[str, Document]
    versions: Mapping[str, Document]
    """Versions of models by ``NAME@VERSION``."""

    experiments: Mapping[str, Document]
    experiment_runs: list[Document]
    """Where runs logged themselves; a run below an experiment names its pipeline job."""

    schedules: list[Document]
    batch_jobs: list[Document]
    batch_answers: list[StoredObject]
    """What batch jobs wrote."""

    shards: list[StoredObject]
    """The prediction store."""

    promoted: Mapping[str, str]
    """Endpoint → the pointer that applications read."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where to look."""

    project: str
    bucket: str
    runs: str
    """Region of the pipeline jobs and schedules."""

    tuning: frozenset[str]
    serving: frozenset[str]
    """Locations of tuned endpoints."""

    asking: frozenset[str]
    """Locations of batch jobs."""


def places(project: str, bucket: str, runs: str, others: Iterable[str], catalog: Catalog) -> Places:
    """Return every place where runs of a project may have left something, as far as the catalogue knows.

    Args:
        project: Google Cloud project.
        bucket: Bucket of the pipeline.
        runs: Region of the pipeline jobs.
        others: More locations that a spec names; empty ones are left out.
        catalog: Where models are tuned and served.
    """
    known = catalog.models.values()
    tuning = {runs, *filter(None, others)} - {"global", "us", "eu"}
    tuning |= {region for model in known for region in model.tuning_regions}
    serving = tuning | {place for model in known for place in model.tuned_serving.values()}
    return Places(
        project=project,
        bucket=bucket,
        runs=runs,
        tuning=frozenset(tuning),
        serving=frozenset(serving),
        asking=asking_locations(catalog, runs, *others),
    )


def read(where: Places, storage: Storage) -> Inventory:
    """Return what there is.

    Raises:
        ServiceError: Something cannot be listed.
        StorageError: The bucket cannot be read.
    """
    jobs = _listed(where.project, where.tuning, "tuningJobs")
    models = _listed(where.project, where.tuning, "models")
    contexts = _contexts(where.project, where.tuning, "system.Experiment")
    endpoints = _listed(where.project, where.serving, "endpoints")
    return Inventory(
        runs=_runs(where, storage),
        tuning_jobs=jobs,
        endpoints={each["name"]: each for each in endpoints},
        versions=_versions(where.project, models, jobs),
        experiments={each["name"]: each for each in contexts},
        experiment_runs=_contexts(where.project, {where.runs}, "system.ExperimentRun"),
        schedules=_listed(where.project, {where.runs}, "schedules"),
        batch_jobs=_listed(where.project, where.asking, "batchPredictionJobs"),
        batch_answers=list(storage.objects(f"gs://{where.bucket}/gemtune/batches/output")),
        shards=list(storage.objects(f"gs://{where.bucket}/gemtune/predictions")),
        promoted=_promoted(where.bucket, storage),
    )


def labels_of(document: Document) -> Mapping[str, str]:
    """Return the labels of a resource."""
    return document.get("labels") or {}


def is_promoted(document: Document) -> bool:
    """Return whether label or alias say that a model or endpoint is promoted, in whichever project bucket."""
    return bool(labels_of(document).get(PROMOTED_LABEL)) or PROMOTED_LABEL in document.get("versionAliases", [])


def model_of(job: Document) -> str:
    """Return the model version that a tuning job made; empty for none."""
    return str(job.get("tunedModel", {}).get("model", ""))


def _listed(project: str, locations: Iterable[str], path: str, **params: str) -> list[Document]:
    key = path.rpartition("/")[2]
    return [
        each
        for location in sorted(locations)
        for each in Rest(project, location).pages(path, key, pageSize=100, **params)
    ]


def _contexts(project: str, locations: Iterable[str], title: str) -> list[Document]:
    return _listed(project, locations, "metadataStores/default/contexts", filter=f'schema_title="{title}"')


def _versions(project: str, models: list[Document], jobs: list[Document]) -> dict[str, Document]:
    """Return every version of the models that may be ours; a list of models has only the newest of each."""
    made = {model_of(job).partition("@")[0] for job in jobs if RUN_LABEL in labels_of(job)}
    found: dict[str, Document] = {}
    for model in models:
        if model["name"] in made or RUN_LABEL in labels_of(model):
            rest = Rest(project, location_of(model["name"]))
            for version in rest.pages(f"{model['name']}:listVersions", "models", pageSize=100):
                found[f"{model['name']}@{version['versionId']}"] = version
    return found


def _runs(where: Places, storage: Storage) -> dict[str, Run]:
    """Return the runs that the pipeline service lists, and those whose comparison is still there."""
    found = {}
    for job in islice(listed_runs(project=where.project, location=where.runs), LOOKED_AT):
        parameters = job.get("runtimeConfig", {}).get("parameterValues", {})
        if SPEC_LABEL in labels_of(job) or parameters.keys() >= _OUR_PARAMETERS:
            is_over = job["state"] in ENDED_RUN_STATES
            run = Run(
                id=run_id(job),
                spec=str(labels_of(job).get(SPEC_LABEL) or parameters["name"]),
                created=datetime.fromisoformat(job["createTime"]),
                is_over=is_over,
                text="" if is_over else json.dumps(parameters),
                bucket=str(parameters.get("bucket", "")),
            )
            found[label_value(run.id)] = run
    for each in storage.objects(f"gs://{where.bucket}/gemtune/runs"):
        if each.uri.endswith("/comparison.json"):
            run = _compared(each, storage.read_text(each.uri))
            known = found.get(label_value(run.id), run)
            found[label_value(run.id)] = Run(**{**vars(known), "text": known.text + run.text})
    return found


def _compared(comparison: StoredObject, text: str) -> Run:
    """Return the run of a comparison."""
    spec = json.loads(text).get("spec", {})
    identity = comparison.uri.rpartition("/")[0].rpartition("/")[2]
    return Run(id=identity, spec=str(spec.get("name", "")), created=comparison.updated, is_over=True, text=text)


def _promoted(bucket: str, storage: Storage) -> dict[str, str]:
    pointers = [each.uri for each in storage.objects(f"gs://{bucket}/gemtune/promoted")]
    return {str(json.loads(storage.read_text(uri))["endpoint"]): uri for uri in pointers}
