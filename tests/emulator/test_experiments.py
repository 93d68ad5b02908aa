from typing import Any
from urllib.parse import quote

import pytest
from google.genai import types

from tests.conftest import Emulator
from tests.emulator.tuning import VALIDATION, at, call, finished, put_datasets, tune

WITH_VALIDATION = {"validation_dataset": types.TuningValidationDataset(gcs_uri=VALIDATION)}
TRAIN_SERIES = ["/train_total_loss", "/train_fraction_of_correct_next_step_preds", "/train_num_predictions"]
EVAL_SERIES = ["/eval_total_loss", "/eval_fraction_of_correct_next_step_preds", "/eval_num_predictions"]


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


def get(emulator: Emulator, name: str) -> dict[str, Any]:
    answer = call(emulator, "GET", name)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def run_of(emulator: Emulator, experiment: str) -> str:
    """Find the TensorBoard run of a job's experiment as Google's notebook does."""
    context = get(emulator, experiment)
    parent = experiment.rpartition("/")[0]
    wanted = f'schema_title="system.ExperimentRun" AND parent_contexts:"{experiment}"'
    (run,) = get(emulator, f"{parent}?filter={quote(wanted)}")["contexts"]
    identity = context["name"].rpartition("/")[2]
    number = run["name"].rpartition("/")[2].removeprefix(f"{identity}-")
    return f"{context['metadata']['backing_tensorboard_resource']}/experiments/{identity}/runs/{number}"


def curves(emulator: Emulator, experiment: str) -> dict[str, list[dict[str, Any]]]:
    run = run_of(emulator, experiment)
    found = get(emulator, f"{run}/timeSeries").get("tensorboardTimeSeries", [])
    reads = {series["displayName"]: get(emulator, f"{series['name']}:read?maxDataPoints=-1") for series in found}
    return {name: read["timeSeriesData"]["values"] for name, read in reads.items()}


def test_the_curves_of_a_finished_job_can_be_read(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator, epoch_count=3, **WITH_VALIDATION))
    series = curves(emulator, job.experiment)
    assert list(series) == TRAIN_SERIES + EVAL_SERIES
    losses = series["/train_total_loss"]
    assert [point["step"] for point in losses] == ["1", "2", "3", "4", "5", "6"]
    assert losses[-1]["scalar"]["value"] < losses[0]["scalar"]["value"]
    assert losses[0]["wallTime"].endswith("Z")
    assert [point["step"] for point in series["/eval_total_loss"]] == ["2", "4", "6"]
    for split in ("train", "eval"):
        shares = series[f"/{split}_fraction_of_correct_next_step_preds"]
        assert all(0 < point["scalar"]["value"] <= 1 for point in shares)


def test_without_validation_there_are_no_eval_curves(emulator: Emulator) -> None:
    assert list(curves(emulator, finished(emulator, tune(emulator)).experiment)) == TRAIN_SERIES


def test_the_curves_of_a_running_job_can_be_read(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", seconds=3600)
    job = tune(emulator, epoch_count=500)
    points: list[dict[str, Any]] = []
    for _ in range(2000):
        shown = get(emulator, job.name or "")
        if "experiment" in shown:
            points = curves(emulator, shown["experiment"]).get("/train_total_loss", [])
        if points:
            break
    assert shown["state"] == "JOB_STATE_RUNNING"
    assert 0 < len(points) < 1000
    call(emulator, "POST", f"{job.name}:cancel")


def test_several_series_are_read_at_once(emulator: Emulator) -> None:
    run = run_of(emulator, finished(emulator, tune(emulator)).experiment)
    board = run.partition("/experiments/")[0]
    query = "&".join(f"timeSeries={run}/timeSeries/{number}" for number in (1, 2))
    data = get(emulator, f"{board}:batchRead?{query}")["timeSeriesData"]
    assert [(each["tensorboardTimeSeriesId"], each["valueType"], len(each["values"])) for each in data] == [
        ("1", "SCALAR", 4),
        ("2", "SCALAR", 4),
    ]


def test_every_resource_on_the_way_can_be_got(emulator: Emulator) -> None:
    run = run_of(emulator, finished(emulator, tune(emulator)).experiment)
    experiment = run.partition("/runs/")[0]
    for name in (experiment.partition("/experiments/")[0], experiment, run, f"{run}/timeSeries/1"):
        assert get(emulator, name)["name"] == name
    assert get(emulator, f"{experiment}/runs")["tensorboardRuns"][0]["name"] == run


def test_two_jobs_have_experiments_of_their_own(emulator: Emulator) -> None:
    jobs = [finished(emulator, tune(emulator, epoch_count=epochs)) for epochs in (1, 2)]
    assert [len(curves(emulator, job.experiment)["/train_total_loss"]) for job in jobs] == [2, 4]


def test_contexts_are_listed_by_the_title_of_their_schema(emulator: Emulator) -> None:
    job = finished(emulator, tune(emulator))
    parent = job.experiment.rpartition("/")[0]
    assert len(get(emulator, parent)["contexts"]) == 2
    known, unknown = quote('schema_title="system.Experiment"'), quote('display_name="x"')
    (found,) = get(emulator, f"{parent}?filter={known}")["contexts"]
    assert found["name"] == job.experiment
    assert call(emulator, "GET", f"{parent}?filter={unknown}").status_code == 501


@pytest.mark.parametrize(
    "path",
    ["metadataStores/default/contexts/x", "tensorboards/1", "tensorboards/1/experiments/e/runs/r/timeSeries/1:read"],
)
def test_what_is_not_there_is_not_found(emulator: Emulator, path: str) -> None:
    answer = call(emulator, "GET", f"{at(emulator)}/{path}")
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
