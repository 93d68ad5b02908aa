"""A run in its experiment, as Google's own SDK shows it."""

from typing import Any

import google.auth
import pytest
from google.cloud import aiplatform

from gemtune.errors import ServiceError
from gemtune.runs.experiment import LONGEST_VALUE, experiment_of, log_run, logged_metrics, logged_parameters
from gemtune.runs.notification import tell
from tests.gemtune.made_run import ENDPOINT, compare, examples, worse_and_better

RECORDS = examples()
COMPARISON = compare(RECORDS, *worse_and_better(RECORDS))
PARAMETERS = {"name": "rice", "epoch_count": 3, "temperature": 0.1, "force_retune": False, "guard_metrics": {"a": -1}}


def job(emulator: Any, run: str = "gemini-tuning-1") -> str:
    return f"projects/{emulator.state.number}/locations/us-central1/pipelineJobs/{run}"


def rows(emulator: Any, experiment: str = "rice") -> dict[str, dict[str, Any]]:
    """Return the runs of an experiment by name, as the SDK's table has them."""
    credentials, _ = google.auth.default()
    aiplatform.init(
        project=emulator.project,
        location="us-central1",
        api_endpoint=emulator.url,
        api_transport="rest",
        credentials=credentials,
    )
    frame = aiplatform.Experiment(experiment).get_data_frame()
    return {str(row["run_name"]): dict(row) for _, row in frame.iterrows()}


def log(emulator: Any, run: str = "gemini-tuning-1", state: str = "SUCCEEDED", experiment: str = "rice") -> str:
    compared = COMPARISON if state == "SUCCEEDED" else None
    return log_run(experiment, job=job(emulator, run), state=state, parameters=PARAMETERS, comparison=compared)


def test_the_sdk_shows_parameters_metrics_and_state_of_every_run(emulator: Any) -> None:
    assert log(emulator).endswith("/metadataStores/default/contexts/rice")
    log(emulator, "gemini-tuning-2", "FAILED")
    log(emulator, "gemini-tuning-3", "CANCELLED")
    found = rows(emulator)
    good, primary = found["gemini-tuning-1"], COMPARISON["metrics"][0]
    assert (good["param.epoch_count"], good["param.temperature"], good["param.name"]) == (3, 0.1, "rice")
    assert good["param.guard_metrics"] == '{"a": -1}' and good["param.candidate_model"] == ENDPOINT
    assert good["metric.rougeL_f1_difference"] == pytest.approx(primary["difference"])
    assert good["metric.rougeL_f1_low"] == pytest.approx(primary["low"])
    assert (good["metric.verdict"], good["run_type"]) == (COMPARISON["verdict"], "system.ExperimentRun")
    assert {name: row["state"] for name, row in found.items()} == {
        "gemini-tuning-1": "COMPLETE",
        "gemini-tuning-2": "FAILED",
        "gemini-tuning-3": "CANCELLED",
    }
    assert found["gemini-tuning-2"]["param.epoch_count"] == 3, "a run that failed has its parameters"


def test_no_tensorboard_is_made(emulator: Any) -> None:
    log(emulator)
    assert not [request for request in emulator.requests() if "tensorboard" in request["path"].lower()]
    assert not emulator.state.list("tensorboards")


def test_a_step_that_is_run_again_logs_nothing_twice(emulator: Any) -> None:
    log(emulator)
    log(emulator)
    assert list(rows(emulator)) == ["gemini-tuning-1"]


def test_a_long_id_of_a_run_keeps_its_end(emulator: Any) -> None:
    log(emulator, f"{'x' * 110}-20261121", experiment="e" * 63)
    (name,) = rows(emulator, "e" * 63)
    assert name.endswith("x-20261121") and len(f"{'e' * 63}-{name}") == 121


def test_a_name_that_means_something_else_is_refused(emulator: Any) -> None:
    log(emulator)
    with pytest.raises(ServiceError, match=r"is a system\.ExperimentRun, expected an experiment"):
        log(emulator, experiment="rice-gemini-tuning-1")


def test_long_texts_are_cut_and_empty_ones_left_out() -> None:
    logged = logged_parameters("j", {"system_instruction": "x" * 5000, "test_data": "", "stop_sequences": []}, None)
    assert logged.keys() == {"system_instruction", "pipeline_job"}
    assert len(str(logged["system_instruction"])) == LONGEST_VALUE + 1


def test_a_metric_of_zero_is_logged_and_a_missing_one_is_not() -> None:
    metric = {**COMPARISON["metrics"][0], "difference": 0.0, "low": None}
    logged = logged_metrics({**COMPARISON, "metrics": [metric]})
    assert logged["rougeL_f1_difference"] == 0.0 and "rougeL_f1_low" not in logged


@pytest.mark.parametrize(
    ("given", "name", "found"), [("", "rice", "rice"), ("e-1", "rice", "e-1"), ("", "qa", "gemtune-qa")]
)
def test_an_experiment_has_the_name_of_the_spec_unless_it_has_one(given: str, name: str, found: str) -> None:
    assert experiment_of(given, name) == found


@pytest.mark.parametrize("method", ["contexts.create", "contexts.addChildren"])
def test_a_run_that_cannot_be_logged_is_as_good_as_it_was(
    emulator: Any, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    emulator.fail(method, code=403, message="no metadata for you")
    tell(
        name="rice",
        job=job(emulator),
        state="SUCCEEDED",
        project=emulator.project,
        bucket=emulator.bucket,
        parameters={},
        webhook_secret="",
    )
    said = capsys.readouterr()
    assert "experiment: this run is not in rice: " in said.out and "no metadata for you" in said.out
    assert "Notification: not logged in experiment rice: " in said.err
    assert emulator.faults_hit() == 1
