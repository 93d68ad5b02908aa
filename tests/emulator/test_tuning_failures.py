"""Failures on order, sub-states by the clock, rows that the service drops."""

from typing import Any

import pytest

from emulator.policies import TUNING_AGENT
from emulator.tuning_failures import FAILURES
from tests.conftest import Emulator
from tests.emulator.tuning import client, example, finished, put_datasets, put_lines, tune


@pytest.fixture(autouse=True)
def datasets(emulator: Emulator) -> None:
    put_datasets(emulator)


def order(emulator: Emulator, **fault: Any) -> None:
    emulator.state.faults.add({"method": "tuningJobs.run", **fault})


@pytest.mark.parametrize("kind", FAILURES)
def test_a_job_fails_as_ordered_and_the_next_one_does_not(emulator: Emulator, kind: str) -> None:
    order(emulator, message=kind)
    job = finished(emulator, tune(emulator))
    failure = FAILURES[kind]
    assert (job.state.value, job.error.code) == (failure.state, failure.code)
    assert job.error.message.startswith(failure.message.partition("{")[0])
    assert "{" not in job.error.message
    assert bool(job.tuned_model) is failure.has_model
    assert emulator.faults_hit() == 1
    assert finished(emulator, tune(emulator)).state.value == "JOB_STATE_SUCCEEDED"


def test_the_account_without_access_is_the_tuning_agent_that_policies_know(emulator: Emulator) -> None:
    order(emulator, message="no_bucket_access")
    agent = TUNING_AGENT.format(number="123456789012")
    assert finished(emulator, tune(emulator)).error.message.startswith(f"{agent} does not have storage.objects.get")


def test_any_other_text_is_the_error_of_the_job(emulator: Emulator) -> None:
    order(emulator, message="Something new.", code=9)
    error = finished(emulator, tune(emulator)).error
    assert (error.code, error.message) == (9, "Something new.")
    order(emulator)
    assert finished(emulator, tune(emulator)).error.message == "Internal error occurred. Contact Vertex AI."


def test_a_job_without_an_endpoint_leaves_its_model(emulator: Emulator) -> None:
    order(emulator, message="no_endpoint")
    job = finished(emulator, tune(emulator))
    assert job.tuned_model.model.endswith("@1") and job.tuned_model.endpoint is None
    assert client(emulator).models.get(model=job.tuned_model.model).default_checkpoint_id == "2"


def test_sub_states_and_epochs_follow_the_clock(emulator: Emulator) -> None:
    emulator.progress("tuningJobs", seconds=1000)
    name = tune(emulator, epoch_count=4).name
    vertex = client(emulator)
    seen = []
    for seconds in (0, 150, 60, 350, 240, 150):
        emulator.advance(seconds)
        for _ in range(200):
            job = vertex.tunings.get(name=name)
            if (emulator.state.get("tuningResults", name) or {}).get("finished"):
                break
        job = vertex.tunings.get(name=name)
        done = job.tuning_job_metadata.completed_epoch_count if job.tuning_job_metadata else 0
        phase = job.tuning_job_state.value.removeprefix("TUNING_JOB_STATE_") if job.tuning_job_state else ""
        seen.append((phase, done))
    assert seen[:5] == [
        ("PROCESSING_DATASET", 0),
        ("WAITING_FOR_CAPACITY", 0),
        ("TUNING", 0),
        ("TUNING", 2),
        ("TUNING", 3),
    ]
    assert seen[5] == ("POST_PROCESSING", 4)
    emulator.advance(60)
    assert finished(emulator, job).state.value == "JOB_STATE_SUCCEEDED"


def test_dropped_rows_are_numbered_and_not_billed(emulator: Emulator) -> None:
    whole = finished(emulator, tune(emulator)).tuning_data_stats.supervised_tuning_data_stats
    long = example(1)
    long["contents"][0]["parts"][0]["text"] = "word " * 140_000
    rows = [example(number) for number in range(32)]
    put_lines(emulator, "gs://gemtune-local/train.jsonl", *rows[:4], long, *rows[4:], long)
    stats = finished(emulator, tune(emulator)).tuning_data_stats.supervised_tuning_data_stats
    assert [int(row) for row in stats.truncated_example_indices] == [5, 34]
    assert int(stats.total_billable_token_count) == int(whole.total_billable_token_count)
    assert (int(stats.tuning_dataset_example_count), int(stats.total_truncated_example_count)) == (34, 2)
