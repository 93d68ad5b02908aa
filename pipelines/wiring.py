"""What the pipelines have in common: tasks wired by the names of their inputs, and a model's answers with their scores.

A step's input that has the name of a pipeline parameter gets that parameter. What a pipeline names at a step is what
comes from another step, or differs between two tasks of the same step.
"""

from collections.abc import Mapping
from typing import Any

from kfp import dsl

from components.compare_models import compare_models
from components.generate_predictions import generate_predictions
from components.prepare_dataset import prepare_dataset
from components.score_predictions import score_predictions
from components.stage_sources import stage_sources

JOB = {
    "job_id": dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
    "job_resource_name": dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
}
"""What every step may know of the pipeline job, filled in by the pipeline service."""


def task_of(step: Any, title: str, given: Mapping[str, Any], *, cached: bool = False, **own: Any) -> Any:
    """Return a task of a step, with the display name that people see in the console.

    Args:
        step: Component.
        title: Display name.
        given: Parameters of the pipeline; those that the step has an input for are handed on.
        cached: Whether KFP may take the task's outputs from an earlier run.
        own: Inputs of this task that are no parameters of the pipeline, or have another value.
    """
    inputs = step.component_spec.inputs
    known = {name: value for name, value in {**given, **JOB}.items() if name in inputs}
    task = step(**{**known, **own})
    return task.set_display_name(title).set_caching_options(cached)


def prepared(given: Mapping[str, Any], **own: Any) -> tuple[Any, Any]:
    """Return the dataset that the pipeline's sources are converted to, and the name of the model to beat.

    Conversion is the one step that KFP caches. It prices the baseline, so it is not taken from before where
    `baseline_model: promoted` has come to mean another model.
    """
    found = task_of(stage_sources, "Stage sources", given).outputs
    own |= {"sources_uri": found["sources_uri"], "baseline_model": found["baseline_model"]}
    return task_of(prepare_dataset, "Data conversion", given, cached=True, **own), found["baseline_model"]


def measured(given: Mapping[str, Any], dataset: Any, *, side: str, model: Any, fallback_model: Any = "") -> Any:
    """Return a model's answers to the test split, and their scores.

    Both sides are made here of the same parameters: a comparison with unequal settings cannot be written.
    """
    answers = task_of(
        generate_predictions,
        f"{side.capitalize()}: generate",
        given,
        prompts_uri=dataset.outputs["test_uri"],
        model=model,
        fallback_model=fallback_model,
        side=side,
    )
    scores = task_of(
        score_predictions,
        f"{side.capitalize()}: score",
        given,
        side=side,
        predictions=answers.outputs["predictions"],
        test=dataset.outputs["test"],
    )
    return answers.outputs["predictions"], scores.outputs["scores"]


def compared(given: Mapping[str, Any], dataset: Any, baseline: Any, candidate: Any, **tuning: Any) -> Any:
    """Return the comparison of two sides that `measured` returned; `tuning` is what there is only after tuning."""
    return task_of(
        compare_models,
        "Comparison",
        given,
        **{name: dataset.outputs[name] for name in ("train_uri", "validation_uri", "test_uri", "test", "ledger")},
        cost_estimate=dataset.outputs["cost_estimate"],
        baseline_predictions=baseline[0],
        baseline_scores=baseline[1],
        tuned_predictions=candidate[0],
        tuned_scores=candidate[1],
        **tuning,
    )
