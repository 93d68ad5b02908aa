"""The whole run: raw data to a decision about a tuned model. tuning_email.py ends the same DAG in an e-mail."""

from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl

from components.notify import notify
from components.promote_model import promote_model
from components.select_checkpoint import select_checkpoint
from components.tune_model import tune_model
from pipelines.compiler import form_of
from pipelines.wiring import compared, measured, prepared, task_of


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
    given = {**locals()}
    with dsl.ExitHandler(finish, name="Tuning run"):
        dataset, named_baseline = prepared(given)
        baseline = measured(given, dataset, side="baseline", model=named_baseline, fallback_model=base_model)

        splits = {name: dataset.outputs[name] for name in ("train_uri", "validation_uri")}
        tuned = task_of(tune_model, "Tuning", given, **splits)
        model = dsl.importer(
            artifact_uri=tuned.outputs["model_uri"],
            artifact_class=VertexModel,
            metadata={"resourceName": tuned.outputs["model"]},
        )
        model.set_display_name("Tuned model")
        checkpoint = task_of(
            select_checkpoint,
            "Checkpoint selection",
            given,
            prompts_uri=dataset.outputs["validation_prompts_uri"],
            tuning_job=tuned.outputs["tuning_job"],
        )
        endpoint = checkpoint.outputs["endpoint"]
        candidate = measured(given, dataset, side="tuned", model=endpoint)

        decision = compared(
            given,
            dataset,
            baseline,
            candidate,
            tuning_job=tuned.outputs["tuning_job"],
            curves=tuned.outputs["curves"],
            selection=checkpoint.outputs["selection"],
        )
        with dsl.If(decision.outputs["Output"] == "promote", name="Promote if decided"):
            task_of(
                promote_model,
                "Promotion",
                given,
                endpoint=endpoint,
                model=tuned.outputs["model"],
                checkpoint_id=checkpoint.outputs["checkpoint_id"],
                comparison=decision.outputs["comparison"],
            )


@dsl.pipeline(name="gemini-tuning", display_name="Gemini tuning")
@form_of(tune_and_compare)
def tuning(experiment: str = "", webhook_secret: str = "", **given):
    """Tune a Gemini model, measure it beside its baseline on the same examples, and promote it only if it is better."""
    finish = task_of(notify, "Notification", given, experiment=experiment, webhook_secret=webhook_secret)
    tune_and_compare(finish, **given)
