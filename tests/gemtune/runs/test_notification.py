import json
from typing import Any

import pytest

from gemtune.runs.notification import cost_line, outcome_message, tell
from gemtune.storage import Storage
from tests.gemtune.made_run import compare, examples, worse_and_better

PARAMETERS = {
    "base_model": "gemini-3.1-flash-lite",
    "tuning_location": "",
    "location": "us-central1",
    "catalog_overrides": {},
}


def compared() -> dict[str, Any]:
    records = examples()
    return compare(records, *worse_and_better(records))


@pytest.fixture
def job(emulator: Any) -> str:
    return f"projects/{emulator.state.number}/locations/us-central1/pipelineJobs/run-1"


def leave(emulator: Any, file: str, document: Any) -> None:
    Storage(emulator.project).write_text(f"gs://{emulator.bucket}/gemtune/runs/run-1/{file}", json.dumps(document))


def message(emulator: Any, job: str, state: str, cancelled: tuple[str, ...] = (), error: str = "") -> str:
    return outcome_message(
        name="summaries",
        job=job,
        state=state,
        project=emulator.project,
        bucket=emulator.bucket,
        cancelled=cancelled,
        storage=Storage(emulator.project),
        error=error,
    )


def test_a_good_run_says_decision_numbers_cost_and_links(emulator: Any, job: str) -> None:
    comparison = compared()
    leave(emulator, "comparison.json", comparison)
    lines = message(emulator, job, "SUCCEEDED").splitlines()
    assert lines[0] == "summaries run-1: SUCCEEDED"
    assert lines[1].startswith(f"{comparison['decision']}: {comparison['verdict']}, ")
    assert any(line.startswith("cost: ") and "$" in line for line in lines)
    assert lines[-2:] == ["report: gs://gemtune-local/gemtune/runs/run-1/report.html", f"run: {job}"]


def test_a_failed_run_says_task_cause_what_next_and_what_was_cancelled(emulator: Any, job: str) -> None:
    leave(emulator, "failure.json", {"task": "Tuning", "message": "quota used up", "next": "ask for more"})
    text = message(emulator, job, "FAILED", ("projects/1/locations/us-central1/tuningJobs/7",))
    assert "\nTuning failed: quota used up\nnext: ask for more\ncancelled: projects/1" in text
    assert "cost: not added up" in text


def test_a_run_that_failed_after_its_comparison_says_both(emulator: Any, job: str) -> None:
    leave(emulator, "comparison.json", compared())
    leave(emulator, "failure.json", {"task": "Promotion", "message": "no access", "next": ""})
    text = message(emulator, job, "FAILED")
    assert "Promotion failed: no access" in text and "report: gs://" in text


def test_a_run_that_left_no_cause_says_where_to_look(emulator: Any, job: str) -> None:
    assert "no step left a cause: see the log" in message(emulator, job, "FAILED")
    assert "\nThe image was not found.\n" in message(emulator, job, "FAILED", error="The image was not found.")


def test_a_run_whose_bucket_is_gone_says_so(emulator: Any, job: str) -> None:
    emulator.state.delete("buckets", emulator.bucket)
    text = message(emulator, job, "FAILED")
    assert f"no step left a cause: gs://{emulator.bucket}/gemtune/runs/run-1/failure.json: there is no bucket" in text
    assert text.endswith(f"run: {job}")


def test_a_cost_without_a_price_says_what_is_known_of_it() -> None:
    actual = {"known": 0.5, "total": None, "unknown": ["tuning"]}
    assert cost_line({"cost": {"actual": actual}}) == "cost: at least $0.5000; no price is known for tuning"


def test_a_webhook_that_fails_is_said_in_the_log_and_does_not_fail_the_run(
    emulator: Any, job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(
        name="summaries",
        job=job,
        state="SUCCEEDED",
        project=emulator.project,
        bucket=emulator.bucket,
        parameters=PARAMETERS,
        webhook_secret="none",
    )
    shown = capsys.readouterr()
    assert shown.out.startswith("summaries run-1: SUCCEEDED")
    assert "Notification: not sent: " in shown.err


def test_tuning_jobs_that_cannot_be_cancelled_are_said_and_the_message_goes_out(
    emulator: Any, job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(
        name="summaries",
        job=job,
        state="FAILED",
        project=emulator.project,
        bucket=emulator.bucket,
        parameters={**PARAMETERS, "tuning_location": "global"},
        webhook_secret="",
    )
    shown = capsys.readouterr()
    assert "summaries run-1: FAILED" in shown.out
    assert "tuning jobs of this run may go on" in shown.err
