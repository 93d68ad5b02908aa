import json
from pathlib import Path
from typing import Any

import pytest

from gemtune.errors import SpecError
from scripts import evaluate
from scripts.pipeline_job import parameters_of
from scripts.spec_arguments import spec_parser
from scripts.target import Target


def read(folder: Path, **keys: Any) -> Any:
    path = folder / "spec.yaml"
    path.write_text(json.dumps({"name": "n", "project": "p-123456", "bucket": "bucket", **keys}))
    arguments = spec_parser("x", "").parse_args([str(path)])
    return evaluate.read_evaluation(arguments, Target("vertex"))


def test_with_test_data_nothing_else_is_read(tmp_path: Path) -> None:
    spec = read(tmp_path, train_data="gs://b/train.jsonl", validation_data="gs://b/v.jsonl", test_data="gs://b/t.jsonl")
    assert (spec.train_data, spec.validation_data, spec.test_data) == ("", "", "gs://b/t.jsonl")


def test_test_data_alone_is_enough(tmp_path: Path) -> None:
    assert read(tmp_path, test_data="gs://b/t.jsonl").train_data == ""


def test_without_test_data_the_examples_are_held_out_as_in_the_whole_run(tmp_path: Path) -> None:
    assert read(tmp_path, train_data="gs://b/train.jsonl").train_data == "gs://b/train.jsonl"


def test_no_data_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="test_data: found nothing, expected test examples"):
        read(tmp_path)


@pytest.mark.parametrize("models", [[], ["a"], ["a", "b", "c"]])
def test_two_models_are_compared(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = [text for model in models for text in ("--model", model)]
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["spec.yaml", *flags])
    assert ended.value.code == 2
    assert f"--model: found {len(models)}, expected two" in capsys.readouterr().err


def test_the_pipeline_takes_the_models_and_no_setting_of_tuning() -> None:
    known = parameters_of(evaluate.EVALUATION).keys()
    assert {"baseline_model", "candidate_model", "generation_mode"} <= known
    assert not {"epoch_count", "adapter_size", "force_retune"} & known
