"""The whole run: raw data to a decision about a tuned model. tuning_email.py ends the same DAG in an e-mail."""

from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl

from components.compare_models import compare_models
from components.generate_predictions import generate_predictions
from components.notify import notify
from components.prepare_dataset import prepare_dataset
from components.promote_model import promote_model
from components.score_predictions import score_predictions
from components.select_checkpoint import select_checkpoint
from components.stage_sources import stage_sources
from components.tune_model import tune_model
from pipelines.compiler import form_of

JOB_ID = dsl.PIPELINE_JOB_NAME_PLACEHOLDER
JOB_RESOURCE_NAME = dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER


def tune_and_compare(
    finish: dsl.PipelineTask,
    name: str,
    project: str,
    bucket: str,
    train_data: str,
    location: str = "us-central1",
    tuning_location: str = "",
    inference_location: str = "",
    validation_data: str = "",
    test_data: str = "",
    data_format: str = "auto",
    prompt_template: str = "",
    system_instruction: str = "",
    max_train_examples: int = 0,
    max_validation_examples: int = 0,
    max_test_examples: int = 0,
    sampling: str = "random",
    sample_seed: int = 0,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    on_invalid: str = "raise",
    on_leakage: str = "raise",
    base_model: str = "gemini-3.1-flash-lite",
    pre_tuned_model: str = "",
    pre_tuned_checkpoint_id: str = "",
    epoch_count: int = 0,
    adapter_size: int = 0,
    learning_rate_multiplier: float = 0.0,
    export_last_checkpoint_only: bool = False,
    tuned_model_display_name: str = "",
    kms_key_name: str = "",
    tuning_service_account: str = "",
    force_retune: bool = False,
    tuning_deadline_hours: float = 24.0,
    checkpoint_selection: str = "last",
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
    baseline_model: str = "",
    minimum_improvement: float = 0.0,
    guard_metrics: dict = {},  # noqa: B006 - as above
    max_truncated_share: float = 0.05,
    max_blocked_share: float = 0.05,
    max_unscored_share: float = 0.02,
    max_cost_usd: float = 0.0,
    catalog_overrides: dict = {},  # noqa: B006 - as above
):
    """Wire all steps between the raw data and the task that ends the run, whatever happens."""
    finish.set_display_name("Notification").set_caching_options(False)
    with dsl.ExitHandler(finish, name="Tuning run"):
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
            max_train_examples=max_train_examples,
            max_validation_examples=max_validation_examples,
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
            epoch_count=epoch_count,
            adapter_size=adapter_size,
            max_output_tokens=max_output_tokens,
            max_cost_usd=max_cost_usd,
            catalog_overrides=catalog_overrides,
            export_last_checkpoint_only=export_last_checkpoint_only,
            checkpoint_selection=checkpoint_selection,
            generation_mode=generation_mode,
        )
        dataset.set_display_name("Data conversion")

        # One dictionary for both models: a comparison with unequal settings cannot be written.
        settings = {
            "project": project,
            "bucket": bucket,
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
        asked = {
            **settings,
            "prompts_uri": dataset.outputs["test_uri"],
            "location": location,
            "inference_location": inference_location,
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

        tuned = tune_model(
            project=project,
            bucket=bucket,
            name=name,
            location=location,
            tuning_location=tuning_location,
            train_uri=dataset.outputs["train_uri"],
            validation_uri=dataset.outputs["validation_uri"],
            base_model=base_model,
            pre_tuned_model=pre_tuned_model,
            pre_tuned_checkpoint_id=pre_tuned_checkpoint_id,
            epoch_count=epoch_count,
            adapter_size=adapter_size,
            learning_rate_multiplier=learning_rate_multiplier,
            export_last_checkpoint_only=export_last_checkpoint_only,
            tuned_model_display_name=tuned_model_display_name,
            kms_key_name=kms_key_name,
            tuning_service_account=tuning_service_account,
            force_retune=force_retune,
            tuning_deadline_hours=tuning_deadline_hours,
            catalog_overrides=catalog_overrides,
            job_id=JOB_ID,
        )
        tuned.set_display_name("Tuning").set_caching_options(False)

        model = dsl.importer(
            artifact_uri=tuned.outputs["model_uri"],
            artifact_class=VertexModel,
            metadata={"resourceName": tuned.outputs["model"]},
        )
        model.set_display_name("Tuned model")

        checkpoint = select_checkpoint(
            prompts_uri=dataset.outputs["validation_prompts_uri"],
            checkpoint_selection=checkpoint_selection,
            primary_metric=primary_metric,
            task=task,
            rouge_profile=rouge_profile,
            max_unscored_share=max_unscored_share,
            tuning_job=tuned.outputs["tuning_job"],
            **settings,
        )
        checkpoint.set_display_name("Checkpoint selection").set_caching_options(False)
        endpoint = checkpoint.outputs["endpoint"]

        candidate = generate_predictions(model=endpoint, fallback_model="", side="tuned", **asked)
        candidate.set_display_name("Tuned: generate").set_caching_options(False)
        candidate_scores = score_predictions(side="tuned", predictions=candidate.outputs["predictions"], **scored)
        candidate_scores.set_display_name("Tuned: score").set_caching_options(False)

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
            tuning_job=tuned.outputs["tuning_job"],
            curves=tuned.outputs["curves"],
            selection=checkpoint.outputs["selection"],
            baseline_predictions=baseline.outputs["predictions"],
            baseline_scores=baseline_scores.outputs["scores"],
            tuned_predictions=candidate.outputs["predictions"],
            tuned_scores=candidate_scores.outputs["scores"],
        )
        decision.set_display_name("Comparison").set_caching_options(False)

        with dsl.If(decision.outputs["Output"] == "promote", name="Promote if decided"):
            promotion = promote_model(
                project=project,
                bucket=bucket,
                name=name,
                endpoint=endpoint,
                model=tuned.outputs["model"],
                checkpoint_id=checkpoint.outputs["checkpoint_id"],
                job_id=JOB_ID,
                comparison=decision.outputs["comparison"],
            )
            promotion.set_display_name("Promotion").set_caching_options(False)


@dsl.pipeline(name="gemini-tuning", display_name="Gemini tuning")
@form_of(tune_and_compare)
def tuning(webhook_secret: str = "", **given):
    """Tune a Gemini model, measure it beside its baseline on the same examples, and promote it only if it is better."""
    told = ("project", "bucket", "name", "location", "tuning_location", "base_model", "pre_tuned_model")
    finish = notify(
        **{key: given[key] for key in told},
        catalog_overrides=given["catalog_overrides"],
        webhook_secret=webhook_secret,
        job_resource_name=JOB_RESOURCE_NAME,
    )
    tune_and_compare(finish, **given)
