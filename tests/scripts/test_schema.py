from pathlib import Path

import pytest

from gemtune import spec
from gemtune.spec import TuningSpec
from scripts import schema

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main([]) == 0
    printed = capsys.readouterr().out
    committed = (ROOT / "compiled/spec.schema.json").read_text(encoding="utf-8")
    assert printed == committed, "stale: run `gemtune compile`"


def test_the_schema_explains_every_key_and_requires_what_nothing_can_fill_in() -> None:
    document = spec.json_schema()
    assert set(document["properties"]) == set(TuningSpec.model_fields)
    assert all("description" in entry for entry in document["properties"].values())
    assert document["required"] == ["train_data"]
    assert document["additionalProperties"] is False
