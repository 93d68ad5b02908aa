"""Every state a tuning job can be in, and every failure that is explained."""

import re
from dataclasses import replace
from typing import Any

import pytest
from google.genai import types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtune.errors import TuningJobError
from gemtune.serving import TUNED_STATES
from gemtune.tuning.causes import cause_of
from gemtune.tuning.jobs import ENDED_STATES, TuningJobs, state_of

STATES = {state.value for state in types.JobState}
UNENDED = sorted(STATES - ENDED_STATES)


def test_the_states_are_those_of_the_service() -> None:
    assert {state.removeprefix("JOB_STATE_") for state in UNENDED} == {
        "UNSPECIFIED",
        "QUEUED",
        "PENDING",
        "RUNNING",
        "CANCELLING",
        "PAUSED",
        "UPDATING",
    }
    assert len(ENDED_STATES & STATES) == 5 == len(ENDED_STATES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=st.lists(st.sampled_from(UNENDED), max_size=6), last=st.sampled_from(sorted(ENDED_STATES)))
def test_any_walk_through_the_states_is_followed_to_its_end(tuning: Any, walk: list[str], last: str) -> None:
    """The job is read once per state, whatever the order, and only a state that left a model is a success."""
    finished = tuning.tune()["tuning_job"]
    tuning.emulator.progress("tuningJobs", reads=1_000_000)
    path = [*walk, last]
    tuning.set_job(finished, state=path[0])

    def waits() -> Any:
        for state in path[1:]:
            tuning.set_job(finished, state=state)
            yield 0.0

    jobs = TuningJobs(tuning.emulator.project, "us-central1", waits())
    job = jobs._get(finished)
    before = len(tuning.emulator.requests("tuningJobs.get"))
    try:
        if last in TUNED_STATES:
            assert state_of(jobs.wait(job)) == last
        else:
            with pytest.raises(TuningJobError, match=last):
                jobs.wait(job)
        assert len(tuning.emulator.requests("tuningJobs.get")) - before == len(walk)
    finally:
        tuning.emulator.progress("tuningJobs", immediate=True)
        tuning.set_job(finished, state="JOB_STATE_SUCCEEDED")


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_second_run_adopts_what_goes_on_or_succeeded_and_nothing_else(tuning: Any, state: str) -> None:
    first = tuning.tune()["tuning_job"]
    tuning.emulator.progress("tuningJobs", reads=1_000_000)
    tuning.set_job(first, state=state)

    def sleep(seconds: float) -> None:
        for job in tuning.emulator.state.list("tuningJobs"):
            tuning.set_job(job["name"], **model, state="JOB_STATE_SUCCEEDED")

    model = {"tunedModel": tuning.emulator.state.get("tuningJobs", first)["tunedModel"]}
    second = tuning.tune(job_id="run-2", sleep=sleep)
    is_adopted = state in TUNED_STATES or (state not in ENDED_STATES and state != "JOB_STATE_CANCELLING")
    assert (second["tuning_job"] == first) is is_adopted
    assert len(tuning.created()) == (1 if is_adopted else 2)


def test_the_line_of_progress_tells_sub_state_epochs_and_steps(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tuning.emulator.progress("tuningJobs", reads=3)
    tuning.tune()
    err = capsys.readouterr().err
    assert re.search(r"tune \d+: JOB_STATE_RUNNING, (PROCESSING_DATASET|TUNING|POST_PROCESSING)", err)
    assert "JOB_STATE_SUCCEEDED, 2 epochs done, 4 steps" in err


def test_waiting_for_quota_is_a_status_and_no_error(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tuning.emulator.progress("tuningJobs", reads=4)
    other = replace(tuning.request, train_uri=tuning.dataset(30, 50))
    with pytest.raises(TuningJobError):
        tuning.tune(other, deadline_hours=0.0001, job_id="run-0")
    tuning.emulator.fail("tuningJobs.create", times=1, code=429)
    assert tuning.tune()["state"] == "JOB_STATE_SUCCEEDED"
    err = capsys.readouterr().err
    assert "tune: waiting for quota (429 RESOURCE_EXHAUSTED" in err
    assert "JOB_STATE_PENDING, WAITING_FOR_QUOTA, starts when another tuning job of the project ends" in err
    waiting = [line for line in err.splitlines() if "WAITING_FOR_QUOTA" in line]
    assert len(waiting) == 1, "the same status is said once"


@pytest.mark.parametrize(
    ("message", "next"),
    [
        ("service-1@gcp-sa-aiplatform does not have storage.objects.get access to b/train.jsonl.", "objectViewer"),
        ("training_dataset_uri should be a GCS object of type JSONL.", "check that the object is there"),
        ("The adapter size is not supported for this base model.", "smaller adapter_size"),
        ('Dataset example 1 of 14 contains an unsupported modality [function call] in the "parts"', "leave such"),
        ("Dataset example 7 of 14 is not valid JSON", "correct or remove that line"),
        ("429 RESOURCE_EXHAUSTED: Resource has been exhausted", "more concurrent tuning jobs"),
        ("Tuning of gemini-3.5-flash is not supported in asia-east1, expected one of us-central1", "tuning_location"),
        ("Base model gemini-1.0-pro is not supported.", "base_model"),
        ("CMEK is not supported for this base model.", "kms_key_name"),
        ("Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied", "cryptoKeyEncrypterDecrypter"),
        ("Failed to create endpoint. Tuned model is uploaded", "Model Registry"),
        ("code 13: Internal error occurred. Contact Vertex AI.", "tuning_service_account"),
        (
            "403 PERMISSION_DENIED: Permission 'aiplatform.tuningJobs.create' denied on resource",
            "roles/aiplatform.user",
        ),
    ],
)
def test_every_known_failure_has_a_next_step(message: str, next: str) -> None:
    assert next in cause_of(message)


@pytest.mark.parametrize(
    ("kind", "next"),
    [
        ("internal", "tuning_service_account"),
        ("no_endpoint", "Model Registry"),
        ("no_bucket_access", "roles/storage.objectViewer"),
        ("modality", "leave such examples out"),
        ("expired", "try again"),
    ],
)
def test_a_job_that_fails_ends_with_the_services_words_and_what_to_do(tuning: Any, kind: str, next: str) -> None:
    tuning.emulator.state.faults.add({"method": "tuningJobs.run", "message": kind})
    with pytest.raises(TuningJobError, match=r"JOB_STATE_(FAILED|EXPIRED), code \d+: .+, expected") as error:
        tuning.tune()
    assert next in error.value.next
    assert tuning.tune(job_id="run-2")["state"] == "JOB_STATE_SUCCEEDED", "a failed job is not taken over"


def test_dropped_rows_are_a_warning_and_the_price_is_known(tuning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = tuning.tune()
    assert job["cost_usd"] == pytest.approx(3.0 * job["billable_tokens"] * 2 / 1e6)
    stats = tuning.emulator.state.get("tuningJobs", job["tuning_job"])["tuningDataStats"]
    stats["supervisedTuningDataStats"] |= {"totalTruncatedExampleCount": "1", "truncatedExampleIndices": ["7"]}
    tuning.set_job(job["tuning_job"], tuningDataStats=stats)
    again = tuning.tune(job_id="run-2")
    assert again["dropped_example_indices"] == [7]
    shown = "1 of 20 training examples were truncated or dropped by the service: row 7 of the training split"
    assert shown in capsys.readouterr().err


def test_a_rejected_dataset_is_named_with_its_row(tuning: Any) -> None:
    text = tuning.storage.read_text(tuning.request.train_uri).splitlines()
    path = tuning.folder / "broken.jsonl"
    path.write_text("\n".join([*text[:2], '{"contents": []}', *text[2:]]))
    uri = tuning.storage.upload_by_content(path, f"gs://{tuning.emulator.bucket}/data", ".jsonl")
    with pytest.raises(TuningJobError, match="Dataset example 3 of 21") as error:
        tuning.tune(replace(tuning.request, train_uri=uri))
    assert f"line 3 of {uri}" in error.value.next
