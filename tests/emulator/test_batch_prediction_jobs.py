import json
from typing import Any

import pytest
from google.genai.errors import ClientError

from tests.conftest import Emulator
from tests.emulator.tuning import BASE_MODEL, article, client

OUTPUT = "gs://gemtune-local/out"


def row(key: str, text: str, **config: Any) -> str:
    contents = [{"role": "user", "parts": [{"text": text}]}]
    return json.dumps({"key": key, "request": {"contents": contents, "generationConfig": config}})


def submit(emulator: Emulator, bucket: Any, rows: list[str], *, model: str = BASE_MODEL) -> tuple[Any, Any]:
    bucket.blob("in.jsonl").upload_from_string("\n".join(rows))
    vertex = client(emulator, "global", "v1")
    source = f"gs://{emulator.bucket}/in.jsonl"
    return vertex, vertex.batches.create(model=model, src=source, config={"display_name": "rows", "dest": OUTPUT})


def output(bucket: Any, job: Any) -> list[dict[str, Any]]:
    folder = job.output_info.gcs_output_directory.removeprefix(f"gs://{bucket.name}/")
    return [json.loads(line) for line in bucket.blob(f"{folder}/predictions.jsonl").download_as_text().splitlines()]


def test_every_row_is_answered_as_a_single_request_is_and_keeps_its_key(emulator: Emulator, bucket: Any) -> None:
    vertex, job = submit(emulator, bucket, [row(str(number), article(number)) for number in range(6)])
    assert job.state == "JOB_STATE_PENDING"
    assert vertex.batches.get(name=job.name).state == "JOB_STATE_RUNNING"
    job = vertex.batches.get(name=job.name)
    assert job.state == "JOB_STATE_SUCCEEDED" and job.end_time
    assert job.completion_stats.successful_count == 6
    lines = output(bucket, job)
    single = vertex.models.generate_content(model=BASE_MODEL, contents=article(3))
    answers = {line["key"]: line["response"]["candidates"][0]["content"]["parts"][0]["text"] for line in lines}
    assert answers["3"] == single.text
    assert sorted(answers) == ["0", "1", "2", "3", "4", "5"] != [line["key"] for line in lines]
    assert lines[0]["response"]["modelVersion"] == "gemini-3.1-flash-lite-emulator"


def test_a_row_that_fails_has_a_status_and_no_response(emulator: Emulator, bucket: Any) -> None:
    emulator.progress("batchPredictionJobs", immediate=True)
    vertex, job = submit(emulator, bucket, [row("good", article(1)), row("bad", article(1), temperature=9)])
    job = vertex.batches.get(name=job.name)
    by_key = {line["key"]: line for line in output(bucket, job)}
    assert by_key["good"]["status"] == "" and by_key["bad"]["response"] == {}
    assert "INVALID_ARGUMENT" in by_key["bad"]["status"]
    assert (job.completion_stats.successful_count, job.completion_stats.failed_count) == (1, 1)


def test_a_job_whose_input_is_no_jsonl_fails(emulator: Emulator, bucket: Any) -> None:
    emulator.progress("batchPredictionJobs", immediate=True)
    vertex, job = submit(emulator, bucket, ['{"prompt": "x"}'])
    job = vertex.batches.get(name=job.name)
    assert job.state == "JOB_STATE_FAILED"
    assert "is not JSONL with a `request`" in job.error.message


def test_a_cancelled_job_is_cancelling_first(emulator: Emulator, bucket: Any) -> None:
    vertex, job = submit(emulator, bucket, [row("a", article(1))])
    vertex.batches.cancel(name=job.name)
    assert vertex.batches.get(name=job.name).state == "JOB_STATE_CANCELLING"
    job = vertex.batches.get(name=job.name)
    assert (job.state, job.error.message) == ("JOB_STATE_CANCELLED", "CANCELED")
    with pytest.raises(ClientError, match="cannot be cancelled"):
        vertex.batches.cancel(name=job.name)


def test_jobs_are_listed_newest_first(emulator: Emulator, bucket: Any) -> None:
    made = [submit(emulator, bucket, [row("a", article(1))])[1].name for _ in range(2)]
    vertex = client(emulator, "global", "v1")
    assert [job.name for job in vertex.batches.list()] == made[::-1]


@pytest.mark.parametrize("model", ["gemini-0.1-nano", "projects/gemtune-local/locations/global/models/1"])
def test_a_model_that_is_not_there_is_refused(emulator: Emulator, bucket: Any, model: str) -> None:
    with pytest.raises(ClientError) as refused:
        submit(emulator, bucket, [row("a", article(1))], model=model)
    assert refused.value.code == 404
