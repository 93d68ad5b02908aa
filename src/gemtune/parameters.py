"""The parameters of the tuning pipeline: names, defaults, ranges, and the text that explains each.

One flat list serves the spec, the pipeline's signature, the console's form and the JSON Schema. Unset is '' for text
and 0 for counts; -1 where 0 is a value.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gemtune import catalog
from gemtune.generation import safety
from gemtune.metrics.definitions import primary_choices
from gemtune.metrics.rules import MetricRules
from gemtune.resource_names import KmsKey, SecretName, matching

_NAME = re.compile(r"[a-z0-9-]{1,63}")
_EXPERIMENT = re.compile(r"[a-z0-9-]{4,63}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_THINKING = re.compile(r"default|minimal|low|medium|high|[0-9]{1,6}")


def _joined(value: Any) -> Any:
    """Accept a YAML list where the pipeline takes comma-separated text."""
    if isinstance(value, list) and all(isinstance(item, str) and "," not in item for item in value):
        return ", ".join(value)
    return value


def _digits(value: Any) -> Any:
    """Accept a thinking budget written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_TEXT_OR_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SAFETY = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"enum": [*safety.THRESHOLDS]}}]}
Uris = Annotated[str, BeforeValidator(_joined), WithJsonSchema(_TEXT_OR_LIST)]
Thinking = Annotated[str, BeforeValidator(_digits), WithJsonSchema({"type": ["string", "integer"]})]
SafetyThreshold = Annotated[str, BeforeValidator(safety.flat), AfterValidator(safety.checked), WithJsonSchema(_SAFETY)]
MetricName = Annotated[str, WithJsonSchema({"type": "string", "enum": primary_choices()})]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Parameters(MetricRules, BaseModel):
    """What the tuning pipeline is run with."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    name: str
    """Name of the spec: 1 to 63 lowercase letters, digits and hyphens. Becomes a label and part of names."""
    project: str = Field(min_length=1)
    """Google Cloud project id that everything is created and billed in."""
    bucket: str
    """Cloud Storage bucket, without gs://, for datasets, predictions and records."""
    train_data: Uris = Field(min_length=1)
    """Training examples: gs:// URIs, also with the wildcards * and ?, comma-separated."""
    location: str = "us-central1"
    """Region of the pipeline, such as us-central1."""
    tuning_location: str = ""
    """Region of the tuning job; empty = the pipeline's region if the base model can be tuned there, else a near one."""
    inference_location: str = ""
    """Location that base models are asked in; empty = as catalogued, `global` for Gemini 3."""
    validation_data: Uris = ""
    """Validation examples, written like train_data; empty = held out from train_data."""
    test_data: Uris = ""
    """Test examples, which tuning never sees, written like train_data; empty = held out from train_data."""
    data_format: Literal["auto", "messages", "contents", "prompt_completion", "input_output", "alpaca", "sharegpt"] = (
        "auto"
    )
    """Form of the sources; auto recognises each. alpaca has instruction and output, sharegpt has conversations."""
    prompt_template: str = ""
    """Text of the prompt with {column} for each column of the source; empty = the source holds whole prompts."""
    system_instruction: str = ""
    """Written into every example that has none, and sent to both models; empty = none."""
    max_train_examples: Count = 0
    """Most training examples to use; 0 = all."""
    max_validation_examples: Count = 0
    """Most validation examples to use; 0 = all."""
    max_test_examples: Count = 0
    """Most test examples to use; 0 = all."""
    sampling: Literal["random", "head"] = "random"
    """Which examples are used when there are more than the maximum: random or head (the first ones)."""
    sample_seed: Count = 0
    """Picks the random sample and the held-out examples; the same seed picks the same ones."""
    validation_fraction: Fraction = 0.1
    """Share of train_data held out for validation if validation_data is empty, in [0, 1)."""
    test_fraction: Fraction = 0.1
    """Share of train_data held out for the test if test_data is empty, in [0, 1)."""
    on_invalid: Literal["raise", "drop"] = "raise"
    """What to do with an example that breaks a rule: raise (stop) or drop (leave it out and list it)."""
    on_leakage: Literal["raise", "drop"] = "raise"
    """What to do with a training or validation example whose prompt is in the test, too: raise or drop."""
    base_model: str = Field("gemini-3.1-flash-lite", min_length=1)
    """Base model to tune and, unless baseline_model is set, to compare with."""
    pre_tuned_model: str = ""
    """Tuned model to tune further, as model@version or tuning job; empty = start from the base model."""
    pre_tuned_checkpoint_id: str = ""
    """Checkpoint of pre_tuned_model to start from; empty = its default checkpoint."""
    epoch_count: Count = 0
    """Passes over the training examples; 0 = the service chooses by their number."""
    adapter_size: Literal[0, 1, 2, 4, 8, 16] = 0
    """Size of the trained adapter: 1, 2, 4, 8 or 16; 0 = the service's default."""
    learning_rate_multiplier: float = Field(0.0, ge=0)
    """Factor on the service's learning rate, 1.0 = unchanged; 0 = the service's default."""
    export_last_checkpoint_only: bool = False
    """Keep only the last checkpoint instead of one per epoch."""
    tuned_model_display_name: str = Field("", max_length=128)
    """Display name of the tuned model, up to 128 characters; empty = made from the spec's name."""
    kms_key_name: KmsKey = ""
    """Cloud KMS key that encrypts the tuned model, projects/P/locations/L/keyRings/R/cryptoKeys/K; empty = Google's."""
    tuning_service_account: str = ""
    """Service account that the tuning job runs as; empty = Google's tuning agent."""
    force_retune: bool = False
    """Create a new tuning job, and pay for it, even if the same tuning was done before."""
    tuning_deadline_hours: float = Field(24.0, gt=0, le=168)
    """How long to wait for the tuning job, in hours, up to 168; the run fails and cancels it after that."""
    checkpoint_selection: Literal["last", "validation"] = "last"
    """Which checkpoint is evaluated: last, or validation (earliest within a standard error of the best there)."""
    temperature: float = Field(0.1, ge=-1, le=2)
    """Randomness of the answers, 0 to 2, -1 = the model's default; the same for both models, like all settings."""
    top_p: float = Field(-1.0, ge=-1, le=1)
    """Probability mass that tokens are drawn from, in (0, 1]; -1 = the model's default."""
    top_k: int = Field(-1, ge=-1, le=1000)
    """Number of tokens to draw from, 1 to 1000; -1 = the model's default."""
    max_output_tokens: int = Field(1024, ge=1, le=65_536)
    """Most tokens of an answer, 1 to 65536; longer ones are cut off and counted."""
    seed: int = Field(-1, ge=-1, le=2**31 - 1)
    """Seed of the answers, for better repeatability; -1 = none."""
    stop_sequences: list[str] = Field([], max_length=5)
    """Up to 5 texts that end an answer."""
    safety_threshold: SafetyThreshold = safety.DEFAULT
    """HarmBlockThreshold of the answers, OFF included; or one by category: HARASSMENT=OFF, HATE_SPEECH=OFF."""
    thinking: Thinking = "minimal"
    """How much models think: minimal, default (says nothing), low, medium, high, or a budget in tokens as digits."""
    request_timeout_seconds: int = Field(120, ge=1, le=3600)
    """How long to wait for one answer, in seconds, 1 to 3600."""
    max_in_flight: int = Field(32, ge=1, le=1000)
    """Most requests at a time and model, 1 to 1000; fewer while the service is busy."""
    generation_mode: Literal["online", "batch"] = "online"
    """How answers are generated: online (one request per prompt), or batch (one job, half the price, takes hours)."""
    generation_deadline_hours: float = Field(24.0, gt=0, le=168)
    """How long to wait for the answers of one model, in hours, up to 168; what has no answer then has failed."""
    prediction_max_age_days: Count = 30
    """Stored answers older than this many days are generated again; 0 = all of them."""
    task: Literal["summarization", "classification", "extractive_qa", "translation", "chat", "json"] = "summarization"
    """What the model is tuned for: summarization, classification, extractive_qa, translation, chat or json."""
    primary_metric: MetricName = "rougeL_f1"
    """The one metric of the task that decides, never a precision alone; a spec without it takes the task's headline."""
    rouge_profile: Literal["auto", "rouge-score", "unicode-1"] = "auto"
    """How ROUGE finds words: rouge-score (English), unicode-1 (any script), or auto (decided on the references)."""
    baseline_model: str = ""
    """Model to beat: base model, endpoint, model@version, tuning job, or promoted (last, by a run of this spec)."""
    minimum_improvement: float = Field(0.0, ge=0, le=100)
    """The low end of the gain's 95 % interval must reach this to promote: 0 to 1, or points of BLEU and chrF2."""
    guard_metrics: dict[str, Annotated[float, Field(ge=-100, le=0)]] = {}
    """Metrics that must not get worse: name -> lowest low end of the gain to accept, such as -0.01, or -1 point."""
    max_truncated_share: Share = 0.05
    """Above this share of cut-off answers of a model the comparison is invalid, 0 to 1."""
    max_blocked_share: Share = 0.05
    """Above this share of blocked, or of empty, answers of a model the comparison is invalid, 0 to 1."""
    max_unscored_share: Share = 0.02
    """Above this share of prompts without an answer the run fails, of examples without a score it is invalid."""
    max_cost_usd: float = Field(0.0, ge=0)
    """The run stops before anything is paid if it may cost more than this, in USD; 0 = no limit."""
    catalog_overrides: dict[str, dict[str, Any]] = {}
    """Corrections to the model catalogue, prices for instance: {model id: {key: value}}; keys as in catalog.toml."""
    experiment: str = ""
    """Vertex AI experiment that runs are logged in, 4 to 63 of a-z, 0-9 and -; empty = one with the spec's name."""
    webhook_secret: SecretName = ""
    """Secret in Secret Manager with a Slack-compatible webhook's address: its id or full name; empty = none."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        return matching(_NAME, value, "1 to 63 lowercase letters, digits and hyphens: it becomes a label")

    @field_validator("experiment")
    @classmethod
    def _check_experiment(cls, value: str) -> str:
        return value and matching(_EXPERIMENT, value, "4 to 63 lowercase letters, digits and hyphens")

    @field_validator("bucket")
    @classmethod
    def _check_bucket(cls, value: str) -> str:
        expected = "a bucket's name without gs://" if value.startswith("gs://") else "a bucket's name, as in my-bucket"
        return matching(_BUCKET, value, expected)

    @field_validator("location")
    @classmethod
    def _check_location(cls, value: str) -> str:
        return matching(_REGION, value, "a region such as us-central1: pipelines run in one region")

    @field_validator("top_p", "top_k")
    @classmethod
    def _check_draw(cls, value: float) -> float:
        if -1 < value <= 0:
            raise ValueError("more than 0, or -1 for the model's default")
        return value

    @field_validator("thinking")
    @classmethod
    def _check_thinking(cls, value: str) -> str:
        return matching(_THINKING, value, "minimal, default, low, medium, high, or a budget in tokens as digits")

    @field_validator("catalog_overrides")
    @classmethod
    def _check_overrides(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        catalog.load(value)
        return value

    @field_validator("generation_mode")
    @classmethod
    def _check_mode(cls, value: str, info: ValidationInfo) -> str:
        if value == "batch" and info.data.get("checkpoint_selection") == "validation":
            raise ValueError(
                "online with checkpoint_selection: validation, as a batch job asks a model's default checkpoint only"
            )
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.pre_tuned_checkpoint_id and not self.pre_tuned_model:
            raise ValueError(
                "pre_tuned_checkpoint_id is given, expected pre_tuned_model, too: it is one of its checkpoints"
            )
        validation = 0 if self.validation_data else self.validation_fraction
        test = 0 if self.test_data else self.test_fraction
        if validation + test >= 1:
            raise ValueError("validation_fraction and test_fraction leave nothing to train on, expected a sum below 1")
        return self
