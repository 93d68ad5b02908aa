"""A run in Vertex AI Experiments: its parameters and metrics, beside those of the other runs of its spec.

Written by the run itself, so that runs of a schedule and of the console are logged like those of a script. What is
written is what google-cloud-aiplatform writes and reads (its metadata/experiment_run_resource.py): a context for the
experiment, one for each run, whose metadata has `_params` and `_metrics`. Never a TensorBoard: it costs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gemtune.errors import ServiceError
from gemtune.vertex import CallError, Rest, location_of

SHORTEST_ID, LONGEST_ID = 4, 121
"""Of a context: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.metadataStores.contexts
takes 128 characters; the SDK keeps seven for the suffix of a TensorBoard run."""

LONGEST_VALUE = 500
"""Characters of one parameter; a context's metadata is limited to 200 kB."""

STATES = {"SUCCEEDED": "COMPLETE", "CANCELLED": "CANCELLED"}
"""State of a pipeline job → of an execution; any other is FAILED."""


def experiment_of(experiment: str, name: str) -> str:
    """Return the experiment of a run: the one that the spec names, or one with the spec's own name.

    The name is what every run knows, however it was started, and what tells one tuning task from another.

    >>> experiment_of("", "support-replies"), experiment_of("", "faq")
    ('support-replies', 'gemtune-faq')
    """
    return experiment or (name if len(name) >= SHORTEST_ID else f"gemtune-{name}")


def log_run(
    experiment: str, *, job: str, state: str, parameters: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> str:
    """Log a run that has ended, once however often it is called, and return the experiment's resource name.

    Args:
        experiment: Id of the experiment, which is created if there is none.
        job: Resource name of the pipeline job; the experiment lives in its project and location.
        state: State in which the job ended, for instance SUCCEEDED.
        parameters: Parameters of the run.
        comparison: `comparison.json`; None where the run did not get that far.

    Raises:
        ServiceError: The service refuses, or the name is that of something else.
    """
    parent, _, job_id = job.partition("/pipelineJobs/")
    # A pipeline job writes its own lineage to the default store, so there is one.
    store = f"{parent}/metadataStores/default"
    rest = Rest(job.split("/")[1], location_of(job))
    found = _context(rest, store, experiment, "system.Experiment", experiment, {"experiment_deleted": False})
    if found["schemaTitle"] != "system.Experiment":
        raise ServiceError(
            f"{found['name']}: is a {found['schemaTitle']}, expected an experiment", next="name another `experiment`"
        )
    run = job_id[-(LONGEST_ID - len(experiment) - 1) :].lstrip("-")
    metadata = {
        "_params": logged_parameters(job, parameters, comparison),
        "_metrics": logged_metrics(comparison) if comparison else {},
        "_state": STATES.get(state, "FAILED"),
    }
    logged = _context(rest, store, f"{experiment}-{run}", "system.ExperimentRun", run, metadata)
    rest.post(f"{found['name']}:addContextChildren", {"childContexts": [logged["name"]]})
    return str(found["name"])


def logged_parameters(
    job: str, parameters: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> dict[str, str | float | bool]:
    """Return what decided the run, as an experiment takes it: numbers and texts; what is empty is left out."""
    values: dict[str, Any] = {**parameters, "pipeline_job": job}
    if comparison:
        values |= {f"{side}_model": comparison["models"][side] for side in ("baseline", "candidate")}
        values |= {f"{split}_sha256": digest for split, digest in comparison["digests"].items()}
        values |= {"tuning_job": comparison["tuning"].get("tuning_job", "")}
    return {name: _value(value) for name, value in values.items() if value not in ("", [], {}, None)}


def logged_metrics(comparison: Mapping[str, Any]) -> dict[str, str | float]:
    """Return how the run came out: verdict, decision, every metric of both sides, and what the run has cost."""
    values: dict[str, Any] = {key: comparison[key] for key in ("verdict", "decision")}
    for metric in comparison["metrics"]:
        interval = ("low", "high", "n") if metric["name"] == comparison["primary_metric"] else ()
        values |= {f"{metric['name']}_{key}": metric[key] for key in ("baseline", "candidate", "difference", *interval)}
    values["cost_usd"] = comparison["cost"]["actual"]["total"]
    return {name: value for name, value in values.items() if value is not None}


def _context(
    rest: Rest, store: str, identity: str, schema: str, title: str, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a context, created if it is not there; two runs that end at once may both try."""
    document = {"displayName": title, "schemaTitle": schema, "schemaVersion": "0.0.1", "metadata": dict(metadata)}
    try:
        return rest.post(f"{store}/contexts?contextId={identity}", document)
    except CallError as error:
        if error.code != 409:
            raise
    return rest.get(f"{store}/contexts/{identity}")


def _value(value: Any) -> str | float | bool:
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
