"""Which runs start when. The workers of the jobs are `cat`: a test says what they report."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator import pipeline_runs
from emulator.serve import Server, start
from emulator.state import State
from tests.conftest import Emulator
from tests.emulator.scheduling import Api, asked, until

DAY = "2026-11-{} 03:00:00"


class Workers:
    """The processes of the jobs, in the order of their start."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[str]] = []

    def spawn(self, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
        self.all.append(
            subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        )
        return self.all[-1]

    def report(self, at: int, **record: Any) -> None:
        stdin = self.all[at].stdin
        assert stdin
        stdin.write(json.dumps(record) + "\n")
        stdin.flush()


class Scheduled:
    """One schedule, and the jobs that it started."""

    def __init__(self, api: Api, workers: Workers, **fields: Any) -> None:
        self.api, self.workers = api, workers
        self.name: str = api.create(**fields)["name"]

    def field(self, name: str) -> Any:
        return self.api.get(self.name).get(name)

    def runs(self) -> list[str]:
        """Return the times at which the jobs were created, on the emulator's clock."""
        return [job["createTime"][:19].replace("T", " ") for job in self.api.runs(self.name)]

    def begin(self, at: int) -> None:
        """Let the job leave PENDING."""
        self.workers.report(at, taskId="1", parentTaskId="", taskName="say", state="RUNNING")
        until(lambda: self.api.runs(self.name)[at]["state"] == "PIPELINE_STATE_RUNNING", "it does not run")

    def end(self, at: int) -> None:
        """Let the job succeed."""
        self.workers.report(at, job="SUCCEEDED")
        stdin = self.workers.all[at].stdin
        assert stdin
        stdin.close()
        until(lambda: self.api.runs(self.name)[at]["state"] == "PIPELINE_STATE_SUCCEEDED", "it does not end")

    def wait_for(self, count: int) -> None:
        """Wait until that many jobs were started."""
        until(lambda: len(self.api.runs(self.name)) >= count, f"no {count} runs")
        assert len(self.api.runs(self.name)) == count


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    workers = Workers()
    monkeypatch.setattr(pipeline_runs, "spawn", workers.spawn)
    return workers


@pytest.fixture
def api(emulator: Emulator) -> Api:
    emulator.today(datetime(2026, 11, 21, 12, tzinfo=UTC))
    return Api(emulator)


@pytest.fixture
def schedule(api: Api, workers: Workers) -> Callable[..., Scheduled]:
    return lambda **fields: Scheduled(api, workers, **fields)


def test_a_run_starts_when_its_time_has_passed_and_not_before(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule()
    api.advance(hours=14, minutes=59)
    assert daily.runs() == []
    api.advance(minutes=2)
    assert daily.runs() == [DAY.format(22)]
    found = api.get(daily.name)
    assert (found["startedRunCount"], found["nextRunTime"]) == ("1", "2026-11-23T03:00:00Z")
    assert found["lastScheduledRunResponse"] == {"scheduledRunTime": "2026-11-22T03:00:00Z", "runResponse": "OK"}


def test_a_run_starts_as_real_time_passes(emulator: Emulator, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule()
    emulator.today(datetime(2026, 11, 22, 2, 59, 59, 500_000, tzinfo=UTC))
    assert daily.runs() == []
    daily.wait_for(1)


def test_a_run_keeps_the_local_hour_of_its_zone_over_a_change_of_the_clock(
    api: Api, emulator: Emulator, schedule: Callable[..., Scheduled]
) -> None:
    emulator.today(datetime(2027, 3, 20, 12, tzinfo=UTC))
    weekly = schedule(cron="TZ=Europe/Berlin 0 3 * * 1", maxConcurrentRunCount="9")
    api.advance(days=14)
    # Summer time begins on 28 March.
    assert weekly.runs() == ["2027-03-22 02:00:00", "2027-03-29 01:00:00"]
    assert weekly.field("nextRunTime") == "2027-04-05T01:00:00Z"


def test_the_runs_of_several_schedules_start_in_order_of_their_times(
    api: Api, schedule: Callable[..., Scheduled]
) -> None:
    both = [schedule(cron=f"0 {hour} * * *", maxConcurrentRunCount="9") for hour in (18, 6)]
    api.advance(days=2)
    evening, morning = (one.name for one in both)
    jobs = list(reversed(api.http.get(f"{api.location}/pipelineJobs").json()["pipelineJobs"]))
    assert [job["scheduleName"] for job in jobs] == [evening, morning, evening, morning]
    assert [job["createTime"][5:13] for job in jobs] == ["11-21T18", "11-22T06", "11-22T18", "11-23T06"]


def test_a_job_has_what_the_schedules_own_request_says(api: Api, schedule: Callable[..., Scheduled]) -> None:
    request = asked()["createPipelineJobRequest"]
    own = {
        "serviceAccount": "tuner@gemtune-local.iam.gserviceaccount.com",
        "network": "projects/1/global/networks/n",
        "encryptionSpec": {"kmsKeyName": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"},
        "labels": {"gemtune-spec": "daily"},
    }
    request["pipelineJob"] |= own
    daily = schedule(createPipelineJobRequest=request)
    api.advance(days=1)
    job = api.runs(daily.name)[0]
    assert job | own == job
    assert job["scheduleName"] == daily.name
    assert job["runtimeConfig"]["parameterValues"] == {"word": "hello"}


def test_a_client_cannot_claim_that_a_job_is_a_schedules(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule()
    job = asked()["createPipelineJobRequest"]["pipelineJob"] | {"scheduleName": daily.name}
    assert "scheduleName" not in api.post("pipelineJobs", job).json()
    assert daily.runs() == []


def test_a_run_over_the_limit_of_active_runs_is_skipped(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(maxConcurrentRunCount="9", maxConcurrentActiveRunCount="2")
    api.advance(days=4)
    assert daily.runs() == [DAY.format(22), DAY.format(23)]
    daily.begin(0)
    api.advance(days=1)
    assert len(daily.runs()) == 2
    daily.end(0)
    api.advance(days=1)
    assert daily.runs() == [DAY.format(22), DAY.format(23), DAY.format(27)]
    assert daily.field("nextRunTime") == "2026-11-28T03:00:00Z"


def test_a_run_over_the_limit_of_starts_is_skipped_until_the_other_one_has_begun(
    api: Api, schedule: Callable[..., Scheduled]
) -> None:
    daily = schedule(maxConcurrentRunCount="1")
    api.advance(days=2)
    assert daily.runs() == [DAY.format(22)]
    daily.begin(0)
    api.advance(days=1)
    assert daily.runs() == [DAY.format(22), DAY.format(24)]


def test_with_queueing_a_run_over_the_limit_waits(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(allowQueueing=True, maxConcurrentActiveRunCount="1")
    api.advance(days=2)
    assert daily.runs() == [DAY.format(22)]
    assert daily.field("nextRunTime") == "2026-11-23T03:00:00Z"
    daily.end(0)
    daily.wait_for(2)
    until(lambda: daily.field("nextRunTime") == "2026-11-24T03:00:00Z", "it is still behind")
    assert daily.field("lastScheduledRunResponse")["scheduledRunTime"] == "2026-11-23T03:00:00Z"


def test_an_update_drops_what_waits_and_leaves_what_runs(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(allowQueueing=True, maxConcurrentActiveRunCount="1")
    api.advance(days=3)
    assert api.patch(daily.name, asked(cron="0 5 * * *"), "cron").json()["nextRunTime"] == "2026-11-25T05:00:00Z"
    daily.end(0)
    api.advance(days=1)
    assert daily.runs() == [DAY.format(22), "2026-11-25 05:00:00"]
    assert daily.field("startedRunCount") == "2"


def test_a_pause_misses_runs_and_a_resume_forgets_them(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(maxConcurrentRunCount="9")
    api.act(daily.name, "pause")
    api.advance(days=3)
    assert daily.runs() == []
    api.act(daily.name, "resume")
    assert daily.field("nextRunTime") == "2026-11-25T03:00:00Z"
    api.advance(days=1)
    assert daily.runs() == [DAY.format(25)]


def test_a_resume_that_catches_up_runs_the_missed_ones_first_and_within_the_limits(
    api: Api, schedule: Callable[..., Scheduled]
) -> None:
    daily = schedule(maxConcurrentActiveRunCount="1")
    api.act(daily.name, "pause")
    api.advance(days=3)
    api.act(daily.name, "resume", catchUp=True)
    assert daily.field("catchUp") is True
    for at, day in enumerate((22, 23, 24)):
        daily.wait_for(at + 1)
        assert daily.field("lastScheduledRunResponse")["scheduledRunTime"] == f"2026-11-{day}T03:00:00Z"
        daily.end(at)
    assert daily.field("nextRunTime") == "2026-11-25T03:00:00Z"
    api.advance(days=2)
    assert daily.runs()[3:] == [DAY.format(25)]


def test_a_schedule_is_completed_with_its_last_run(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(maxRunCount="2", maxConcurrentRunCount="9")
    api.advance(days=5)
    assert daily.runs() == [DAY.format(22), DAY.format(23)]
    found = api.get(daily.name)
    assert (found["state"], found["startedRunCount"], "nextRunTime" in found) == ("COMPLETED", "2", False)
    for answer in (
        api.act(daily.name, "pause"),
        api.act(daily.name, "resume"),
        api.patch(daily.name, asked(maxRunCount="3"), "maxRunCount"),
    ):
        assert answer.json()["error"]["status"] == "FAILED_PRECONDITION"


def test_skipped_runs_do_not_count(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(maxRunCount="2", maxConcurrentActiveRunCount="1")
    api.advance(days=3)
    assert (daily.field("state"), daily.field("startedRunCount")) == ("ACTIVE", "1")


def test_a_schedule_is_completed_at_its_end(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(endTime="2026-11-23T12:00:00Z", maxConcurrentRunCount="9")
    api.advance(days=1, hours=20)
    assert (daily.field("state"), daily.field("nextRunTime")) == ("ACTIVE", None)
    api.advance(days=9)
    assert (daily.field("state"), daily.runs()) == ("COMPLETED", [DAY.format(22), DAY.format(23)])


def test_nothing_runs_before_the_start(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule(startTime="2026-11-24T00:00:00Z", maxConcurrentRunCount="9")
    api.advance(days=4)
    assert daily.runs() == [DAY.format(24), DAY.format(25)]


def test_a_run_that_cannot_start_says_why_and_the_next_one_comes(api: Api, schedule: Callable[..., Scheduled]) -> None:
    api.upload()
    request = asked()["createPipelineJobRequest"]
    template = "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune-local/greet/latest"
    request["pipelineJob"] |= {"templateUri": template, "pipelineSpec": None}
    daily = schedule(createPipelineJobRequest=request, maxConcurrentRunCount="9")
    tag = f"{api.location}/repositories/gemtune-local/packages/greet/tags/latest"
    api.http.delete(tag).raise_for_status()
    api.advance(days=1)
    response = daily.field("lastScheduledRunResponse")
    assert response["scheduledRunTime"] == "2026-11-22T03:00:00Z"
    assert f"Template {template} was not found" in response["runResponse"]
    assert (daily.field("startedRunCount"), daily.field("state")) == (None, "ACTIVE")
    api.upload()
    api.advance(days=1)
    assert daily.field("startedRunCount") == "1"
    assert api.runs(daily.name)[0]["templateMetadata"]["version"].startswith("sha256:")


def test_a_strangers_schedule_stays_untouched(api: Api, schedule: Callable[..., Scheduled]) -> None:
    stranger, ours = schedule(displayName="daily", cron="0 3 1 1 *"), schedule()
    before = api.get(stranger.name)
    api.patch(ours.name, asked(cron="0 4 * * *"), "cron")
    api.advance(days=2)
    api.act(ours.name, "pause")
    api.act(ours.name, "resume", catchUp=True)
    api.http.delete(f"{api.url}/v1/{ours.name}")
    assert api.get(stranger.name) == before
    assert stranger.runs() == []


def test_a_deleted_schedule_starts_nothing_and_leaves_its_jobs(api: Api, schedule: Callable[..., Scheduled]) -> None:
    daily = schedule()
    api.advance(days=1)
    api.http.delete(f"{api.url}/v1/{daily.name}")
    api.advance(days=3)
    assert [job["state"] for job in api.runs(daily.name)] == ["PIPELINE_STATE_PENDING"]


class Restarts:
    """An emulator that is started again and again on the same state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[tuple[State, Server]] = []

    def __call__(self, off: timedelta = timedelta()) -> Api:
        """Start it after it was off for that long."""
        self.stop()
        state = State(self.folder)
        # What real time does while nobody serves, the clock does here.
        state.clock.move(state.clock.now() + off)
        self._running.append((state, start(state)))
        return Api(Emulator(state))

    def stop(self) -> None:
        while self._running:
            state, server = self._running.pop()
            server.stop()
            state.close()


@pytest.fixture
def restart(tmp_path: Path, workers: Workers) -> Iterator[Restarts]:
    restarts = Restarts(tmp_path / "state")
    yield restarts
    restarts.stop()


def at_noon(api: Api) -> Api:
    api.http.post(f"{api.url}/emulator/clock", json={"now": "2026-11-21T12:00:00Z"}).raise_for_status()
    return api


def test_schedules_and_the_clock_outlive_the_emulator(restart: Restarts, workers: Workers) -> None:
    api = at_noon(restart())
    daily, paused = (Scheduled(api, workers) for _ in range(2))
    api.advance(days=1)
    api.act(paused.name, "pause")
    before = api.get(daily.name), api.get(paused.name)
    again = restart()
    assert again.http.get(f"{again.url}/emulator/clock").json()["now"].startswith("2026-11-22T12:0")
    assert (again.get(daily.name), again.get(paused.name)) == before
    # The emulator stopped while the first run was at work, so that one is over.
    assert [job["state"] for job in again.runs(daily.name)] == ["PIPELINE_STATE_FAILED"]
    again.advance(days=1)
    assert (len(again.runs(daily.name)), len(again.runs(paused.name))) == (2, 1)


def test_what_fell_due_while_the_emulator_was_off_is_skipped_unless_it_waited(
    restart: Restarts, workers: Workers
) -> None:
    api = at_noon(restart())
    daily = Scheduled(api, workers)
    queued = Scheduled(api, workers, allowQueueing=True)
    paused = Scheduled(api, workers, maxConcurrentRunCount="9")
    api.act(paused.name, "pause")
    again = restart(off=timedelta(days=3))
    assert again.get(daily.name)["nextRunTime"] == "2026-11-25T03:00:00Z"
    until(lambda: len(again.runs(queued.name)) == 1, "the queued run does not start")
    assert again.runs(daily.name) == []
    again.act(paused.name, "resume", catchUp=True)
    until(lambda: len(again.runs(paused.name)) == 3, "the missed runs do not start")
