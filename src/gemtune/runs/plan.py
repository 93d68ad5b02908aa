"""What a run of a spec would create, and where: read from spec, catalogue and bucket, before anything is submitted."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gemtune.catalog import Catalog
from gemtune.generation.settings import request_fields, settings_of
from gemtune.runs.cost import MOST_CHECKPOINTS, checkpoint_count
from gemtune.runs.experiment import experiment_of
from gemtune.serving import base_model_of, resolve_version
from gemtune.spec import TuningSpec
from gemtune.storage import Storage
from gemtune.tuning.request import TuningRequest, check_request, fingerprint, location_for


def locations(spec: TuningSpec, catalog: Catalog) -> dict[str, str]:
    """Return where each part of the run happens; for Gemini 3 these are different places."""
    tuning = location_for(
        base_model=spec.base_model,
        pre_tuned_model=spec.pre_tuned_model,
        tuning_location=spec.tuning_location,
        location=spec.location,
        catalog=catalog,
    )
    model = catalog.find(spec.base_model)
    return {
        "pipeline": spec.submission.location,
        "tuning": tuning,
        "base model": catalog.serving_location(spec.base_model, spec.inference_location, spec.location),
        "tuned model": (model.tuned_serving if model else {}).get(tuning, tuning),
    }


def check_spec(spec: TuningSpec, catalog: Catalog) -> list[str]:
    """Refuse what the catalogue knows to fail, before anything is submitted, and return what a reader should know.

    The steps check the same, for runs that the console starts; by then a baseline may be paid.

    Raises:
        ServiceError: There is no such pre-tuned model.
        SpecError: The model does not support what is asked for.
    """
    request = request_of(spec)
    check_request(request, locations(spec, catalog)["tuning"], catalog)
    found = []
    for model in dict.fromkeys(filter(catalog.find, (request.base_model, spec.baseline_model))):
        _, unsent = request_fields(settings_of(spec.parameters()), model, catalog)
        # Of what is not sent, the defaults were not asked for.
        unsent = [name for name in unsent if name in spec.model_fields_set]
        found += [f"{', '.join(unsent)}: not sent, as {model} ignores or refuses it"] if unsent else []
    return found


def request_of(spec: TuningSpec, train: Path | None = None, validation: Path | None = None) -> TuningRequest:
    """Return what tuning would be asked for, as far as it decides whether the same was asked before.

    Args:
        spec: What to run.
        train: The prepared training split; None while there is none.
        validation: The prepared validation split, empty if there is none.
    """
    tuned = resolve_version(spec.pre_tuned_model, project=spec.project) if spec.pre_tuned_model else ""
    return TuningRequest(
        base_model=base_model_of(tuned, project=spec.project) if tuned else spec.base_model,
        pre_tuned_model=tuned,
        pre_tuned_checkpoint_id=spec.pre_tuned_checkpoint_id,
        train_uri=_by_content(train),
        validation_uri=_by_content(validation),
        epoch_count=spec.epoch_count,
        adapter_size=spec.adapter_size,
        learning_rate_multiplier=spec.learning_rate_multiplier,
        export_last_checkpoint_only=spec.export_last_checkpoint_only,
        kms_key_name=spec.kms_key_name,
    )


def known_tuning(spec: TuningSpec, request: TuningRequest, location: str) -> str | None:
    """Return the lock of an earlier tuning job with the same data and settings, or None."""
    uri = f"gs://{spec.bucket}/gemtune/locks/{fingerprint(request, location)}.json"
    return uri if not spec.force_retune and Storage(spec.project).exists(uri) else None


def resources(
    spec: TuningSpec, where: dict[str, str], epochs: int | None, known: str | None
) -> list[dict[str, str | int]]:
    """Return what the run would create; a tuned model has one endpoint for each checkpoint."""
    endpoints = checkpoint_count(epochs or MOST_CHECKPOINTS, last_only=spec.export_last_checkpoint_only)
    most = "" if epochs or endpoints == 1 else "at most; "
    made = [
        ("pipeline job", 1, where["pipeline"], f"artifacts below {spec.submission.pipeline_root}"),
        ("objects", 0, spec.bucket, "sources, datasets, predictions, locks, runs, below gemtune/"),
        ("experiment run", 1, where["pipeline"], f"in {experiment_of(spec.experiment, spec.name)}; no TensorBoard"),
    ]
    if known:
        return [_resource(*each) for each in made] + [
            _resource("tuning job", 0, where["tuning"], f"none if that of {known} succeeded: it is adopted, not paid")
        ]
    made += [
        ("tuning job", 1, where["tuning"], "billed by tokens; cannot be deleted"),
        ("model", 1, where["tuning"], "in the Model Registry"),
        ("endpoint", endpoints, where["tuned model"], f"{most}one for each checkpoint; idle ones cost nothing"),
        ("experiment", 1, where["tuning"], "made by the tuning service for its curves"),
    ]
    return [_resource(*each) for each in made]


def _resource(kind: str, count: int, where: str, note: str) -> dict[str, str | int]:
    return {"kind": kind, "count": count, "where": where, "note": note}


def _by_content(path: Path | None) -> str:
    """Return the name that a run would give the file in its bucket, as far as its content decides; empty if empty."""
    if path is None or not path.stat().st_size:
        return ""
    with path.open("rb") as file:
        return f"gs://bucket/{hashlib.file_digest(file, 'sha256').hexdigest()}.jsonl"
