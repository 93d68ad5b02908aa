"""What both pipelines have in common once they are compiled."""

from typing import Any

import pytest
import yaml

from scripts.compile import COMPILED

FOUND = {"taskOutputParameter": {"outputParameterKey": "baseline_model", "producerTask": "stage-sources"}}


@pytest.fixture(params=["tuning.yaml", "evaluation.yaml", "tuning-email.yaml"])
def tasks(request: pytest.FixtureRequest) -> dict[str, Any]:
    spec = yaml.load((COMPILED / request.param).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return dict(spec["components"]["comp-exit-handler-1"]["dag"]["tasks"])


def test_the_model_to_beat_is_settled_once_and_anew_in_every_run(tasks: dict[str, Any]) -> None:
    assert not tasks["stage-sources"].get("cachingOptions", {}).get("enableCache")
    assert tasks["generate-predictions"]["inputs"]["parameters"]["model"] == FOUND
    assert tasks["prepare-dataset"]["inputs"]["parameters"]["baseline_model"] == FOUND, "else its price is a stale one"


def test_both_sides_are_asked_and_scored_alike(tasks: dict[str, Any]) -> None:
    own = {"generate-predictions": {"model", "fallback_model", "side"}, "score-predictions": {"side"}}
    for step, differs in own.items():
        baseline, candidate = (
            {name: value for name, value in tasks[task]["inputs"]["parameters"].items() if name not in differs}
            for task in (step, f"{step}-2")
        )
        assert baseline == candidate and len(baseline) >= 5


def test_data_conversion_alone_is_cached(tasks: dict[str, Any]) -> None:
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert cached - {"importer"} == {"prepare-dataset"}
