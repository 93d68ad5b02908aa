from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Emulator
from tests.emulator.scheduling import SPEC, Api, asked

PARENT = "projects/123456789012/locations/us-central1"


@pytest.fixture
def api(emulator: Emulator) -> Api:
    emulator.today(datetime(2026, 11, 21, 12, tzinfo=UTC))
    return Api(emulator)


def test_a_schedule_shows_what_was_asked_for_and_its_next_run(api: Api) -> None:
    schedule = api.create(
        cron="TZ=Europe/Berlin 0 3 * * 1",
        startTime="2026-12-01T00:00:00+01:00",
        maxConcurrentActiveRunCount=1,
        allowQueueing=False,
    )
    assert schedule["name"].startswith(f"{PARENT}/schedules/")
    assert (schedule["state"], schedule["nextRunTime"]) == ("ACTIVE", "2026-12-07T02:00:00Z")
    assert schedule["startTime"] == "2026-11-30T23:00:00Z"
    assert (schedule["maxConcurrentRunCount"], schedule["maxConcurrentActiveRunCount"]) == ("1", "1")
    assert not schedule.keys() & {"allowQueueing", "catchUp", "startedRunCount", "lastScheduledRunResponse"}
    job = schedule["createPipelineJobRequest"]["pipelineJob"]
    assert (job["pipelineSpec"], job["labels"]) == (SPEC, {"my_team": "x"})
    assert api.get(schedule["name"]) == schedule


def test_a_time_zone_may_have_either_prefix(api: Api) -> None:
    assert api.create(cron="CRON_TZ=Asia/Tokyo 0 3 * * *")["nextRunTime"] == "2026-11-21T18:00:00Z"
    assert api.create(cron="0 3 * * *")["nextRunTime"] == "2026-11-22T03:00:00Z"


def test_a_first_run_may_come_at_the_start_itself(api: Api) -> None:
    assert api.create(startTime="2026-11-24T03:00:00Z")["nextRunTime"] == "2026-11-24T03:00:00Z"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"displayName": ""}, "schedule.displayName"),
        ({"displayName": "x" * 129}, "longer than 128"),
        ({"cron": None}, "schedule.cron"),
        ({"cron": "0 25 * * *"}, "hour '25' is not understood"),
        ({"cron": "TZ=Mars/Base 0 3 * * *"}, "time zone 'Mars/Base' is unknown"),
        ({"cron": "0 0 31 2 *"}, "names a date that never comes"),
        ({"maxConcurrentRunCount": 0}, "schedule.maxConcurrentRunCount"),
        ({"maxRunCount": "-1"}, "expected a positive count"),
        ({"maxRunCount": "many"}, "TYPE_INT64"),
        ({"startTime": "tomorrow"}, "Illegal timestamp format"),
        ({"startTime": "2026-12-01T00:00:00"}, "Illegal timestamp format"),
        ({"endTime": "2026-11-21T11:00:00Z"}, "end_time must be after start_time"),
        ({"endTime": "2026-11-21T11:00:00Z", "startTime": "2026-11-01T00:00:00Z"}, "and in the future"),
        ({"endTime": "2026-12-01T00:00:00Z", "startTime": "2026-12-02T00:00:00Z"}, "end_time must be after start_time"),
        ({"cronn": "0 3 * * *"}, "Unknown name"),
        ({"createPipelineJobRequest": None}, "schedule.createPipelineJobRequest"),
        ({"createPipelineJobRequest.parent": "projects/gemtune-local/locations/europe-west4"}, "The parent is"),
        ({"createPipelineJobRequest.pipelineJobId": "mine"}, "must not be set"),
        ({"createPipelineJobRequest.pipelineJob.kmsKey": "k"}, "Unknown name"),
        ({"createPipelineJobRequest.pipelineJob.pipelineSpec": {}}, "Required field is not set"),
        ({"createPipelineJobRequest.pipelineJob.runtimeConfig.gcsOutputDirectory": "b"}, "Cloud Storage path"),
        ({"createPipelineJobRequest.pipelineJob.runtimeConfig.parameterValues": {"wrd": "x"}}, "'wrd' is not defined"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_named(api: Api, change: dict[str, Any], found: str) -> None:
    body = asked()
    for path, value in change.items():
        *above, last = path.split(".")
        target = body
        for part in above:
            target = target[part]
        target[last] = value
    error = api.post("schedules", body).json()["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert found in str(error)
    assert api.all() == []


def test_an_update_changes_what_its_mask_names_and_starts_over_from_now(api: Api, emulator: Emulator) -> None:
    schedule = api.create(maxRunCount="20")
    body = asked(displayName="other", cron="0 4 * * *", maxConcurrentRunCount="3", maxRunCount="5")
    body |= {"state": 2, "name": "ignored", "startedRunCount": "7"}
    emulator.advance(60)
    changed = api.patch(schedule["name"], body, "cron,max_concurrent_run_count,state").json()
    differing = {name for name in changed if changed[name] != schedule[name]}
    assert differing == {"cron", "maxConcurrentRunCount", "nextRunTime", "updateTime"}
    assert (changed["nextRunTime"], changed["maxConcurrentRunCount"]) == ("2026-11-22T04:00:00Z", "3")


def test_a_mask_reaches_into_the_pipeline_job(api: Api) -> None:
    name, body = api.create()["name"], asked()
    job = body["createPipelineJobRequest"]["pipelineJob"]
    job |= {"serviceAccount": "other@x.iam.gserviceaccount.com", "network": "not in the mask"}
    job["labels"] = {"my_team": "y"}
    job["runtimeConfig"] = {"parameterValues": {"word": "bye"}, "failurePolicy": 2}
    inside = "createPipelineJobRequest.pipelineJob"
    mask = f"{inside}.serviceAccount,{inside}.labels.my_team,{inside}.runtimeConfig.parameterValues.word"
    changed = api.patch(name, body, mask).json()["createPipelineJobRequest"]["pipelineJob"]
    assert changed["serviceAccount"] == "other@x.iam.gserviceaccount.com"
    assert (changed["labels"], "network" in changed) == ({"my_team": "y"}, False)
    assert changed["runtimeConfig"]["parameterValues"] == {"word": "bye"}
    assert changed["runtimeConfig"]["gcsOutputDirectory"] == "gs://gemtune-local/root"
    assert "failurePolicy" not in changed["runtimeConfig"]
    whole = api.patch(name, body | {"createPipelineJobRequest": asked()["createPipelineJobRequest"]}, inside).json()
    assert whole["createPipelineJobRequest"] == api.create()["createPipelineJobRequest"]


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        ("", "update_mask"),
        ("crn", "Invalid field in the update mask: crn"),
        ("end_time", "end_time has a value and cannot be unset"),
        ("cron.zone", "Invalid field in the update mask: cron.zone"),
    ],
)
def test_a_mask_that_cannot_be_applied_is_refused(api: Api, mask: str, found: str) -> None:
    schedule = api.create(endTime="2027-01-01T00:00:00Z")
    error = api.patch(schedule["name"], asked(), mask).json()["error"]
    assert error["status"] == "INVALID_ARGUMENT" and found in str(error)
    assert api.get(schedule["name"]) == schedule


def test_queueing_can_be_turned_off(api: Api) -> None:
    schedule = api.create(allowQueueing=True)
    assert schedule["allowQueueing"] is True
    assert "allowQueueing" not in api.patch(schedule["name"], asked(), "allowQueueing").json()


def test_a_schedule_is_paused_and_resumed_only_when_it_is_not(api: Api) -> None:
    name = api.create()["name"]
    assert api.act(name, "resume").json()["error"]["status"] == "FAILED_PRECONDITION"
    assert api.act(name, "pause").json() == {}
    paused = api.get(name)
    assert paused["state"] == "PAUSED" and paused["lastPauseTime"] and "nextRunTime" not in paused
    assert api.act(name, "pause").json()["error"]["status"] == "FAILED_PRECONDITION"
    assert api.act(name, "resume").json() == {}
    assert api.get(name)["nextRunTime"] == "2026-11-22T03:00:00Z"


def test_a_list_is_filtered_and_paged_newest_first(api: Api) -> None:
    assert api.all() == []
    names = [api.create(displayName=name)["name"] for name in ("one", "two", "two")]
    assert [one["name"] for one in api.all()] == names[::-1]
    assert [one["name"] for one in api.all('displayName="one"')] == [names[0]]
    assert [one["name"] for one in api.all("state=ACTIVE AND display_name=two")] == [names[2], names[1]]


def test_a_schedule_that_is_gone_is_not_found(api: Api, emulator: Emulator) -> None:
    schedule, other = api.create(), api.create()
    address = f"{emulator.url}/v1/{schedule['name']}"
    assert api.http.delete(address).json()["done"] is True
    for answer in (
        api.http.delete(address),
        api.http.get(address),
        api.act(schedule["name"], "pause"),
        api.patch(schedule["name"], asked(), "cron"),
    ):
        assert answer.json()["error"]["status"] == "NOT_FOUND"
    assert api.all() == [other]


def test_a_schedule_takes_a_template_that_exists(api: Api) -> None:
    body = asked()
    job = body["createPipelineJobRequest"]["pipelineJob"]
    del job["pipelineSpec"]
    job["templateUri"] = "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune-local/greet/latest"
    assert "was not found" in api.post("schedules", body).json()["error"]["message"]
    api.upload()
    made = api.post("schedules", body).json()["createPipelineJobRequest"]["pipelineJob"]
    assert made["templateUri"] == job["templateUri"] and "pipelineSpec" not in made
