"""The cost of a run from its dataset: what is counted where, and whose prices hold."""

from pathlib import Path
from typing import Any

import pytest

from gemtune.catalog import load
from gemtune.records import write_records
from gemtune.runs.prepared_cost import count_run, price_run
from tests.conftest import Emulator

BASE = "gemini-3.1-flash-lite"
CATALOG = load()


def dataset(folder: Path) -> tuple[Path, Path, Path]:
    turns = [{"role": role, "parts": [{"text": "Water the seedlings"}]} for role in ("user", "model")]
    train, test = folder / "costed.jsonl", folder / "test.jsonl"
    write_records(train, [{"contents": turns}] * 10)
    write_records(test, [{"id": "1", "prompt": {"contents": turns[:1]}, "reference": "Water"}] * 5)
    trials = folder / "validation_prompts.jsonl"
    write_records(trials, [{"id": "1", "prompt": {"contents": turns[:1]}, "reference": "Water"}] * 10)
    return train, test, trials


def estimated(folder: Path, emulator: Emulator, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "project": emulator.project,
        "location": "us-central1",
        "inference_location": "",
        "base_model": BASE,
        "baseline_model": "",
        "epoch_count": 2,
        "export_last_checkpoint_only": False,
        "checkpoint_selection": "last",
        "generation_mode": "online",
        "max_output_tokens": 100,
        "seed": 0,
        "catalog": CATALOG,
    }
    given |= changes
    shared: dict[str, Any] = {
        key: given.pop(key) for key in ("project", "location", "inference_location", "base_model", "catalog")
    }
    train, test, trials = dataset(folder)
    selection, seed = given.pop("checkpoint_selection"), given.pop("seed")
    tokens = count_run(train, test, trials, checkpoint_selection=selection, seed=seed, **shared)
    return price_run(tokens, **shared, **given)


def test_without_a_baseline_model_the_base_model_is_the_baseline(emulator: Emulator, tmp_path: Path) -> None:
    found = estimated(tmp_path, emulator)
    assert found["candidate"] == pytest.approx(1.5 * found["baseline"])
    (path,) = {request["path"] for request in emulator.requests("publishers.models.countTokens")}
    assert f"/locations/global/publishers/google/models/{BASE}:" in path


def test_a_tuned_baseline_is_priced_as_one(emulator: Emulator, tuning: Any, tmp_path: Path) -> None:
    job = tuning.tune()
    for name in (job["endpoint"], job["model"], job["tuning_job"]):
        found = estimated(tmp_path, emulator, baseline_model=name)
        assert found["baseline"] == found["candidate"] > 0


def test_another_base_model_as_baseline_has_its_own_price(emulator: Emulator, tmp_path: Path) -> None:
    found = estimated(tmp_path, emulator, baseline_model="gemini-3.5-flash")
    tokens = found["tokens"]
    expected = CATALOG.inference_cost(
        "gemini-3.5-flash", tokens["prompts"]["tokens"], tokens["references"]["tokens"], tuned=False
    )
    assert found["baseline"] == expected


def test_a_baseline_that_is_not_there_has_no_price(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = estimated(tmp_path, emulator, baseline_model="projects/gemtune-local/locations/us/endpoints/1")
    assert found["unknown"] == ["baseline"]
    assert "the cost of the baseline is unknown: GET projects/" in capsys.readouterr().err


def test_a_model_that_the_service_does_not_serve_is_estimated_offline(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = estimated(tmp_path, emulator, base_model="gemini-99")
    assert found["tokens"]["train"]["method"] == "estimated offline"
    assert found["tokens"]["train"]["low"] < found["tokens"]["train"]["tokens"]
    assert found["unknown"] == ["tuning", "baseline", "candidate"]
    assert "tokens are estimated offline, the service did not count them" in capsys.readouterr().err


def test_checkpoint_trials_ask_the_validation_prompts_once_for_each_epoch(emulator: Emulator, tmp_path: Path) -> None:
    without = estimated(tmp_path, emulator)
    found = estimated(tmp_path, emulator, checkpoint_selection="validation")
    assert "selection" not in without
    # Twice as many prompts as the test has, and two epochs.
    assert found["selection"] == pytest.approx(4 * found["candidate"])
    assert found["total"] == pytest.approx(without["total"] + found["selection"])
    assert found["high"] == pytest.approx(without["high"] + found["ranges"]["selection"][1])
    assert found["notes"]["selection"].startswith("2 checkpoints x ")
    one = estimated(tmp_path, emulator, checkpoint_selection="validation", export_last_checkpoint_only=True)
    assert one["selection"] == pytest.approx(2 * found["candidate"])


def test_trials_are_unknown_where_the_epochs_are(emulator: Emulator, tmp_path: Path) -> None:
    found = estimated(tmp_path, emulator, checkpoint_selection="validation", epoch_count=0)
    assert (found["selection"], found["unknown"]) == (None, ["tuning", "selection"])
    assert found["notes"]["selection"].endswith("USD for each checkpoint")


def test_more_epochs_than_checkpoints_are_kept_cost_no_more_trials(emulator: Emulator, tmp_path: Path) -> None:
    ten, thirty = (
        estimated(tmp_path, emulator, checkpoint_selection="validation", epoch_count=epochs)["selection"]
        for epochs in (10, 30)
    )
    assert ten == thirty


def test_batch_jobs_halve_the_price_of_both_sides(emulator: Emulator, tmp_path: Path) -> None:
    online, batch = (estimated(tmp_path, emulator, generation_mode=mode) for mode in ("online", "batch"))
    for term in ("baseline", "candidate"):
        assert batch[term] == pytest.approx(online[term] / 2)
        assert batch["ranges"][term][1] == pytest.approx(online["ranges"][term][1] / 2)
    assert batch["tuning"] == online["tuning"]
