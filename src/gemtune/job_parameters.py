"""The parameters of a pipeline job, for the record of what a result comes from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from gemtune.errors import ServiceError
from gemtune.vertex import Rest, location_of


def read_parameters(job_resource_name: str) -> dict[str, Any]:
    """Return every parameter of a pipeline job, defaults included; empty, with a line on stderr, if it cannot be read.

    A step is given only the parameters it needs, and a job started in the console has no spec file: the job itself is
    the one place that knows all of them
    (https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs).
    """
    project = job_resource_name.split("/")[1]
    try:
        job = Rest(project, location_of(job_resource_name)).get(job_resource_name)
    except ServiceError as error:
        print(f"parameters of {job_resource_name} not recorded: {error}", file=sys.stderr)
        return {}
    return parameters_of(job)


def parameters_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter of a pipeline job as the service describes it, defaults included."""
    definitions = job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]
    defaults = {name: each["defaultValue"] for name, each in definitions.items() if "defaultValue" in each}
    values = {**defaults, **job["runtimeConfig"].get("parameterValues", {})}
    # JSON from the service has one kind of number.
    whole = {name for name, each in definitions.items() if each.get("parameterType") == "NUMBER_INTEGER"}
    return {name: int(value) if name in whole else value for name, value in values.items()}
