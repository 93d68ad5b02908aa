"""What a run would create: places from the catalogue, endpoints by checkpoint, a tuning job only if there is none."""

from pathlib import Path
from typing import Any

import pytest

from gemtune.catalog import load
from gemtune.runs.plan import known_tuning, locations, request_of, resources
from gemtune.spec import TuningSpec, build
from gemtune.storage import Storage
from gemtune.tuning.request import fingerprint
from tests.conftest import Emulator

REGION = "us-central1"


def spec(**keys: Any) -> TuningSpec:
    values = {"name": "n", "project": "gemtune-local", "bucket": "gemtune-local", "train_data": "x", **keys}
    return build(values, path=Path("spec"))


def splits(folder: Path) -> tuple[Path, Path]:
    train, validation = folder / "train.jsonl", folder / "validation.jsonl"
    train.write_text("{}\n")
    validation.write_text("")
    return train, validation


@pytest.mark.parametrize(
    ("keys", "tuning", "base", "tuned"),
    [
        ({}, "us-central1", "global", "us"),
        ({"location": "europe-west1"}, "europe-west4", "global", "eu"),
        ({"base_model": "gemini-2.5-flash"}, "us-central1", "us-central1", "us-central1"),
        ({"inference_location": "eu"}, "us-central1", "eu", "us"),
    ],
)
def test_the_parts_of_a_run_are_in_different_places(keys: dict[str, Any], tuning: str, base: str, tuned: str) -> None:
    found = locations(spec(**keys), load())
    assert (found["tuning"], found["base model"], found["tuned model"]) == (tuning, base, tuned)
    assert found["pipeline"] == keys.get("location", REGION)


def test_the_same_tuning_is_known_by_its_lock(emulator: Emulator, tmp_path: Path) -> None:
    wanted = spec(epoch_count=2)
    request = request_of(wanted, *splits(tmp_path))
    assert known_tuning(wanted, request, REGION) is None
    uri = f"gs://{emulator.bucket}/gemtune/locks/{fingerprint(request, REGION)}.json"
    Storage(emulator.project).write_text(uri, "{}")
    assert known_tuning(wanted, request, REGION) == uri
    assert known_tuning(spec(epoch_count=3), request_of(spec(epoch_count=3), *splits(tmp_path)), REGION) is None
    assert known_tuning(spec(epoch_count=2, force_retune=True), request, REGION) is None


def test_an_adopted_tuning_creates_no_model() -> None:
    made = resources(spec(), locations(spec(), load()), 4, "gs://b/gemtune/locks/1.json")
    assert [each["kind"] for each in made] == ["pipeline job", "objects", "experiment run", "tuning job"]
    assert made[-1]["count"] == 0


def test_without_an_epoch_count_the_endpoints_are_a_most() -> None:
    (endpoint,) = [
        each for each in resources(spec(), locations(spec(), load()), None, None) if each["kind"] == "endpoint"
    ]
    assert endpoint["count"] == 10 and str(endpoint["note"]).startswith("at most; ")
