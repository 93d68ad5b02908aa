"""Starts what schedules have due, as real time passes and when the emulator's clock is moved.

Faithful: runs start in order of their times; a run over a limit is skipped or, with allowQueueing, waits; missed runs
are made up for after a resume with catchUp, before new ones; nextRunTime lies in the past while runs wait.
Not modelled: quota of the project; what falls due while the emulator is off is skipped, unless it waits in a queue.
Assumed: a run counts against maxConcurrentRunCount while its job is PENDING; the text of runResponse.
A leap of the clock takes no time: what starts in it is still active at the later times within it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any

from emulator import cron
from emulator.errors import ApiError
from emulator.pipeline_details import ENDED_JOB, PENDING
from emulator.pipeline_jobs import create_pipeline_job
from emulator.pipeline_runs import COLLECTION as JOBS
from emulator.pipeline_runs import runs
from emulator.schedule_requests import read_time, write_time
from emulator.state import State

COLLECTION = "schedules"
TIMERS = "scheduleTimers"
"""One for each schedule, under its name: {"schedule", "due", "ends": whether `due` is the schedule's end instead of a
run, "active", "unfinished": names of jobs}. They are small; schedules hold whole pipelines."""

ACTIVE, PAUSED, COMPLETED = "ACTIVE", "PAUSED", "COMPLETED"
TICK_SECONDS = 0.2
Document = dict[str, Any]


class Schedules:
    """The schedules of one emulator."""

    def __init__(self, state: State) -> None:
        self._state = state
        # Registered for closing before us, so that it stops after us: no job starts then that nobody ends.
        self._runs = runs(state)
        self._stopped = Event()
        self._thread = Thread(target=self._tick, name="schedules", daemon=True)
        state.on_close.append(self.stop)
        state.clock.on_the_way.append(self.ring_until)
        self._skip_missed()
        self._thread.start()

    def put(self, schedule: Document) -> None:
        """Store a new schedule or a changed one; its next run is the first one after now."""
        with self._state.transaction():
            timer = self._state.get(TIMERS, schedule["name"]) or {"schedule": schedule["name"], "unfinished": []}
            timer |= due_after(schedule, self._state.clock.now()) | {"active": schedule["state"] == ACTIVE}
            self._store(schedule, timer)

    def pause(self, schedule: Document) -> None:
        """Start no more runs; started ones go on."""
        now = self._state.clock.timestamp()
        with self._state.transaction():
            timer = self._state.get(TIMERS, schedule["name"]) or {}
            self._store(schedule | {"state": PAUSED, "lastPauseTime": now}, timer | {"active": False})

    def resume(self, schedule: Document, *, catch_up: bool) -> None:
        """Start runs again: those missed first, or only those after now."""
        schedule |= {"state": ACTIVE, "lastResumeTime": self._state.clock.timestamp(), "catchUp": catch_up}
        with self._state.transaction():
            timer = self._state.get(TIMERS, schedule["name"]) or {}
            due = {} if catch_up else due_after(schedule, self._state.clock.now())
            self._store(schedule, timer | due | {"active": True})
        self.ring_until(self._state.clock.now())

    def delete(self, name: str) -> None:
        """Forget a schedule and what waits; started runs go on."""
        with self._state.transaction():
            self._state.delete(COLLECTION, name)
            self._state.delete(TIMERS, name)

    def ring_until(self, target: datetime) -> None:
        """Start what falls due until `target`, in order, moving the clock to each time that is still to come."""
        waiting: set[str] = set()
        while True:
            with self._state.transaction():
                timer = min(self._due(target, waiting), key=lambda one: read_time(one["due"]), default=None)
                if timer is None:
                    return
                due = read_time(timer["due"])
                if due > self._state.clock.now():
                    self._state.clock.move(due)
                if not self._ring(timer, due, target):
                    waiting.add(timer["schedule"])

    def stop(self) -> None:
        """Start nothing more: the emulator stops."""
        self._stopped.set()
        self._thread.join()
        with _lock:
            _schedules.pop(self._state, None)

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            self.ring_until(self._state.clock.now())

    def _due(self, target: datetime, waiting: set[str]) -> Iterator[Document]:
        for timer in reversed(self._state.list(TIMERS)):
            if timer["active"] and timer["schedule"] not in waiting and read_time(timer["due"]) <= target:
                yield timer

    def _ring(self, timer: Document, due: datetime, target: datetime) -> bool:
        """Start the run that is due, skip it, or end the schedule; False: it waits."""
        schedule = self._state.get(COLLECTION, timer["schedule"]) or {}
        if timer["ends"]:
            self._store(schedule | {"state": COMPLETED}, timer)
            return True
        unfinished = self._unfinished(timer)
        if is_full(schedule, unfinished):
            if waits(schedule, due):
                return False
            # All that follows in the same leap would be skipped too.
            self._store(schedule, timer | due_after(schedule, max(due, target)))
            return True
        job = self._start(schedule, timer["due"])
        timer |= {"unfinished": [*unfinished, *job], **due_after(schedule, due)}
        self._store(schedule, timer)
        return True

    def _unfinished(self, timer: Document) -> dict[str, str]:
        """Return the state of each job of the schedule that has not ended."""
        found = [self._state.get(JOBS, name) for name in timer["unfinished"]]
        current = [self._runs.current(job) for job in found if job]
        return {job["name"]: job["state"] for job in current if job["state"] not in ENDED_JOB}

    def _start(self, schedule: Document, due: str) -> list[str]:
        """Create the job of a run, and write into the schedule how that went."""
        job = schedule["createPipelineJobRequest"]["pipelineJob"] | {"scheduleName": schedule["name"]}
        location = schedule["name"].partition("/schedules/")[0]
        try:
            started = [create_pipeline_job(self._state, location, job, schedule_time=due)["name"]]
            response = "OK"
            schedule["startedRunCount"] = str(int(schedule.get("startedRunCount", 0)) + 1)
        except (ApiError, OSError) as error:
            started, response = [], str(error)
        schedule["lastScheduledRunResponse"] = {"scheduledRunTime": due, "runResponse": response}
        return started

    def _store(self, schedule: Document, timer: Document) -> None:
        """Store both; a schedule that has had all its runs is completed."""
        if int(schedule.get("startedRunCount", 0)) >= int(schedule.get("maxRunCount", 2**63)):
            schedule["state"] = COMPLETED
        if schedule["state"] == COMPLETED:
            timer["active"] = False
        self._state.put(COLLECTION, schedule["name"], schedule)
        self._state.put(TIMERS, schedule["name"], timer)

    def _skip_missed(self) -> None:
        """Go on after the emulator was off: the next run is the first one after now, but what waited still waits."""
        now = self._state.clock.now()
        for timer in self._state.list(TIMERS):
            schedule = self._state.get(COLLECTION, timer["schedule"]) or {}
            if timer["active"] and not waits(schedule, read_time(timer["due"])):
                self._state.put(TIMERS, timer["schedule"], timer | due_after(schedule, now))


def is_full(schedule: Document, unfinished: dict[str, str]) -> bool:
    """Return whether another run would be over one of the limits."""
    starting = list(unfinished.values()).count(PENDING)
    most_active = int(schedule.get("maxConcurrentActiveRunCount", 2**63))
    return starting >= int(schedule["maxConcurrentRunCount"]) or len(unfinished) >= most_active


def waits(schedule: Document, due: datetime) -> bool:
    """Return whether a run that cannot start waits: queued, or missed before a resume that catches up."""
    missed = schedule.get("catchUp", False) and due <= read_time(schedule["lastResumeTime"])
    return bool(schedule.get("allowQueueing", False) or missed)


def due_after(schedule: Document, after: datetime) -> Document:
    """Return the timer's fields for the first run after a moment; the schedule's end if there is none before it."""
    if "startTime" in schedule:
        after = max(after, read_time(schedule["startTime"]) - timedelta(microseconds=1))
    found = cron.parse(schedule["cron"]).after(after)
    end = read_time(schedule["endTime"]) if "endTime" in schedule else None
    if found is None or (end and found > end):
        return {"due": write_time(end or after), "ends": True}
    return {"due": write_time(found), "ends": False}


def view(state: State, schedule: Document) -> Document:
    """Return a schedule as a client sees it: defaults are left out."""
    timer = state.get(TIMERS, schedule["name"])
    upcoming = {"nextRunTime": timer["due"]} if timer and timer["active"] and not timer["ends"] else {}
    return {name: value for name, value in schedule.items() if value is not False} | upcoming


_lock = Lock()
_schedules: dict[State, Schedules] = {}


def schedules(state: State) -> Schedules:
    """Return the schedules of the emulator of `state`."""
    with _lock:
        if state not in _schedules:
            _schedules[state] = Schedules(state)
        return _schedules[state]


def go_on(state: State) -> None:
    """Let the schedules that an earlier emulator left go on."""
    if state.list(TIMERS):
        schedules(state)
