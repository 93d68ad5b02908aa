"""Any two models on a dataset: the evaluation of the whole run without its tuning, and without a promotion."""

from functools import partial

from kfp import dsl

from components.notify import notify
from pipelines.compiler import described
from pipelines.wiring import compared, measured, prepared, task_of

UNTUNED = {
    "max_train_examples": 0,
    "max_validation_examples": 0,
    "epoch_count": 0,
    "adapter_size": 0,
    "max_cost_usd": 0.0,
    "for_tuning": False,
}
"""What data conversion is told where nothing is tuned."""


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
    experiment: str = "",
    webhook_secret: str = "",
):
    """Measure two models on the same examples, and say whether the second is better than the first."""
    given = {**locals()}
    finish = task_of(notify, "Notification", given, tuning_location="", pre_tuned_model="")
    with dsl.ExitHandler(finish, name="Evaluation run"):
        dataset, named_baseline = prepared(given, **UNTUNED)
        baseline = measured(given, dataset, side="baseline", model=named_baseline, fallback_model=base_model)
        candidate = measured(given, dataset, side="candidate", model=candidate_model)
        compared(given, dataset, baseline, candidate)
