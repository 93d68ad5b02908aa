import json
from typing import Any

import pytest

from gemtune.errors import SpecError
from gemtune.generation.safety import CATEGORIES, THRESHOLDS, read_thresholds
from gemtune.generation.settings import GenerationSettings
from gemtune.spec import load
from tests.gemtune.conftest import prompt

ASK = "publishers.models.generateContent"
SPEC = "name: s\nproject: p\nbucket: my-bucket\ntrain_data: gs://b/t.jsonl\n"
MIXED = {
    "HARM_CATEGORY_HARASSMENT": "OFF",
    "HARM_CATEGORY_HATE_SPEECH": "BLOCK_NONE",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT": "BLOCK_ONLY_HIGH",
    "HARM_CATEGORY_DANGEROUS_CONTENT": "BLOCK_ONLY_HIGH",
}


def sent(request: dict[str, Any]) -> dict[str, str]:
    return {each["category"]: each["threshold"] for each in request["safetySettings"]}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_one_threshold_is_that_of_every_category(threshold: str) -> None:
    assert read_thresholds(threshold) == dict.fromkeys(CATEGORIES, threshold)


@pytest.mark.parametrize(
    "written",
    [
        "safety_threshold: {HARASSMENT: OFF, HATE_SPEECH: BLOCK_NONE}",
        "safety_threshold:\n  HARM_CATEGORY_HARASSMENT: OFF\n  HARM_CATEGORY_HATE_SPEECH: BLOCK_NONE",
        "safety_threshold: HARASSMENT=OFF, HATE_SPEECH=BLOCK_NONE",
    ],
)
def test_a_spec_and_the_console_name_categories_and_the_rest_stays_as_it_was(tmp_path: Any, written: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC + written)
    found = load(path).parameters()["safety_threshold"]
    assert isinstance(found, str), "the console's form takes text"
    assert {f"HARM_CATEGORY_{name}": threshold for name, threshold in read_thresholds(found).items()} == MIXED


def test_single_requests_and_batches_send_the_threshold_of_each_category(bench: Any) -> None:
    settings = GenerationSettings(safety_threshold="HARASSMENT=OFF, HATE_SPEECH=BLOCK_NONE")
    uri = bench.write([prompt("Rain. Sun.")])
    bench.run(uri, settings=settings)
    assert sent(bench.emulator.requests(ASK)[0]["body"]) == MIXED
    bench.run(uri, settings=settings, mode="batch", max_age_days=0)
    (created,) = bench.emulator.requests("batchPredictionJobs.create")
    row = json.loads(bench.storage.read_text(created["body"]["inputConfig"]["gcsSource"]["uris"][0]))
    assert sent(row["request"]) == MIXED


def test_the_two_ways_to_write_the_same_find_the_same_answers(bench: Any) -> None:
    uri = bench.write([prompt("Rain. Sun.")])
    bench.run(uri, settings=GenerationSettings(safety_threshold="OFF"))
    each = ",".join(f"{category}=OFF" for category in CATEGORIES)
    assert bench.run(uri, settings=GenerationSettings(safety_threshold=each))["sent"] == 0


def test_what_the_console_passes_on_is_checked_before_anything_is_sent(bench: Any) -> None:
    with pytest.raises(SpecError, match=r"found category 'VIOLENCE', expected one of HARASSMENT"):
        bench.run(bench.write([prompt("Rain.")]), settings=GenerationSettings(safety_threshold="VIOLENCE=OFF"))
    assert bench.sent() == 0
