import json
from typing import Any

import pytest

from gemtune.errors import SpecError
from gemtune.step import job_id_of, step
from gemtune.storage import Storage


def failure_of_job(emulator: Any, job_id: str) -> Any:
    return json.loads(Storage(emulator.project).read_text(f"gs://{emulator.bucket}/gemtune/runs/{job_id}/failure.json"))


def test_a_failure_to_act_on_is_one_line_and_one_object(emulator: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(SystemExit) as end,
        step("Tuning", project=emulator.project, bucket=emulator.bucket, job_id="job-1"),
    ):
        raise SpecError("adapter_size: 12, expected one of 1, 2, 4", next="choose one")
    assert end.value.code == 1
    assert end.value.__suppress_context__
    assert capsys.readouterr().err == "Tuning: adapter_size: 12, expected one of 1, 2, 4: choose one\n"
    assert failure_of_job(emulator, "job-1") == {
        "task": "Tuning",
        "message": "adapter_size: 12, expected one of 1, 2, 4",
        "next": "choose one",
    }


def test_a_bug_keeps_its_traceback_and_is_written_down(emulator: Any) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        step("Comparison", project=emulator.project, bucket=emulator.bucket, job_id="job-1"),
    ):
        _ = 1 / 0
    assert failure_of_job(emulator, "job-1") == {
        "task": "Comparison",
        "message": "ZeroDivisionError: division by zero",
        "next": "",
    }


def test_a_step_that_ends_well_writes_nothing(emulator: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with step("Tuning", project=emulator.project, bucket=emulator.bucket, job_id="job-1"):
        pass
    assert emulator.requests("storage.objects.insert") == []
    assert capsys.readouterr().err == ""


def test_a_missing_bucket_does_not_hide_the_failure(emulator: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), step("Tuning", project=emulator.project, bucket="no-such-bucket", job_id="job-1"):
        raise SpecError("the cause")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Tuning: the cause"
    assert "no-such-bucket" in second


def test_the_job_id_is_read_from_an_artifacts_path() -> None:
    assert job_id_of("/gcs/b/root/123456789012/tuning-20261121/prepare-dataset_4/findings") == "tuning-20261121"
