"""Any two models on a dataset: the evaluation of the whole run without its tuning, and without a promotion."""

from functools import partial

from kfp import dsl

from components.compare_models import compare_models
from components.generate_predictions import generate_predictions
from components.notify import notify
from components.prepare_dataset import prepare_dataset
from components.score_predictions import score_predictions
from components.stage_sources import stage_sources
from pipelines.compiler import described

JOB_ID = dsl.PIPELINE_JOB_NAME_PLACEHOLDER
JOB_RESOURCE_NAME = dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER


@dsl.pipeline(name="gemini-evaluation", display_name="Gemini evaluation")
@partial(
    described,
    candidate_model="Model to compare with the baseline: a base model, endpoint, model@version or tuning job.",
    train_data="Sources that the test examples are held out from; empty with test_data, then nothing else is read.",
)
def evaluation(
    name: str,
    project: str,
    bucket: str,
    candidate_model: str,
    baseline_model: str = "",
    test_data: str = "",
    train_data: str = "",
    validation_data: str = "",
    location: str = "us-central1",
    inference_location: str = "",
    data_format: str = "auto",
    prompt_template: str = "",
    system_instruction: str = "",
    max_test_examples: int = 0,
    sampling: str = "random",
    sample_seed: int = 0,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    on_invalid: str = "raise",
    on_leakage: str = "raise",
    base_model: str = "gemini-3.1-flash-lite",
    temperature: float = 0.1,
    top_p: float = -1.0,
    top_k: int = -1,
    max_output_tokens: int = 1024,
    seed: int = -1,
    stop_sequences: list = [],  # noqa: B006 - KFP reads the default, nobody changes it
    safety_threshold: str = "BLOCK_ONLY_HIGH",
    thinking: str = "minimal",
    request_timeout_seconds: int = 120,
    max_in_flight: int = 32,
    generation_mode: str = "online",
    generation_deadline_hours: float = 24.0,
    prediction_max_age_days: int = 30,
    task: str = "summarization",
    primary_metric: str = "rougeL_f1",
    rouge_profile: str = "auto",
    minimum_improvement: float = 0.0,
    guard_metrics: dict = {},  # noqa: B006 - as above
    max_truncated_share: float = 0.05,
    max_blocked_share: float = 0.05,
    max_unscored_share: float = 0.02,
    catalog_overrides: dict = {},  # noqa: B006 - as above
    webhook_secret: str = "",
):
    """Measure two models on the same examples, and say whether the second is better than the first."""
    finish = notify(
        project=project,
        bucket=bucket,
        name=name,
        location=location,
        tuning_location="",
        base_model=base_model,
        pre_tuned_model="",
        catalog_overrides=catalog_overrides,
        webhook_secret=webhook_secret,
        job_resource_name=JOB_RESOURCE_NAME,
    )
    finish.set_display_name("Notification").set_caching_options(False)
    with dsl.ExitHandler(finish, name="Evaluation run"):
        sources = stage_sources(
            project=project,
            bucket=bucket,
            train_data=train_data,
            validation_data=validation_data,
            test_data=test_data,
            job_id=JOB_ID,
        )
        sources.set_display_name("Stage sources").set_caching_options(False)

        dataset = prepare_dataset(
            project=project,
            bucket=bucket,
            sources_uri=sources.output,
            data_format=data_format,
            prompt_template=prompt_template,
            system_instruction=system_instruction,
            max_train_examples=0,
            max_validation_examples=0,
            max_test_examples=max_test_examples,
            sampling=sampling,
            sample_seed=sample_seed,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            on_invalid=on_invalid,
            on_leakage=on_leakage,
            location=location,
            inference_location=inference_location,
            base_model=base_model,
            baseline_model=baseline_model,
            task=task,
            epoch_count=0,
            adapter_size=0,
            max_output_tokens=max_output_tokens,
            max_cost_usd=0.0,
            catalog_overrides=catalog_overrides,
            for_tuning=False,
        )
        dataset.set_display_name("Data conversion")

        # One dictionary for both models: a comparison with unequal settings cannot be written.
        asked = {
            "project": project,
            "bucket": bucket,
            "prompts_uri": dataset.outputs["test_uri"],
            "location": location,
            "inference_location": inference_location,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "max_output_tokens": max_output_tokens,
            "seed": seed,
            "stop_sequences": stop_sequences,
            "safety_threshold": safety_threshold,
            "thinking": thinking,
            "request_timeout_seconds": request_timeout_seconds,
            "max_in_flight": max_in_flight,
            "generation_mode": generation_mode,
            "generation_deadline_hours": generation_deadline_hours,
            "prediction_max_age_days": prediction_max_age_days,
            "catalog_overrides": catalog_overrides,
            "job_id": JOB_ID,
        }
        scored = {
            "project": project,
            "bucket": bucket,
            "task": task,
            "rouge_profile": rouge_profile,
            "max_unscored_share": max_unscored_share,
            "job_id": JOB_ID,
            "test": dataset.outputs["test"],
        }

        baseline = generate_predictions(model=baseline_model, fallback_model=base_model, side="baseline", **asked)
        baseline.set_display_name("Baseline: generate").set_caching_options(False)
        baseline_scores = score_predictions(side="baseline", predictions=baseline.outputs["predictions"], **scored)
        baseline_scores.set_display_name("Baseline: score").set_caching_options(False)

        candidate = generate_predictions(model=candidate_model, fallback_model="", side="candidate", **asked)
        candidate.set_display_name("Candidate: generate").set_caching_options(False)
        candidate_scores = score_predictions(side="candidate", predictions=candidate.outputs["predictions"], **scored)
        candidate_scores.set_display_name("Candidate: score").set_caching_options(False)

        decision = compare_models(
            project=project,
            bucket=bucket,
            name=name,
            primary_metric=primary_metric,
            minimum_improvement=minimum_improvement,
            guard_metrics=guard_metrics,
            max_truncated_share=max_truncated_share,
            max_blocked_share=max_blocked_share,
            max_unscored_share=max_unscored_share,
            catalog_overrides=catalog_overrides,
            job_resource_name=JOB_RESOURCE_NAME,
            train_uri=dataset.outputs["train_uri"],
            validation_uri=dataset.outputs["validation_uri"],
            test_uri=dataset.outputs["test_uri"],
            test=dataset.outputs["test"],
            ledger=dataset.outputs["ledger"],
            cost_estimate=dataset.outputs["cost_estimate"],
            baseline_predictions=baseline.outputs["predictions"],
            baseline_scores=baseline_scores.outputs["scores"],
            tuned_predictions=candidate.outputs["predictions"],
            tuned_scores=candidate_scores.outputs["scores"],
        )
        decision.set_display_name("Comparison").set_caching_options(False)
