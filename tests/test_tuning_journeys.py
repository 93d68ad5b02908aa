"""Journeys about tuning through the command line: checkpoints, names, unchanged data, a sweep."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.terminal import Terminal

pytestmark = pytest.mark.acceptance
KEYS: dict[str, Any] = {"epoch_count": 5, "adapter_size": 16, "learning_rate_multiplier": 3.0}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with Terminal(tmp_path_factory.mktemp("terminal")) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def first(terminal: Terminal) -> dict[str, Any]:
    """A run that chooses its checkpoint by the validation split and promotes it."""
    ended = terminal.gemtune("run", terminal.spec("first", checkpoint_selection="validation", **KEYS))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("promote")
    return terminal.comparison()


def jobs(terminal: Terminal, action: str, *rest: str) -> Any:
    spec = terminal.spec("first", checkpoint_selection="validation", **KEYS)
    ended = terminal.gemtune("jobs", action, spec, *rest, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_checkpoint_that_the_validation_split_chose_is_judged_and_promoted(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    selection = first["selection"]
    assert len(selection["checkpoints"]) == 5 and selection["rule"] == "validation"
    chosen = next(each for each in selection["checkpoints"] if each["checkpoint_id"] == selection["checkpoint_id"])
    assert chosen["within"] and chosen["endpoint"] == first["models"]["candidate"]
    assert chosen["checkpoint_id"] != "5", "many epochs at three times the learning rate overfit"
    assert first["cost"]["actual"]["selection"] > 0
    assert "Checkpoint trials" in next((terminal.folder / "runs").glob("*/report.html")).read_text(encoding="utf-8")
    # The endpoint of a tuning job is that of its model's default checkpoint.
    assert jobs(terminal, "show", first["tuning"]["tuning_job"])["endpoint"] == chosen["endpoint"]


def test_unchanged_data_creates_nothing_sends_nothing_and_says_so(terminal: Terminal, first: dict[str, Any]) -> None:
    before = terminal.paid()
    ended = terminal.gemtune("run", terminal.spec("first", checkpoint_selection="validation", **KEYS))
    assert ended.returncode == 0, ended.stderr
    assert terminal.paid() == before
    assert "no tuning job was created and no tokens were sent" in " ".join(ended.stderr.split())
    again = terminal.comparison()
    assert again["cost"]["actual"]["total"] == 0
    assert again["models"] == first["models"]


def test_a_tuned_model_named_by_its_job_is_beaten_or_not_and_tuned_into_its_next_version(
    terminal: Terminal, first: dict[str, Any]
) -> None:
    job = first["tuning"]["tuning_job"]
    spec = terminal.spec("first", baseline_model=job, pre_tuned_model=job, epoch_count=1)
    ended = terminal.gemtune("run", spec)
    assert ended.returncode == 0, ended.stderr
    # The job stands for its model's default checkpoint, which is the promoted one.
    assert terminal.comparison()["models"]["baseline"] == first["models"]["candidate"]
    tuning = terminal.comparison()["tuning"]
    assert tuning["model"] == first["tuning"]["model"].replace("@1", "@2")
    assert tuning["base_model"] == "gemini-3.1-flash-lite"


def test_a_sweep_runs_one_after_another_and_names_a_winner_only_beyond_the_noise(terminal: Terminal) -> None:
    created = terminal.paid()[0]
    spec = terminal.spec("swept", checkpoint_selection="validation", epoch_count=1)
    process = terminal.open("run", spec, "--set", "learning_rate_multiplier=0.001,2")
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    *lines, winner = out.splitlines()
    assert len(lines) == 6 and max(len(line) for line in lines) <= 80, "two lines for each row"
    head, *rows = ("  ".join(lines[at : at + 2]) for at in range(0, 6, 2))
    assert head.split()[:4] == ["RUN", "VALIDATION", "BASELINE", "TUNED"]
    assert [row.split()[0] for row in rows] == ["learning_rate_multiplier=0.001", "learning_rate_multiplier=2"]
    assert all(" to +" in row and "$" in row for row in rows)
    assert winner.startswith(("no winner: ", "winner: learning_rate_multiplier=2"))
    assert terminal.paid()[0] == created + 2
    assert 0 < err.index("all 2 runs") < err.index("\njob "), "the whole cost is known before the first run starts"
    assert "for all runs" in err
    names = {job["spec"] for job in jobs(terminal, "list")}
    assert {"swept-learning-rate-multiplier-0-001", "swept-learning-rate-multiplier-2"} <= names
