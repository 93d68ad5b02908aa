"""The evaluation of any two models: the steps of the whole run, without those that tune and promote."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.compile import COMPILED, generated

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return dict(yaml.load((COMPILED / "evaluation.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["components"]["comp-exit-handler-1"]["dag"]["tasks"])


def test_the_committed_yaml_is_what_the_sources_compile_to() -> None:
    path = COMPILED / "evaluation.yaml"
    assert path.read_text(encoding="utf-8") == generated()[path]


def test_it_neither_tunes_nor_promotes(spec: dict[str, Any]) -> None:
    names = {task["taskInfo"]["name"] for task in tasks(spec).values()}
    assert names == {
        "Stage sources",
        "Data conversion",
        "Baseline: generate",
        "Baseline: score",
        "Candidate: generate",
        "Candidate: score",
        "Comparison",
    }


def test_the_steps_are_those_of_the_whole_run(spec: dict[str, Any]) -> None:
    tuning = yaml.load((COMPILED / "tuning.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    executors = spec["deploymentSpec"]["executors"]
    assert executors.items() <= tuning["deploymentSpec"]["executors"].items()


def test_both_models_are_asked_with_the_same_settings(spec: dict[str, Any]) -> None:
    sides = [task["inputs"]["parameters"] for name, task in tasks(spec).items() if name.startswith("generate")]
    own = {"model", "fallback_model", "side"}
    settings = [{name: value for name, value in side.items() if name not in own} for side in sides]
    assert len(settings) == 2 and settings[0] == settings[1]
    assert {"temperature", "thinking", "generation_mode", "stop_sequences"} <= settings[0].keys()


def test_every_parameter_is_explained_and_only_what_must_be_given_is_required(spec: dict[str, Any]) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert all(each.get("description") for each in parameters.values())
    required = {name for name, each in parameters.items() if not each.get("isOptional")}
    assert required == {"name", "project", "bucket", "candidate_model"}
