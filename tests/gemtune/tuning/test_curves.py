from dataclasses import replace
from typing import Any

import pytest

from gemtune.tuning.curves import read_curves
from gemtune.tuning.record import summary_metrics

REGION = "us-central1"


def test_curves_are_read_from_the_tensorboard(tuning: Any) -> None:
    validated = replace(tuning.request, validation_uri=tuning.dataset(20, 24))
    job = tuning.tune(validated)
    points = read_curves(job, project=tuning.emulator.project)
    metrics = {point["metric"] for point in points}
    assert {"train_total_loss", "eval_total_loss", "train_fraction_of_correct_next_step_preds"} <= metrics
    losses = [point for point in points if point["metric"] == "train_total_loss"]
    assert [point["step"] for point in losses] == sorted(point["step"] for point in losses)
    assert losses[-1]["epoch"] == 2
    assert losses[-1]["value"] < losses[0]["value"]
    assert set(losses[0]) == {"metric", "step", "epoch", "value", "wall_time"}
    metrics_shown = summary_metrics(job, points)
    assert metrics_shown["train_total_loss"] == losses[-1]["value"]
    assert metrics_shown["checkpoint_count"] == 2


def test_curves_that_cannot_be_read_are_no_failure(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_curves({"experiment": ""}, project=tuning.emulator.project) == []
    gone = f"projects/1/locations/{REGION}/metadataStores/default/contexts/none"
    assert read_curves({"experiment": gone}, project=tuning.emulator.project) == []
    assert len(capsys.readouterr().err.splitlines()) == 2
