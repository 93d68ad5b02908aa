"""Tasks other than summaries, from a CSV file to a comparison, through the compiled evaluation pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gemtune.metrics.definitions import TASKS
from tests.ports import free_port

ROWS = {
    # The emulator's model repeats the leading sentences, so a prompt that is its own answer is answered right.
    "classification": [("Positive", "positive"), ("Negative", "negative"), ("Neutral", "positive")],
    "translation": [("The cat sat on the mat", "The cat sat on the mat"), ("A dog ran", "A dog ran away")],
}


BASE = "gemini-3.1-flash-lite"


def evaluate(folder: Path, task: str, candidate: str = BASE, more: str = "") -> dict[str, Any]:
    """Evaluate a candidate against the base model, and return the comparison."""
    lines = [f"{prompt} {number},{answer} {number}" for number in range(4) for prompt, answer in ROWS[task]]
    (folder / "test.csv").write_text("\n".join(["input_text,output_text", *lines]) + "\n")
    (folder / "spec.yaml").write_text(f"name: tasks\ntask: {task}\ntest_data: test.csv\n{more}")
    models = ["--model", BASE, "--model", candidate]
    command = [sys.executable, "-m", "scripts.cli", "evaluate", "spec.yaml", *models, "--target", "emulator"]
    environment = {
        **os.environ,
        "GEMTUNE_EMULATOR_PORT": str(free_port()),
        "GEMTUNE_STATE": str(folder / "state"),
    }
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    (found,) = folder.glob("runs/*/comparison.json")
    return dict(json.loads(found.read_text(encoding="utf-8")))


@pytest.mark.acceptance
@pytest.mark.parametrize("task", ROWS)
def test_a_task_is_evaluated_by_its_own_metrics(tmp_path: Path, task: str) -> None:
    comparison = evaluate(tmp_path, task)
    assert (comparison["task"], comparison["primary_metric"]) == (task, TASKS[task].headline)
    assert {metric["name"] for metric in comparison["metrics"]} == set(TASKS[task].metrics)
    assert comparison["verdict"] == "inconclusive"
    for metric in comparison["metrics"]:
        assert metric["n"] == 4 * len(ROWS[task])
        assert 0 < metric["baseline"] == metric["candidate"]
        assert (metric["difference"], metric["p"]) == (0.0, 1.0)


@pytest.mark.acceptance
def test_a_model_that_takes_no_temperature_is_compared_fairly_only_without_one(tmp_path: Path) -> None:
    other = "gemini-3.5-flash-lite"
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    unequal = evaluate(tmp_path / "with", "classification", other)
    assert unequal["verdict"] == "invalid"
    assert unequal["reasons"][0].startswith("settings: temperature is 0.1 for the baseline and left to the service")
    equal = evaluate(tmp_path / "without", "classification", other, "temperature: -1\n")
    assert equal["verdict"] == "inconclusive"
    assert all(guard["passed"] for guard in equal["fairness"])
