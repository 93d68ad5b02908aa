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


def evaluate(folder: Path, task: str) -> dict[str, Any]:
    """Evaluate the base model against itself, and return the comparison."""
    lines = [f"{prompt} {number},{answer} {number}" for number in range(4) for prompt, answer in ROWS[task]]
    (folder / "test.csv").write_text("\n".join(["input_text,output_text", *lines]) + "\n")
    (folder / "spec.yaml").write_text(f"name: tasks\ntask: {task}\ntest_data: test.csv\n")
    model = ["--model", "gemini-3.1-flash-lite"]
    command = [sys.executable, "-m", "scripts.cli", "evaluate", "spec.yaml", *model, *model, "--target", "emulator"]
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
