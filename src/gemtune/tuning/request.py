"""What a tuning job is asked for, whether the service can do it, and which requests are the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gemtune.catalog import Catalog, base_id
from gemtune.errors import DataError, SpecError
from gemtune.records import to_line
from gemtune.vertex import location_of


@dataclass(frozen=True, kw_only=True)
class TuningRequest:
    """What a tuning job is asked for. Empty and 0 leave a choice to the service."""

    train_uri: str
    """Training dataset, as gs://.../<sha256>.jsonl."""

    validation_uri: str = ""
    base_model: str = ""
    pre_tuned_model: str = ""
    """Tuned model to tune further instead of the base model: projects/.../models/ID@VERSION, or its tuning job."""

    pre_tuned_checkpoint_id: str = ""
    epoch_count: int = 0
    """Passes over the training dataset."""

    adapter_size: int = 0
    learning_rate_multiplier: float = 0.0
    export_last_checkpoint_only: bool = False
    tuned_model_display_name: str = ""
    description: str = ""
    kms_key_name: str = ""
    service_account: str = ""
    """E-mail of the account the job runs as."""

    labels: Mapping[str, str] = field(default_factory=dict)


def fingerprint(request: TuningRequest, location: str) -> str:
    """Return 40 hex characters that are equal exactly when the same tuned model would come out.

    Names, labels, the account it runs as and where the datasets are stored do not count; their contents do.

    Args:
        request: What is asked for; a pre-tuned model with its version.
        location: Region of the tuning job.

    Raises:
        DataError: A dataset's name is not its digest.
    """
    source: dict[str, Any] = {"base_model": base_id(request.base_model)}
    if request.pre_tuned_model:
        # The project is left out: the service writes its number where people write its id.
        model = request.pre_tuned_model.partition("/locations/")[2]
        source = {"pre_tuned_model": model, "checkpoint": request.pre_tuned_checkpoint_id}
    content = source | {
        "train": _digest(request.train_uri),
        "validation": _digest(request.validation_uri) if request.validation_uri else "",
        "epoch_count": request.epoch_count,
        "adapter_size": request.adapter_size,
        "learning_rate_multiplier": float(request.learning_rate_multiplier),
        "export_last_checkpoint_only": request.export_last_checkpoint_only,
        "location": location,
        "kms_key_name": request.kms_key_name,
    }
    return hashlib.sha256(to_line(content).encode()).hexdigest()[:40]


def location_for(
    *, base_model: str, pre_tuned_model: str, tuning_location: str, location: str, catalog: Catalog
) -> str:
    """Return the region of a tuning job: where the pre-tuned model is, or what the catalogue says.

    Args:
        base_model: Base model to tune.
        pre_tuned_model: Tuned model to tune further instead; empty for none.
        tuning_location: Region that the spec asks for; empty for none.
        location: Region of the pipeline.
        catalog: Knows where each model is tuned.
    """
    if pre_tuned_model and not tuning_location:
        return location_of(pre_tuned_model)
    return catalog.tuning_location(base_model, tuning_location, location)


def check_request(request: TuningRequest, location: str, catalog: Catalog) -> None:
    """Refuse what is known to fail, naming what works, before anything is paid or locked.

    Raises:
        SpecError: The model does not support what is asked for.
    """
    if request.pre_tuned_model and (found := location_of(request.pre_tuned_model)) != location:
        raise SpecError(f"tuning_location: {location}, expected {found}, where {request.pre_tuned_model} is")
    model = catalog.find(request.base_model)
    if model is None:
        return
    if model.tuning_regions and location not in model.tuning_regions:
        raise SpecError(f"tuning_location: {location}, expected {_listed(model.tuning_regions)} for {model.id}")
    if request.adapter_size and model.adapter_sizes and request.adapter_size not in model.adapter_sizes:
        raise SpecError(f"adapter_size: {request.adapter_size}, expected {_listed(model.adapter_sizes)} for {model.id}")
    if request.kms_key_name and model.cmek is False:
        keyed = [known.id for known in catalog.models.values() if known.cmek]
        raise SpecError(f"kms_key_name: given, expected none for {model.id}", next=f"keys work with {_listed(keyed)}")


def _listed(values: Any) -> str:
    return "one of " + ", ".join(str(value) for value in values)


def _digest(uri: str) -> str:
    match = re.search(r"/([0-9a-f]{64})\.jsonl$", uri)
    if match is None:
        raise DataError(f"{uri}: name is no digest, expected gs://.../<sha256>.jsonl", next="upload it by content")
    return match[1]
