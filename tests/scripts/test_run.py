"""What a run must have come to: `gemtune run --require`."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gemtune.spec import load
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
    for file, text in files.items():
        Storage(here.emulator.project).write_text(f"gs://gemtune-local/gemtune/runs/{run}/{file}", text)
    spec = load(here.spec(project="gemtune-local", bucket="gemtune-local"))
    return conclude(spec, run, "SUCCEEDED", require)


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
    spec = load(here.spec(project="gemtune-local", bucket="gemtune-local"))
    assert conclude(spec, "run-1", "FAILED", "improved") == 1


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
