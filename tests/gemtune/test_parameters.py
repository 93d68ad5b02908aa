from typing import Any

import pytest
from pydantic import ValidationError

from gemtune.metrics.definitions import METRICS, TASKS, primary_choices
from gemtune.spec import TuningSpec
from gemtune.spec_problems import describe
from gemtune.submission import Submission

MINIMAL: dict[str, Any] = {"name": "my-task", "project": "my-project", "bucket": "my-bucket", "train_data": "a.jsonl"}


def spec(**keys: Any) -> TuningSpec:
    return TuningSpec.model_validate({**MINIMAL, **keys})


def problems(**keys: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        spec(**keys)
    return describe(error.value, TuningSpec, {}, "spec.yaml")


def test_the_defaults_are_those_of_the_fixed_interface() -> None:
    fixed = {
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
        "epoch_count": 0,
        "tuning_deadline_hours": 24,
        "temperature": 0.1,
        "top_p": -1,
        "top_k": -1,
        "max_output_tokens": 1024,
        "seed": -1,
        "stop_sequences": [],
        "safety_threshold": "BLOCK_ONLY_HIGH",
        "thinking": "minimal",
        "request_timeout_seconds": 120,
        "max_in_flight": 32,
        "prediction_max_age_days": 30,
        "primary_metric": "rougeL_f1",
        "guard_metrics": {},
        "max_truncated_share": 0.05,
        "max_blocked_share": 0.05,
        "max_unscored_share": 0.02,
    }
    parameters = spec().parameters()
    assert {key: parameters[key] for key in fixed} == fixed


@pytest.mark.parametrize("kind", [TuningSpec, Submission])
def test_every_key_is_described_on_one_line(kind: type[TuningSpec] | type[Submission]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description and field.description.endswith("."), name
        assert "\n" not in field.description, name


def test_the_primary_metrics_on_offer_are_those_that_can_decide() -> None:
    offered = TuningSpec.model_json_schema()["properties"]["primary_metric"]["enum"]
    assert offered == primary_choices()
    neither = {name for name, metric in METRICS.items() if metric.direction == "neither"}
    assert set(METRICS) - set(offered) == neither | {f"rouge{kind}_precision" for kind in ("1", "2", "L", "Lsum")}


@pytest.mark.parametrize("task", TASKS)
def test_a_spec_without_a_primary_metric_takes_the_headline_of_its_task(task: str) -> None:
    assert spec(task=task).primary_metric == TASKS[task].headline
    assert spec(task=task, primary_metric=TASKS[task].headline).task == task


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            {"primary_metric": "rougeL_precision"},
            "primary_metric: 'rougeL_precision', expected `rougeL_f1`: precision alone rewards saying little",
        ),
        (
            {"task": "classification", "primary_metric": "rougeL_f1"},
            "primary_metric: 'rougeL_f1', expected a metric of the task classification: accuracy, macro_f1",
        ),
        (
            {"primary_metric": "novelty"},
            "primary_metric: 'novelty', expected a metric of the task summarization: rouge1_f1",
        ),
        (
            {"task": "translation", "guard_metrics": {"rouge1_f1": -0.1}},
            "guard_metrics: {'rouge1_f1': -0.1}, expected a metric of the task translation: chrf2, bleu",
        ),
        ({"task": "translation", "minimum_improvement": 101}, "minimum_improvement: 101, expected at most 100"),
        ({"task": ["chat"]}, "task: ['chat'], expected one of summarization"),
    ],
)
def test_a_metric_that_cannot_decide_is_refused_with_the_reason(keys: dict[str, Any], problem: str) -> None:
    (found,) = problems(**keys)
    assert found.startswith(f"spec.yaml: {problem}")


def test_points_may_gain_more_than_one() -> None:
    assert spec(task="translation", minimum_improvement=1.5, guard_metrics={"bleu": -2}).minimum_improvement == 1.5


def test_a_list_of_sources_becomes_comma_separated_text() -> None:
    assert spec(train_data=["a.jsonl", "gs://b/*.csv"]).train_data == "a.jsonl, gs://b/*.csv"


def test_whole_numbers_stand_for_fractions_and_budgets() -> None:
    found = spec(temperature=0, thinking=512)
    assert (found.temperature, found.thinking) == (0.0, "512")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"epochs": 3}, "epochs: unknown key, did you mean `epoch_count`?"),
        (
            {"submission": {"experiment": "e"}},
            "submission.experiment: unknown key here: `experiment` is a key of the spec itself",
        ),
        ({"max_cost_usd": -1}, "max_cost_usd: -1, expected at least 0: The run stops"),
        ({"epoch_count": -1}, "epoch_count: -1, expected at least 0: Passes over"),
        ({"epoch_count": 1.5}, "epoch_count: 1.5, expected a whole number: "),
        ({"epoch_count": "3"}, "epoch_count: '3', expected a whole number: "),
        ({"epoch_count": True}, "epoch_count: true, expected a whole number: "),
        ({"adapter_size": 32}, "adapter_size: 32, expected one of 0, 1, 2, 4, 8, 16"),
        ({"temperature": 2.1}, "temperature: 2.1, expected at most 2: Randomness"),
        ({"temperature": False}, "temperature: false, expected a number: "),
        ({"top_p": 0}, "top_p: 0, expected more than 0, or -1"),
        ({"top_k": 0}, "top_k: 0, expected more than 0, or -1"),
        ({"tuning_deadline_hours": 0}, "tuning_deadline_hours: 0, expected more than 0: "),
        ({"test_fraction": 1}, "test_fraction: 1, expected less than 1: "),
        ({"minimum_improvement": 5}, "minimum_improvement: 5, expected at most 1: the"),
        ({"base_model": True}, "base_model: true, expected text: put it in quotes"),
        ({"base_model": 3}, "base_model: 3, expected text: put it in quotes"),
        ({"base_model": None}, "base_model: nothing, expected text: give a value, or remove the line"),
        ({"base_model": ""}, "base_model: '', expected some text: "),
        ({"force_retune": "yes"}, "force_retune: 'yes', expected true or false: "),
        ({"thinking": "lots"}, "thinking: 'lots', expected minimal, default, low"),
        ({"thinking": True}, "thinking: true, expected text"),
        ({"stop_sequences": "x"}, "stop_sequences: 'x', expected a list: "),
        (
            {"stop_sequences": list("abcdef")},
            "stop_sequences: ['a', 'b', 'c', 'd', 'e', 'f'], expected at most 5 of them",
        ),
        ({"stop_sequences": [1]}, "stop_sequences.0: 1, expected text: put it in quotes"),
        ({"data_format": "message"}, "data_format: 'message', expected one of auto, messages"),
        ({"generation_mode": "stream"}, "generation_mode: 'stream', expected one of online, batch"),
        (
            {"generation_mode": "batch", "checkpoint_selection": "validation"},
            "generation_mode: 'batch', expected online with checkpoint_selection: validation",
        ),
        ({"safety_threshold": "OF"}, "safety_threshold: 'OF', expected one of BLOCK_LOW_AND_ABOVE, "),
        (
            {"safety_threshold": {"HARASMENT": "OFF"}},
            "safety_threshold: found category 'HARASMENT', expected one of HARASSMENT, HATE_SPEECH, SEXUALLY_EXPLICIT, "
            "DANGEROUS_CONTENT, did you mean `HARASSMENT`?",
        ),
        (
            {"safety_threshold": "HARASSMENT=OFF, HATE_SPEECH=BLOCK_NON"},
            "safety_threshold.HATE_SPEECH: 'BLOCK_NON', expected one of BLOCK_LOW_AND_ABOVE, "
            "BLOCK_MEDIUM_AND_ABOVE, BLOCK_ONLY_HIGH, BLOCK_NONE, OFF, did you mean `BLOCK_NONE`?",
        ),
        ({"safety_threshold": "HARASSMENT=OFF,HARASSMENT=OFF"}, "safety_threshold: found HARASSMENT twice"),
        ({"safety_threshold": {"HARASSMENT": 1}}, "safety_threshold: {'HARASSMENT': 1}, expected text"),
        ({"checkpoint_selection": "test"}, "checkpoint_selection: 'test', expected one of last, validation"),
        (
            {"primary_metric": "rougel_f1"},
            "primary_metric: 'rougel_f1', expected a metric of the task summarization: rouge1",
        ),
        ({"experiment": "E 1"}, "experiment: 'E 1', expected 4 to 63 lowercase letters, digits and hyphens"),
        ({"guard_metrics": {"rougeL": -0.1}}, "guard_metrics: {'rougeL': -0.1}, expected a metric of the task"),
        ({"guard_metrics": {"rougeL_f1": 0.1}}, "guard_metrics.rougeL_f1: 0.1, expected at most 0: "),
        ({"guard_metrics": []}, "guard_metrics: [], expected keys and values: "),
        ({"kms_key_name": "key"}, "kms_key_name: 'key', expected projects/P/locations/L/keyRings/R/cryptoKeys/K"),
        ({"location": "global"}, "location: 'global', expected a region such as us-central1"),
        (
            {"catalog_overrides": {"m": {"price": 1}}},
            "catalog_overrides: m: price: unknown key, did you mean `prices`?",
        ),
        ({"submission": 5}, "submission: 5, expected keys and values: "),
        ({"submission": {"target": "cloud"}}, "submission.target: 'cloud', expected one of '', emulator, vertex"),
        ({"submission": {"labels": {"a": 1}}}, "submission.labels.a: 1, expected text: put it in quotes"),
        (
            {"submission": {"labels": {"Team": "a"}}},
            "submission.labels: {'Team': 'a'}, expected keys and values of up to 63",
        ),
        ({"submission": {"labels": {"gemtune-run": "a"}}}, "submission.labels: {'gemtune-run': 'a'}, expected keys"),
        ({"submission": {"pipeline_root": "b/x"}}, "submission.pipeline_root: 'b/x', expected gs://BUCKET/FOLDER"),
        ({"submission": {"cron": "0 3 * *"}}, "submission.cron: '0 3 * *', expected five fields such as `0 3 * * 1`"),
        ({"submission": {"cron": "TZ=UTC 0 3 * * 1"}}, "submission.cron: 'TZ=UTC 0 3 * * 1', expected five fields"),
        ({"submission": {"time_zone": "Berlin"}}, "submission.time_zone: 'Berlin', expected an IANA time zone"),
        ({"submission": {"start": "monday"}}, "submission.start: 'monday', expected an ISO 8601 time"),
        (
            {"submission": {"start": "2026-12-02", "end": "2026-12-01"}},
            "submission.end: '2026-12-01', expected a time after start, '2026-12-02'",
        ),
        ({"submission": {"service_account": "me"}}, "submission.service_account: 'me', expected NAME@PROJECT.iam.gse"),
        ({"submission": {"network": "default"}}, "submission.network: 'default', expected projects/NUMBER/global/"),
        ({"submission": {"kms_key": "key"}}, "submission.kms_key: 'key', expected projects/P/locations/L/keyRings"),
        ({"webhook_secret": "https://hooks.example/T0/B0/x"}, "webhook_secret: found something else, expected the id"),
    ],
)
def test_a_wrong_value_is_named(keys: dict[str, Any], problem: str) -> None:
    (found,) = problems(**keys)
    assert found.startswith(f"spec.yaml: {problem}")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("bucket", "gs://my-bucket", "a bucket's name without gs://"),
        ("bucket", "My_Bucket", "a bucket's name, as in my-bucket"),
        ("name", "Summaries", "1 to 63 lowercase letters, digits and hyphens: it becomes a label"),
        ("name", "a" * 64, "1 to 63 lowercase letters"),
        ("name", "", "1 to 63 lowercase letters"),
        ("train_data", [], "some text"),
        ("train_data", ["a,b"], "text"),
    ],
)
def test_a_wrong_required_value_is_named(key: str, value: Any, expected: str) -> None:
    (found,) = problems(**{key: value})
    assert f": {key}: " in found and f", expected {expected}" in found


def test_held_out_shares_must_leave_something_to_train_on() -> None:
    fractions = {"validation_fraction": 0.5, "test_fraction": 0.5}
    assert "leave nothing to train on" in problems(**fractions)[0]
    assert spec(**fractions, test_data="t.jsonl").validation_fraction == 0.5


def test_a_checkpoint_needs_its_model() -> None:
    assert "expected pre_tuned_model, too" in problems(pre_tuned_checkpoint_id="1")[0]


def test_times_without_an_offset_are_meant_in_the_time_zone_of_the_schedule() -> None:
    submission = spec(submission={"time_zone": "Europe/Berlin", "start": "2026-12-01T03:00", "end": "2026-12-02T00Z"})
    assert str(submission.submission.start_time()) == "2026-12-01 02:00:00+00:00"
    assert str(submission.submission.end_time()) == "2026-12-02 00:00:00+00:00"


def test_an_address_given_for_the_name_of_its_secret_is_not_repeated() -> None:
    assert "hooks.example" not in str(problems(webhook_secret="https://hooks.example/T0/B0/x"))
