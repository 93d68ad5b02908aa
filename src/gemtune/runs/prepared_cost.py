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


def estimate_run(
    train: Path,
    test: Path,
    validation_prompts: Path,
    *,
    project: str,
    location: str,
    inference_location: str,
    base_model: str,
    baseline_model: str,
    epoch_count: int,
    export_last_checkpoint_only: bool,
    checkpoint_selection: str,
    generation_mode: str,
    max_output_tokens: int,
    seed: int,
    catalog: Catalog,
) -> dict[str, Any]:
    """Return what a run will cost, as `gemtune.runs.cost.estimate` does; nothing is paid for knowing it.

    Where the service does not count, the tokens are estimated offline; where it does not know the baseline, that
    term is unknown. Both are said on stderr, and neither ends a run that has no cap.

    Args:
        train: train.jsonl.
        test: test.jsonl.
        validation_prompts: The validation split in the form of the test split.
        project: Google Cloud project that asks.
        location: Region of the pipeline.
        inference_location: Where base models are asked; empty for what the catalogue says.
        base_model: Base model that is tuned.
        baseline_model: Any name of the model to compare with; empty for the base model.
        epoch_count: Passes over the training examples; 0 = the service chooses.
        export_last_checkpoint_only: Only one checkpoint is kept.
        checkpoint_selection: last, or validation: every checkpoint is asked the validation prompts.
        generation_mode: online, or batch at half the price.
        max_output_tokens: Longest answer.
        seed: Picks the examples that are counted.
        catalog: Locations and prices.
    """
    tokens = count_run(
        train,
        test,
        validation_prompts,
        project=project,
        location=location,
        inference_location=inference_location,
        base_model=base_model,
        checkpoint_selection=checkpoint_selection,
        seed=seed,
        catalog=catalog,
    )
    return price_run(
        tokens,
        project=project,
        location=location,
        inference_location=inference_location,
        base_model=base_model,
        baseline_model=baseline_model,
        epoch_count=epoch_count,
        export_last_checkpoint_only=export_last_checkpoint_only,
        generation_mode=generation_mode,
        max_output_tokens=max_output_tokens,
        catalog=catalog,
    )


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
    """Return the tokens that a run pays for; the arguments are those of `estimate_run`."""
    return count_tokens(
        train,
        test,
        validation_prompts if checkpoint_selection == "validation" else None,
        project=project,
        location=catalog.serving_location(base_model, inference_location, location),
        model=base_model,
        seed=seed,
    )


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
    """Return what these tokens cost in a run; the arguments are those of `estimate_run`."""
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


def count_tokens(
    train: Path, test: Path, trials: Path | None, *, project: str, location: str, model: str, seed: int
) -> DatasetTokens:
    """Return the tokens of a dataset, counted at the service, or estimated offline if it does not count."""
    try:
        client = genai_client(project, location, timeout_seconds=COUNT_SECONDS)
        return count_dataset(train, test, trials, ask=counter(client, model), seed=seed)
    except ServiceError as error:
        print(f"tokens are estimated offline, the service did not count them: {error}", file=sys.stderr)
        return count_dataset(train, test, trials)


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
