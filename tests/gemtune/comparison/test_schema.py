"""gemtune.comparison.schema: comparison.json is what its schema says, and every key is described."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gemtune.comparison.schema import Comparison, json_schema
from gemtune.metrics.definitions import TASKS
from scripts.compile import COMPILED
from scripts.schema import schema_text
from tests.gemtune.made_run import LIMITS, REFERENCES, compare, examples, side, worse_and_better

SETTINGS = {
    "temperature": 0.1,
    "top_p": -1.0,
    "top_k": -1,
    "max_output_tokens": 1024,
    "seed": -1,
    "stop_sequences": ["END"],
    "safety_threshold": "BLOCK_ONLY_HIGH",
    "thinking": "minimal",
}


def made(**known: Any) -> dict[str, Any]:
    records = examples()
    baseline, candidate = (each._replace(**known) for each in worse_and_better(records))
    return compare(records, baseline, candidate)


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from keys(each)


@pytest.mark.parametrize("known", [{}, {"settings": SETTINGS, "prompts": "a" * 64, "base_model": "gemini-3.5-flash"}])
def test_a_comparison_is_what_its_schema_says(known: dict[str, Any]) -> None:
    Comparison.model_validate_json(json.dumps(made(**known)))


@pytest.mark.parametrize("task", TASKS)
def test_so_is_one_of_every_task_with_examples_that_have_no_score(task: str) -> None:
    records = examples([f'{{"a": "{reference}"}}' for reference in REFERENCES * 2])
    answers: list[str | None] = [record["reference"] for record in records]
    lost = side(records, [*answers[:-1], None], task=task, outcomes={11: "failed"})
    limits = dataclasses.replace(LIMITS, primary_metric=TASKS[task].headline)
    found = compare(records, side(records, ["{}"] * 12, task=task), lost, limits=limits)
    Comparison.model_validate_json(json.dumps(found))


def test_so_is_one_of_nothing_at_all() -> None:
    records = examples()
    lost = side(records, [None] * 6, outcomes=dict.fromkeys(range(6), "failed"))
    Comparison.model_validate_json(json.dumps(compare(records, lost, lost, tuning={}, selection={}, ledger={})))


def test_an_unknown_key_a_missing_one_and_a_number_for_a_text_are_refused() -> None:
    document = made()
    for changed in ({"surprise": 1}, {"verdict": "better"}, {"job": 7}):
        with pytest.raises(ValidationError):
            Comparison.model_validate_json(json.dumps({**document, **changed}))
    del document["fairness"]
    with pytest.raises(ValidationError, match="fairness"):
        Comparison.model_validate_json(json.dumps(document))


def test_the_committed_schema_is_up_to_date() -> None:
    committed = Path(COMPILED / "comparison.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(json_schema()), "stale: run `gemtune compile`"


def test_the_schema_says_what_each_object_is() -> None:
    schema = json_schema()
    assert set(schema["required"]) == set(made())
    assert all("description" in each for each in schema["$defs"].values())
    described = {name for name, each in schema["$defs"]["Metric"]["properties"].items() if "description" in each}
    assert described == set(made()["metrics"][0])
    assert "$ref" in set(keys(schema))  # the objects above are the ones that are used
