"""What a run must have come to: `gemtune run --require`."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gemtune.spec import TuningSpec, load
from gemtune.storage import Storage
from scripts.run import conclude, follow
from scripts.sweep import conclude_sweep
from scripts.target import Target
from tests.gemtune.made_run import compare, examples, worse_and_better
from tests.scripts.conftest import CommandLine

RECORDS = examples()
BASELINE, CANDIDATE = worse_and_better(RECORDS)
ENDS = {
    "improved": compare(RECORDS, BASELINE, CANDIDATE),
    "inconclusive": compare(RECORDS, BASELINE, BASELINE),
}
ENDS["improved, but on hold"] = {**ENDS["improved"], "decision": "hold"}


@pytest.fixture
def here(gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(gemtune.folder)
    return gemtune


def concluded(here: CommandLine, comparison: dict[str, Any], require: str, run: str = "run-1") -> int:
    """Conclude a run that left this comparison; return the exit code."""
    files = {"comparison.json": json.dumps(comparison), "report.html": "", "model_card.md": ""}
    storage = Storage(here.emulator.project)
    for file, text in files.items():
        storage.write_text(f"gs://gemtune-local/gemtune/runs/{run}/{file}", text)
    return conclude(spec_of(here), run, "SUCCEEDED", storage, require)


def spec_of(here: CommandLine) -> TuningSpec:
    return load(here.spec(project="gemtune-local", bucket="gemtune-local"))


def put_failed(here: CommandLine, **more: Any) -> None:
    """Put a run that has failed."""
    name = "projects/123456789012/locations/us-central1/pipelineJobs/run-1"
    error = {"code": 9, "message": "The DAG failed because some tasks failed."}
    job = {"name": name, "state": "PIPELINE_STATE_FAILED", "error": error, "jobDetail": {"taskDetails": []}}
    here.emulator.state.put("pipelineJobs", name, {**job, **more})


@pytest.mark.parametrize(
    ("end", "require", "code"),
    [
        ("improved", "", 0),
        ("improved", "improved", 0),
        ("improved", "promote", 0),
        ("inconclusive", "", 0),
        ("inconclusive", "improved", 3),
        ("inconclusive", "promote", 3),
        ("improved, but on hold", "improved", 0),
        ("improved, but on hold", "promote", 3),
    ],
)
def test_an_end_that_is_not_the_required_one_is_exit_code_3(
    here: CommandLine, capsys: pytest.CaptureFixture[str], end: str, require: str, code: int
) -> None:
    assert concluded(here, ENDS[end], require) == code
    shown = capsys.readouterr()
    assert shown.out.startswith(("promote: ", "hold: ")), "the decision is printed all the same"
    assert ("(--require)" in shown.err) == (code == 3)


def test_a_run_that_failed_is_exit_code_1_whatever_was_required(here: CommandLine) -> None:
    put_failed(here)
    assert conclude(spec_of(here), "run-1", "FAILED", Storage(here.emulator.project), "improved") == 1


def test_a_run_whose_steps_left_no_cause_ends_with_what_the_service_says(
    here: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = Storage(here.emulator.project)
    put_failed(here)
    conclude(spec_of(here), "run-1", "FAILED", storage)
    assert capsys.readouterr().err.splitlines()[0] == "The DAG failed because some tasks failed."
    ended = {"state": "FAILED", "error": {"code": 9, "message": "RuntimeError: boom"}}
    step = {"taskName": "tune-model", "executorDetail": {"containerDetail": {"mainJob": "j"}}, **ended}
    put_failed(here, jobDetail={"taskDetails": [{"taskName": "exit-handler-1", **ended}, step]})
    conclude(spec_of(here), "run-1", "FAILED", storage)
    assert capsys.readouterr().err.splitlines()[0] == "tune-model: RuntimeError: boom"
    cause = {"task": "Tuning", "message": "quota used up", "next": "ask for more"}
    storage.write_text("gs://gemtune-local/gemtune/runs/run-1/failure.json", json.dumps(cause))
    conclude(spec_of(here), "run-1", "FAILED", storage)
    assert capsys.readouterr().err.splitlines()[:2] == ["Tuning: quota used up", "next: ask for more"]


def test_steps_that_never_ran_are_one_line_after_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = {"stage-sources": "SUCCEEDED", "prepare-dataset": "FAILED", "tune-model": "NOT_TRIGGERED"}
    ends["compare-models"] = "NOT_TRIGGERED"
    now = datetime.now(UTC)
    tasks = [
        SimpleNamespace(task_name=name, state=SimpleNamespace(name=end), start_time=now, end_time=now, outputs={})
        for name, end in ends.items()
    ]
    monkeypatch.setattr("scripts.run.say_job", lambda job, target: None)
    monkeypatch.setattr("scripts.run.observations", lambda job, target: [("FAILED", tasks)])
    assert follow(None, Target("emulator")) == "FAILED"
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["Data", "Stage", "not"]
    assert lines[-1] == "not run   Comparison, Tuning"


def test_an_unknown_requirement_is_a_usage_error(here: CommandLine) -> None:
    with pytest.raises(SystemExit) as ended:
        here("run", here.spec(), "--require", "better")
    assert ended.value.code == 2


def test_a_sweep_is_not_enough_if_one_of_its_runs_is_not_and_fails_if_one_fails(
    here: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = {run: concluded(here, ENDS[run], "improved", run) for run in ("improved", "inconclusive")}
    capsys.readouterr()
    assert conclude_sweep(ended, {run: run for run in ended}) == 3
    table = capsys.readouterr().out
    assert "improved" in table and "inconclusive" in table, "a run that is not enough is in the table"
    assert conclude_sweep({**ended, "broken": 1}, {run: run for run in ended}) == 1
