from typing import Any

import pytest
from google.genai import types
from google.genai.errors import ClientError

from emulator.storage import write_object
from tests.conftest import Emulator
from tests.emulator.tuning import (
    BASE_MODEL,
    TRAIN,
    VALIDATION,
    client,
    create,
    example,
    put_datasets,
    put_lines,
    read_to_the_end,
    spec,
)


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


@pytest.mark.parametrize("uri", ["gs://gemtune-local/none.jsonl", "gs://gemtune-local/train.csv", "train.jsonl"])
def test_a_dataset_that_is_no_jsonl_object_is_refused(emulator: Emulator, uri: str) -> None:
    write_object(emulator.state, "gs://gemtune-local/train.csv", b"a,b", "text/csv")
    vertex = client(emulator)
    with pytest.raises(ClientError) as error:
        vertex.tunings.tune(base_model=BASE_MODEL, training_dataset=types.TuningDataset(gcs_uri=uri))
    description = "training_dataset_uri should be a GCS object of type JSONL."
    field = "tuning_job.supervised_tuning_spec.training_dataset_uri"
    assert error.value.message == f"List of found errors:\t1.Field: {field}; Message: {description}\t"
    assert error.value.details["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": description}],
        }
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Dataset example 2 of 3 is not valid JSON"),
        (
            {"messages": []},
            'Dataset example 2 of 3 is not a valid example: Invalid JSON payload received. Unknown name "messa',
        ),
        ({"contents": []}, "Dataset example 2 of 3 has turns of []"),
        ({"contents": example(1)["contents"][:1]}, 'ending with "model"'),
        ({"contents": example(1)["contents"] * 2 + example(1)["contents"][1:]}, "expected alternating"),
        ({"contents": [*example(1)["contents"][:1], {"role": "model", "parts": []}]}, 'has a turn without "parts"'),
        (
            {"contents": [*example(1)["contents"][:1], {"role": "model", "parts": [{"text": ""}]}]},
            'has an empty "text"',
        ),
    ],
)
def test_a_broken_example_fails_the_job(emulator: Emulator, line: Any, message: str) -> None:
    put_lines(emulator, TRAIN, example(1), line, example(2))
    job = read_to_the_end(emulator, create(emulator)["name"])
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", 3)
    assert message in job["error"]["message"]
    assert "endTime" in job and "tunedModel" not in job


def test_examples_of_every_kind_that_the_service_documents_are_taken(emulator: Emulator) -> None:
    user, model = example(1)["contents"]
    call_turn = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]}
    answer_turn = {"parts": [{"functionResponse": {"name": "f", "response": {"output": "True"}}}]}
    put_lines(
        emulator,
        TRAIN,
        {"systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]}, "contents": [user, model]},
        {"system_instruction": {"parts": [{"text": "Be brief."}]}, "contents": [user, model, user, model]},
        {"contents": [user, call_turn], "tools": [{"functionDeclarations": []}]},
        {"contents": [user, call_turn, answer_turn, model]},
    )
    assert read_to_the_end(emulator, create(emulator)["name"])["state"] == "JOB_STATE_SUCCEEDED"


def test_too_long_examples_are_dropped_and_counted(emulator: Emulator) -> None:
    long = example(1)
    long["contents"][0]["parts"][0]["text"] = "word " * 140_000
    put_lines(emulator, TRAIN, example(1), long, example(2))
    stats = read_to_the_end(emulator, create(emulator)["name"])["tuningDataStats"]["supervisedTuningDataStats"]
    assert stats["totalTruncatedExampleCount"] == "1"
    assert stats["truncatedExampleIndices"] == ["2"]
    assert len(stats["droppedExampleReasons"]) == 1


def test_a_validation_dataset_may_not_be_too_large(emulator: Emulator) -> None:
    put_lines(emulator, VALIDATION, *([example(1)] * 1001))
    job = read_to_the_end(emulator, create(emulator, **spec(validationDatasetUri=VALIDATION))["name"])
    assert job["error"]["message"] == "The validation dataset has 1001 examples, at most 1000 allowed."
