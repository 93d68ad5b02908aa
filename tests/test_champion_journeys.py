"""Journeys of champion and challenger: a run guards what an earlier one promoted, and all of them are logged."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.terminal import Terminal

pytestmark = pytest.mark.acceptance
WEEK_SECONDS, PATIENCE_SECONDS = 7 * 24 * 3600, 120
SHORT: dict[str, Any] = {"baseline_model": "promoted", "epoch_count": 1, "max_test_examples": 40}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with Terminal(tmp_path_factory.mktemp("terminal")) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def first(terminal: Terminal) -> dict[str, Any]:
    """A first run, which finds nothing promoted and promotes its model."""
    ended = terminal.gemtune("run", terminal.spec("guarded", **SHORT), "--require", "promote")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("promote: improved")
    return terminal.comparison()


def test_the_first_run_compares_with_the_base_model_and_says_so(first: dict[str, Any]) -> None:
    assert first["models"]["baseline"] == "gemini-3.1-flash-lite"
    assert "Nothing was promoted before: the baseline is the base model, gemini-3.1-flash-lite" in first["notices"]


def test_over_unchanged_data_the_candidate_is_the_champion_and_the_run_holds(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    before = terminal.paid()
    ended = terminal.gemtune("run", terminal.spec("guarded", **SHORT), "--require", "improved")
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.startswith("hold: inconclusive")
    said = " ".join(ended.stderr.split())
    assert "baseline and candidate are the same model" in said and "there is nothing to promote" in said
    assert "the verdict is inconclusive, expected improved (--require)" in said
    again = terminal.comparison()
    champion = first["models"]["candidate"]
    assert (again["models"]["baseline"], again["models"]["candidate"]) == (champion, champion)
    assert {metric["difference"] for metric in again["metrics"]} == {0.0}
    assert terminal.paid() == before, "nothing is tuned or asked again"


def test_a_plan_prices_the_champion_as_a_tuned_model(terminal: Terminal, first: dict[str, Any]) -> None:
    def baseline(model: str) -> float:
        ended = terminal.gemtune("plan", terminal.spec("guarded", **{**SHORT, "baseline_model": model}), "--json")
        assert ended.returncode == 0, ended.stderr
        return float(json.loads(ended.stdout)["cost"]["baseline"])

    assert baseline("promoted") == pytest.approx(baseline(first["models"]["candidate"]))


def test_an_evaluation_may_compare_with_the_champion(terminal: Terminal, first: dict[str, Any]) -> None:
    models = ("--model", "promoted", "--model", "gemini-3.1-flash-lite")
    ended = terminal.gemtune("evaluate", terminal.spec("guarded", **SHORT), *models)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("hold: regressed"), "the base model against the one that beat it"
    assert terminal.comparison()["models"]["baseline"] == first["models"]["candidate"]


def test_a_challenger_that_does_not_beat_the_champion_changes_nothing(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    patched = len(terminal.ask("/emulator/requests?method=models.patch"))
    weak = {**SHORT, "learning_rate_multiplier": 0.001}
    ended = terminal.gemtune("run", terminal.spec("guarded", **weak))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("hold: regressed")
    assert terminal.comparison()["models"]["baseline"] == first["models"]["candidate"]
    assert len(terminal.ask("/emulator/requests?method=models.patch")) == patched


def test_a_scheduled_run_guards_the_champion_too_and_its_report_is_fetched(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    spec = terminal.spec("guarded", **SHORT, submission={"target": "emulator", "cron": "0 3 * * 1"})
    assert terminal.gemtune("schedule", "apply", spec).returncode == 0
    terminal.post("/emulator/clock/advance", {"seconds": WEEK_SECONDS})
    run = ended_run_of_schedule(terminal, spec)
    assert run["state"] == "PIPELINE_STATE_SUCCEEDED"
    fetched = terminal.gemtune("report", spec, run["name"], "--no-open")
    path = f"runs/{run['name'].rpartition('/')[2]}/report.html"
    assert (fetched.returncode, fetched.stdout) == (0, f"{path}\n"), fetched.stderr
    assert "there is nothing to promote" in (terminal.folder / path).read_text(encoding="utf-8")
    assert terminal.comparison()["models"]["baseline"] == first["models"]["candidate"]


def ended_run_of_schedule(terminal: Terminal, spec: str) -> dict[str, Any]:
    """Wait for the newest run of a spec, which its schedule started."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        newest = json.loads(terminal.gemtune("runs", "list", spec, "--json").stdout)[0]
        if newest.get("scheduleName") and newest.get("endTime"):
            return dict(newest)
        time.sleep(1)
    raise AssertionError(f"no scheduled run has ended after {PATIENCE_SECONDS} s")


def test_two_runs_are_put_side_by_side(terminal: Terminal, first: dict[str, Any]) -> None:
    newest = terminal.comparison()["job"].rpartition("/")[2]
    ended = terminal.gemtune("compare", first["job"], newest)
    assert ended.returncode == 0, ended.stderr
    assert "improved" in ended.stdout and "inconclusive" in ended.stdout
    assert "the figures compare" in ended.stdout
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())


def test_every_run_is_in_the_experiment_of_its_spec(terminal: Terminal, first: dict[str, Any]) -> None:
    created = [each["body"] for each in terminal.ask("/emulator/requests?method=contexts.create")]
    runs = [body for body in created if body["schemaTitle"] == "system.ExperimentRun"]
    ended = {path.name for path in (terminal.folder / "runs").iterdir()}
    assert {body["displayName"] for body in runs} == ended
    assert {body["metadata"]["_params"]["name"] for body in runs} == {"guarded"}
    logged = next(body for body in runs if body["displayName"] == first["job"].rpartition("/")[2])
    assert logged["metadata"]["_metrics"]["decision"] == "promote"


def test_a_run_against_the_base_model_says_which_promoted_model_it_replaces(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    spec = terminal.spec("guarded", **{**SHORT, "baseline_model": "", "epoch_count": 2})
    ended = terminal.gemtune("run", spec, "--require", "promote")
    assert ended.returncode == 0, ended.stderr
    said = f"The promotion replaces {first['models']['candidate']}, promoted by run {first['job'].rpartition('/')[2]}"
    assert said in " ".join(ended.stderr.split())
    job = terminal.comparison()["job"].rpartition("/")[2]
    assert said in (terminal.folder / "runs" / job / "report.html").read_text(encoding="utf-8")
    assert said in (terminal.folder / "runs" / job / "model_card.md").read_text(encoding="utf-8").replace("\\", "")
