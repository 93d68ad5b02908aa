"""components.score_predictions: what the step leaves for the comparison and for the console."""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.score_predictions import score_predictions
from gemtune.metrics.definitions import TASKS, metrics_of
from gemtune.records import read_records, write_records
from tests.gemtune.made_run import examples, prediction

Outputs = dict[str, Any]


def run_step(folder: Path, references: list[str], answers: list[str | None], task: str) -> Outputs:
    """Run the step's function on local files, and return its outputs."""
    records = examples(references)
    outcomes = ["failed" if answer is None else "answered" for answer in answers]
    predictions = [prediction(*each) for each in zip([r["id"] for r in records], answers, outcomes, strict=True)]
    write_records(folder / "test", records)
    write_records(folder / "predictions", predictions)
    outputs: Outputs = {
        "scores": dsl.Dataset(uri=str(folder / "scores")),
        "metrics": dsl.Metrics(uri=str(folder / "metrics")),
        "confusion": dsl.ClassificationMetrics(uri=str(folder / "confusion")),
    }
    score_predictions.python_func(
        project="p",
        bucket="b",
        task=task,
        rouge_profile="auto",
        max_unscored_share=0.5,
        side="baseline",
        job_id="j",
        test=dsl.Dataset(uri=str(folder / "test")),
        predictions=dsl.Dataset(uri=str(folder / "predictions")),
        **outputs,
    )
    return outputs


def test_a_classification_has_its_confusion_matrix_in_the_console(tmp_path: Path) -> None:
    outputs = run_step(tmp_path, ["good", "good", "bad", "bad"], ["Good.", "bad", "no idea", None], "classification")
    assert outputs["confusion"].metadata == {
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": label} for label in ("bad", "good", "(other)")],
            "rows": [{"row": row} for row in ([0, 0, 1], [1, 1, 0], [0, 0, 0])],
        }
    }
    assert outputs["metrics"].metadata["accuracy"] == pytest.approx(1 / 3)
    assert (outputs["metrics"].metadata["scored"], outputs["metrics"].metadata["unscored"]) == (3, 1)


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_is_a_typed_record_beside_its_figure(tmp_path: Path, task: str) -> None:
    outputs = run_step(tmp_path, ['{"a": 1}', '{"a": 2}', '{"a": 3}'], ['{"a": 1}', '{"a": 3}', None], task)
    measured = {each["name"]: each for each in outputs["metrics"].metadata["measured"]}
    assert set(measured) == set(metrics_of(task))
    for name, each in measured.items():
        assert (each["n"], each["unscored"]) == (2, 1)
        assert each["value"] == outputs["metrics"].metadata[name]
    assert outputs["scores"].metadata == {"task": task, "signature": outputs["metrics"].metadata["signature"]}
    assert ("confusionMatrix" in outputs["confusion"].metadata) == (task == "classification")
    assert len(list(read_records(tmp_path / "scores"))) == 3
    json.dumps(outputs["metrics"].metadata, allow_nan=False)
