"""The pipeline job of a spec as the SDK sends it: the same one for a single run and for a schedule."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from gemtune.errors import SpecError
from gemtune.labels import FINGERPRINT_LABEL, SPEC_LABEL
from gemtune.runs.pipeline_jobs import ENDED_RUN_STATES, run_id, runs_of
from gemtune.spec import TuningSpec
from scripts.target import Target, pipeline_client


def pipeline_job(spec: TuningSpec, parameters: Mapping[str, Any], template: Path, target: Target) -> Any:
    """Return the PipelineJob of a spec, not yet submitted. Imports the SDK, which takes seconds.

    Caching is left to each task: what is paid is looked up by content, and forcing the cache on would let a step
    say that a tuned model is there which was deleted.

    Args:
        spec: What to run.
        parameters: Values of the pipeline's parameters.
        template: Compiled pipeline.
        target: Where to run it.

    Raises:
        SpecError: The pipeline has other parameters.
    """
    submission = spec.submission
    check_parameters(template, parameters)
    aiplatform = pipeline_client(target, project=submission.project, location=submission.location)
    return aiplatform.PipelineJob(
        display_name=spec.name,
        # The SDK's own id is a second long: two people who submit in the same one would collide.
        job_id=f"gemini-{template.stem}-{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}",
        template_path=str(template),
        pipeline_root=submission.pipeline_root,
        parameter_values=dict(parameters),
        enable_caching=None,
        encryption_spec_key_name=submission.kms_key or None,
        labels=labels_of(spec, parameters),
        failure_policy=submission.failure_policy,
    )


def check_parameters(template: Path, parameters: Mapping[str, Any]) -> None:
    """Check that a compiled pipeline takes what it is to be given, and needs no more.

    Raises:
        SpecError: It does not: it is not one that a spec fills in.
    """
    known = parameters_of(template)
    needed = {name for name, each in known.items() if "defaultValue" not in each and not each.get("isOptional")}
    wrong = [
        f"{words} {', '.join(sorted(names))}"
        for words, names in {"needs": needed - parameters.keys(), "takes no": parameters.keys() - known.keys()}.items()
        if names
    ]
    if wrong:
        raise SpecError(
            f"--pipeline: {template} {' and '.join(wrong)}, expected a pipeline that takes the keys of a spec",
            next="start this one in the console",
        )


def parameters_of(template: Path) -> dict[str, Any]:
    """Return name → definition of the parameters of a compiled pipeline."""
    document = yaml.load(template.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return dict(document["root"]["inputDefinitions"]["parameters"])


def labels_of(spec: TuningSpec, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of a spec's runs: its own, and those by which they are found again."""
    ours = {SPEC_LABEL: spec.name, FINGERPRINT_LABEL: fingerprint(parameters)}
    return {**spec.submission.labels, **ours}


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """Return 40 hex characters that are equal for equal parameters."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:40]


def repetition(spec: TuningSpec, parameters: Mapping[str, Any]) -> str:
    """Return which run had the same parameters already, and what that means; empty if none had."""
    submission = spec.submission
    key = fingerprint(parameters)
    runs = runs_of(spec.name, project=submission.project, location=submission.location)
    earlier = next((run for run in runs if run.get("labels", {}).get(FINGERPRINT_LABEL) == key), None)
    if earlier is None:
        return ""
    state = earlier["state"].removeprefix("PIPELINE_STATE_").lower()
    did = "ran" if earlier["state"] in ENDED_RUN_STATES else "runs"
    paid = "force_retune pays for tuning again" if spec.force_retune else "what has not changed is not paid for again"
    return f"the same spec {did} as {run_id(earlier)} ({state}); {paid}"
