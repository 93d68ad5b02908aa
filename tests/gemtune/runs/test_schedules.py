import copy
from typing import Any

import pytest

from gemtune.errors import ServiceError, SpecError
from gemtune.runs.schedules import (
    all_schedules,
    check_update,
    check_updated,
    differences,
    namesakes,
    schedule_of,
    schedules_of,
    settings_of,
)

SCHEDULE: dict[str, Any] = {
    "name": "projects/1/locations/us-central1/schedules/7",
    "displayName": "summaries",
    "state": "ACTIVE",
    "createTime": "2026-12-01T00:00:00.000000Z",
    "cron": "TZ=UTC 0 3 * * 1",
    "startTime": "2026-12-01T00:00:00Z",
    "maxConcurrentRunCount": "1",
    "maxRunCount": "9",
    "createPipelineJobRequest": {
        "pipelineJob": {
            "labels": {"gemtune-spec": "summaries", "team": "a"},
            "serviceAccount": "1-compute@developer.gserviceaccount.com",
            "pipelineSpec": {"root": {"size": 3}},
            "runtimeConfig": {
                "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
                "parameterValues": {"epoch_count": 4.0, "seed": -1},
            },
        }
    },
}
PLACE = {"project": "gemtune-local", "location": "us-central1"}


def changed(**changes: Any) -> dict[str, Any]:
    """Return the schedule with fields of it, or of its pipeline job, changed; None takes one away."""
    schedule = copy.deepcopy(SCHEDULE)
    job = schedule["createPipelineJobRequest"]["pipelineJob"]
    for key, value in changes.items():
        place = schedule if key in schedule or key in ("endTime", "allowQueueing") else job
        place[key] = value
        if value is None:
            del place[key]
    return schedule


def test_a_schedule_is_described_in_the_words_of_a_spec() -> None:
    settings = settings_of(SCHEDULE)
    assert settings.pop("pipeline")
    assert settings == {
        "cron": "TZ=UTC 0 3 * * 1",
        "start": "2026-12-01T00:00:00+00:00",
        "max_run_count": 9,
        "max_concurrent_run_count": 1,
        "queueing": "no",
        "failure_policy": "fast",
        "labels.gemtune-spec": "summaries",
        "labels.team": "a",
        "parameters.epoch_count": 4,
        "parameters.seed": -1,
    }


@pytest.mark.parametrize(
    "same",
    [
        {"startTime": None},
        {"startTime": "2026-12-01T01:00:00+01:00"},
        {"maxRunCount": 9},
        {"serviceAccount": None},
        {"allowQueueing": False},
        {"labels": {"gemtune-spec": "summaries", "team": "a", "vertex-ai-pipelines-run-billing-id": "7"}},
        {"pipelineSpec": {"root": {"size": 3.0}}},
        {
            "runtimeConfig": {
                "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
                "parameterValues": {"epoch_count": 4, "seed": -1.0},
            }
        },
    ],
)
def test_the_same_in_other_words_is_no_difference(same: dict[str, Any]) -> None:
    assert differences(SCHEDULE, changed(**same)) == {}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"cron": "TZ=UTC 0 4 * * 1"}, {"cron": ("TZ=UTC 0 3 * * 1", "TZ=UTC 0 4 * * 1")}),
        ({"endTime": "2027-01-01T00:00:00Z"}, {"end": (None, "2027-01-01T00:00:00+00:00")}),
        ({"serviceAccount": "a@b.iam"}, {"service_account": (None, "a@b.iam")}),
        ({"encryptionSpec": {"kmsKeyName": "k"}}, {"kms_key": (None, "k")}),
        ({"network": "n"}, {"network": (None, "n")}),
        ({"labels": {"gemtune-spec": "summaries"}}, {"labels.team": ("a", None)}),
        ({"allowQueueing": True}, {"queueing": ("no", "yes")}),
    ],
)
def test_what_is_not_as_wanted_is_named(change: dict[str, Any], difference: dict[str, Any]) -> None:
    assert differences(SCHEDULE, changed(**change)) == difference


def test_another_pipeline_is_a_difference() -> None:
    assert list(differences(SCHEDULE, changed(pipelineSpec={"root": {"size": 4}}))) == ["pipeline"]


def test_what_the_service_cannot_take_away_is_refused_with_the_way_out() -> None:
    with pytest.raises(SpecError, match=r"submission.max_run_count.*cannot be taken away.*delete"):
        check_update(SCHEDULE, differences(SCHEDULE, changed(maxRunCount=None)))
    with pytest.raises(SpecError, match="completed"):
        check_update({**SCHEDULE, "state": "COMPLETED"}, {"cron": ("a", "b")})


def test_a_stranger_of_the_same_name_is_not_ours(emulator: Any) -> None:
    parent = f"projects/{emulator.state.number}/locations/us-central1/schedules"
    stranger = changed(labels={"gemtune-spec": "other"})
    for number, schedule in enumerate([stranger, changed(labels=None)]):
        emulator.state.put("schedules", f"{parent}/{number}", {**schedule, "name": f"{parent}/{number}"})
    assert all_schedules(**PLACE) == []
    assert schedule_of("summaries", **PLACE) is None


def test_two_of_ours_are_left_to_a_person(emulator: Any) -> None:
    parent = f"projects/{emulator.state.number}/locations/us-central1/schedules"
    for number in (1, 2):
        emulator.state.put("schedules", f"{parent}/{number}", {**SCHEDULE, "name": f"{parent}/{number}"})
    with pytest.raises(ServiceError, match="2 schedules, expected one"):
        schedule_of("summaries", **PLACE)


def test_the_oldest_of_two_is_the_first(emulator: Any) -> None:
    parent = f"projects/{emulator.state.number}/locations/us-central1/schedules"
    for number, second in ((1, 20), (2, 10), (3, 20)):
        made = {"name": f"{parent}/{number}", "createTime": f"2026-12-01T00:00:{second}.000000Z"}
        emulator.state.put("schedules", made["name"], SCHEDULE | made)
    found = schedules_of("summaries", **PLACE)
    assert [each["name"].rpartition("/")[2] for each in found] == ["2", "1", "3"]


def test_a_schedule_that_differs_only_in_its_name_may_be_that_of_a_renamed_spec() -> None:
    def named(name: str, **parameters: Any) -> dict[str, Any]:
        runtime = {
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
            "parameterValues": {"name": name, **parameters},
        }
        labels = {"gemtune-spec": name, "team": "a"}
        return {**changed(runtimeConfig=runtime, labels=labels), "displayName": name}

    others = [named("old"), named("another", epoch_count=9), named("new")]
    assert namesakes(named("new"), others) == ["old"]


def test_an_update_that_the_service_did_not_carry_out_is_said_with_the_way_out() -> None:
    wanted = changed(labels={"gemtune-spec": "summaries"}, serviceAccount="")
    changes = differences(SCHEDULE, wanted)
    assert list(changes) == ["labels.team"], "the default account counts as none"
    check_updated(wanted, wanted, changes)
    with pytest.raises(ServiceError, match=r"summaries: the service took the update and kept labels.team 'a'.*delete"):
        check_updated(SCHEDULE, wanted, changes)
