"""Money before a run: a plan that writes nothing, and a cap that stops a run before the first paid call."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal

pytestmark = pytest.mark.acceptance
WRITES = ("insert", "create", "generateContent", "delete", "patch", "update", "rewrite", "compose", "cancel")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path_factory.mktemp("budget"))
    yield terminal
    terminal.emulator.terminate()
    terminal.emulator.communicate(timeout=20)


def methods(terminal: Terminal) -> set[str]:
    return {request["method"] for request in terminal.ask("/emulator/requests")}


def test_a_plan_writes_nothing_and_pays_nothing(terminal: Terminal) -> None:
    ended = terminal.gemtune("plan", terminal.spec("planned", max_cost_usd=5.0))
    assert ended.returncode == 0, ended.stderr
    assert "ready: nothing above would stop the run" in ended.stdout
    seen = methods(terminal)
    assert "publishers.models.countTokens" in seen
    assert not [method for method in seen if method.rpartition(".")[2] in WRITES], seen
    assert terminal.paid() == (0, 0)


def test_a_run_that_may_cost_more_than_its_cap_ends_before_anything_is_paid(terminal: Terminal) -> None:
    ended = terminal.gemtune("run", terminal.spec("too-dear", max_cost_usd=0.5))
    assert ended.returncode == 1 and not ended.stdout
    assert "Data conversion: estimated cost: 0.7" in ended.stderr
    assert "expected at most 0.5000 USD (max_cost_usd); nothing was paid" in ended.stderr
    assert "next: raise max_cost_usd to 1." in ended.stderr and "Traceback" not in ended.stderr
    assert terminal.paid() == (0, 0)
    assert terminal.gemtune("plan", terminal.spec("too-dear", max_cost_usd=0.5)).returncode == 3


def test_a_cap_stops_a_run_whose_cost_nobody_knows(terminal: Terminal) -> None:
    ended = terminal.gemtune("run", terminal.spec("unknown", max_cost_usd=100.0, epoch_count=0))
    assert ended.returncode == 1
    assert "unknown for want of tuning (epoch_count is 0: the service chooses; " in ended.stderr
    assert "next: set epoch_count" in ended.stderr
    assert terminal.paid() == (0, 0)


def test_the_estimate_stands_beside_what_was_paid_and_the_next_plan_knows_the_tuning_job(terminal: Terminal) -> None:
    spec = terminal.spec("paid", max_cost_usd=5.0)
    ended = terminal.gemtune("run", spec)
    assert ended.returncode == 0, ended.stderr
    cost = terminal.comparison()["cost"]
    print(json.dumps(cost, indent=1))
    assert cost["actual"]["tuning"] == pytest.approx(cost["estimated"]["tuning"])
    for side in ("baseline", "candidate"):
        low, high = cost["estimated"]["ranges"][side]
        assert low <= cost["actual"][side] <= high
    assert cost["actual"]["total"] <= cost["estimated"]["high"]
    planned = json.loads(terminal.gemtune("plan", spec, "--json").stdout)
    (tuning,) = [each for each in planned["resources"] if each["kind"] == "tuning job"]
    assert tuning["count"] == 0 and "adopted" in tuning["note"]
    report = next(Path(terminal.folder / "runs").glob("*/report.html")).read_text(encoding="utf-8")
    assert ">Estimated</th>" in report and "Pipeline run" in report
