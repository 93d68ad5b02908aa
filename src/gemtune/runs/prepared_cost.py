"""The cost of one run, from its prepared dataset: counts the tokens at the service, finds out what the baseline is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gemtune.catalog import Catalog
from gemtune.data.token_count import DatasetTokens, count_dataset, counter
from gemtune.errors import ServiceError
from gemtune.runs.cost import Plan, estimate
from gemtune.serving import resolve_model
from gemtune.vertex import genai_client

COUNT_SECONDS = 20.0
"""How long one count may take: an estimate is not worth waiting long for a service that is out of reach."""


def count_run(
    train: Path,
    test: Path,
    validation_prompts: Path,
    *,
    project: str,
    location: str,
    inference_location: str,
    base_model: str,
    checkpoint_selection: str,
    seed: int,
    catalog: Catalog,
) -> DatasetTokens:
    """Return the tokens that a run pays for; nothing is paid for knowing them.

    Where the service does not count, they are estimated offline, which is said on stderr.

    Args:
        train: train.jsonl.
        test: test.jsonl.
        validation_prompts: The validation split in the form of the test split.
        project: Google Cloud project that asks.
        location: Region of the pipeline.
        inference_location: Where base models are asked; empty for what the catalogue says.
        base_model: Base model that is tuned.
        checkpoint_selection: last, or validation: every checkpoint is asked the validation prompts.
        seed: Picks the examples that are counted.
        catalog: Locations.
    """
    trials = validation_prompts if checkpoint_selection == "validation" else None
    serving = catalog.serving_location(base_model, inference_location, location)
    try:
        client = genai_client(project, serving, timeout_seconds=COUNT_SECONDS)
        return count_dataset(train, test, trials, ask=counter(client, base_model), seed=seed)
    except ServiceError as error:
        print(f"tokens are estimated offline, the service did not count them: {error}", file=sys.stderr)
        return count_dataset(train, test, trials)


def price_run(
    tokens: DatasetTokens,
    *,
    project: str,
    location: str,
    inference_location: str,
    base_model: str,
    baseline_model: str,
    epoch_count: int,
    export_last_checkpoint_only: bool,
    generation_mode: str,
    max_output_tokens: int,
    catalog: Catalog,
) -> dict[str, Any]:
    """Return what a run will cost, as `gemtune.runs.cost.estimate` does.

    Where the service does not know the baseline, that term is unknown, which is said on stderr and ends no run that
    has no cap.

    Args:
        tokens: What `count_run` returned.
        project: Google Cloud project that asks.
        location: Region of the pipeline.
        inference_location: Where base models are asked; empty for what the catalogue says.
        base_model: Base model that is tuned.
        baseline_model: Any name of the model to compare with; empty for the base model.
        epoch_count: Passes over the training examples; 0 = the service chooses.
        export_last_checkpoint_only: Only one checkpoint is kept.
        generation_mode: online, or batch at half the price.
        max_output_tokens: Longest answer.
        catalog: Locations and prices.
    """
    baseline, is_tuned = _baseline(baseline_model or base_model, project, location, inference_location, catalog)
    plan = Plan(
        base_model=base_model,
        epoch_count=epoch_count,
        max_output_tokens=max_output_tokens,
        baseline_model=baseline,
        baseline_is_tuned=is_tuned,
        last_checkpoint_only=export_last_checkpoint_only,
        in_batch=generation_mode == "batch",
    )
    return estimate(tokens, plan, catalog)


def _baseline(name: str, project: str, location: str, inference_location: str, catalog: Catalog) -> tuple[str, bool]:
    """Return the base model that decides the baseline's price, empty if unknown, and whether the baseline is tuned."""
    try:
        served = resolve_model(
            name, project=project, location=location, inference_location=inference_location, catalog=catalog
        )
    except ServiceError as error:
        print(f"the cost of the baseline is unknown: {error}", file=sys.stderr)
        return "", True
    return served.base_model, served.model.startswith("projects/")
