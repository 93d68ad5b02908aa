"""Runs tuning jobs: one after another within the quota, each in a thread, until training and progress are both done.

Faithful: the states and their order, jobs beyond the quota stay PENDING, CANCELLING before CANCELLED.
Not modelled: how long a real job takes. Every tuningJobs.get is a tick for all running jobs, so that a job that nobody
reads cannot keep another one waiting for ever.
A job that was running when the emulator stopped is trained again from its datasets; training is deterministic.
"""

import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from sqlite3 import ProgrammingError
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from emulator import experiments, tuning_datasets, tuning_failures, tuning_results
from emulator.state import State
from emulator.storage import read_object
from emulator.summarizer import training
from emulator.summarizer.model import load
from emulator.tuning_datasets import Dataset, DatasetError
from emulator.tuning_requests import ADAPTER_SIZES

JOBS, RUNS, RESULTS = "tuningJobs", "tuningRuns", "tuningResults"
"""The jobs as clients see them; what the emulator asks of them, {"reads", "baseModel", "start"}; what training did."""

CONCURRENT_JOBS = 1
"""Default quota. Source: metric aiplatform.googleapis.com/global_concurrent_tuning_jobs."""

CANCELLING_SECONDS = 60.0
"""How long a running job takes to be cancelled, at most; on record of 2026-10-01."""

CANCELED, INVALID, INTERNAL = 1, 3, 13
_LONGEST_WAIT_SECONDS = 10


class Trainer:
    """The threads of one emulator."""

    def __init__(self) -> None:
        self.threads: dict[str, Thread] = {}
        self.stopping = Event()

    def stop(self) -> None:
        """End all training after its current epoch; one that takes longer dies with the process."""
        self.stopping.set()
        for thread in self.threads.values():
            thread.join(_LONGEST_WAIT_SECONDS)


_TRAINERS: "WeakKeyDictionary[State, Trainer]" = WeakKeyDictionary()


def trainer_of(state: State) -> Trainer:
    """Return the emulator's threads; they end with it."""
    with state.transaction():
        if state not in _TRAINERS:
            _TRAINERS[state] = Trainer()
            state.on_close.append(_TRAINERS[state].stop)
    return _TRAINERS[state]


def submit(state: State, job: dict[str, Any], run: dict[str, Any]) -> bool:
    """Take up a new job; start it if the quota allows, and say whether it does."""
    with state.transaction():
        state.put(JOBS, job["name"], job)
        state.put(RUNS, job["name"], {"reads": 0, **run})
        settle(state)
        return bool((state.get(JOBS, job["name"]) or {})["state"] != "JOB_STATE_PENDING")


def settle(state: State) -> None:
    """End the jobs that are due, then start those that were waiting, and those that an earlier process left."""
    with state.transaction():
        for job in state.list(JOBS):
            if job["state"] == "JOB_STATE_RUNNING":
                _settle_running(state, job)
            elif job["state"] == "JOB_STATE_CANCELLING" and _progress_allows_end(state, job):
                end(state, job, "JOB_STATE_CANCELLED", error={"code": CANCELED, "message": "CANCELED"})
        for job in _to_run(state):
            _start(state, job)


def tick(state: State) -> None:
    """Count one read for every job at work."""
    with state.transaction():
        for job in state.list(JOBS):
            if job["state"] in ("JOB_STATE_RUNNING", "JOB_STATE_CANCELLING"):
                run = state.get(RUNS, job["name"]) or {}
                state.put(RUNS, job["name"], {**run, "reads": run["reads"] + 1})


def wait_for_training(state: State) -> None:
    """Wait until jobs that may end have finished their training, a few seconds at most.

    So the states that a client sees depend on its reads, not on the speed of the machine.
    """
    for job in state.list(JOBS):
        thread = trainer_of(state).threads.get(job["name"])
        if thread and job["state"] == "JOB_STATE_RUNNING" and _progress_allows_end(state, job):
            thread.join(_LONGEST_WAIT_SECONDS)


def end(state: State, job: dict[str, Any], end_state: str, **fields: Any) -> None:
    """Give a job its end state."""
    now = state.clock.timestamp()
    state.put(JOBS, job["name"], {**job, "state": end_state, "endTime": now, "updateTime": now, **fields})


def _to_run(state: State) -> Iterator[dict[str, Any]]:
    """Running jobs without a thread, and as many waiting ones as the quota has room for, oldest first."""
    jobs = list(reversed(state.list(JOBS)))
    trained = [job["name"] for job in jobs if _is_trained(state, job["name"])]
    yield from (job for job in jobs if job["state"] == "JOB_STATE_RUNNING" and job["name"] not in trained)
    at_work = [job for job in jobs if job["state"] in ("JOB_STATE_RUNNING", "JOB_STATE_CANCELLING")]
    waiting = [job for job in jobs if job["state"] == "JOB_STATE_PENDING"]
    yield from waiting[: max(0, CONCURRENT_JOBS - len(at_work))]


def _is_trained(state: State, name: str) -> bool:
    result = state.get(RESULTS, name) or {}
    return "error" in result or bool(result.get("finished"))


def _start(state: State, job: dict[str, Any]) -> None:
    trainer = trainer_of(state)
    if job["name"] in trainer.threads:
        return
    if job["state"] == "JOB_STATE_PENDING":
        now = state.clock.timestamp()
        job = {**job, "state": "JOB_STATE_RUNNING", "startTime": now, "updateTime": now}
        state.put(JOBS, job["name"], job)
    thread = Thread(target=_train, args=(state, job, trainer.stopping), name="tuning", daemon=True)
    trainer.threads[job["name"]] = thread
    thread.start()


def _settle_running(state: State, job: dict[str, Any]) -> None:
    result = state.get(RESULTS, job["name"]) or {}
    if not _is_trained(state, job["name"]) or not _progress_allows_end(state, job):
        return
    base_model = (state.get(RUNS, job["name"]) or {})["baseModel"]
    if "error" in result:
        trained = result.get("checkpoints", [])
        left = {"tunedModel": tuning_results.register_unserved(state, job, base_model, trained)} if trained else {}
        end(state, job, result.get("state", "JOB_STATE_FAILED"), error=result["error"], **left)
        return
    end(
        state,
        {**job, "supervisedTuningSpec": {**job["supervisedTuningSpec"], "hyperParameters": result["hyperParameters"]}},
        "JOB_STATE_SUCCEEDED",
        experiment=result["experiment"],
        tuningDataStats=result["stats"],
        tunedModel=tuning_results.register(state, job, base_model, result["checkpoints"]),
    )


def _progress_allows_end(state: State, job: dict[str, Any]) -> bool:
    run, progress = state.get(RUNS, job["name"]) or {}, state.progress[JOBS]
    if "cancelled" in run:
        progress = replace(progress, seconds=min(progress.seconds, CANCELLING_SECONDS))
    since = datetime.fromisoformat(run.get("cancelled", job["startTime"]))
    return progress.has_passed(run["reads"], since, state.clock.now())


def _train(state: State, job: dict[str, Any], stopping: Event) -> None:
    """The thread of one job: train, and write down what came of it."""
    try:
        try:
            _train_epochs(state, job, stopping)
        except DatasetError as error:
            state.put(RESULTS, job["name"], {"error": {"code": INVALID, "message": str(error)}})
        except ProgrammingError:
            raise
        except Exception:
            traceback.print_exc()
            message = "Internal error occurred. Contact Vertex AI."
            state.put(RESULTS, job["name"], {"error": {"code": INTERNAL, "message": message}})
    except ProgrammingError:
        # The emulator was closed meanwhile, so there is nobody left to tell.
        return


def _train_epochs(state: State, job: dict[str, Any], stopping: Event) -> None:
    name, spec = job["name"], job["supervisedTuningSpec"]
    if (failure := tuning_failures.ordered(state, job)) and not failure.has_model:
        state.put(RESULTS, name, failure.result())
        return
    data = _read(state, spec["trainingDatasetUri"])
    validation = _read(state, spec["validationDatasetUri"]) if "validationDatasetUri" in spec else Dataset([], [])
    tuning_datasets.check_validation_size(data, validation)
    parameters = _fill(spec.get("hyperParameters", {}), len(data.examples))
    settings = training.Settings(
        int(parameters["epochCount"]),
        ADAPTER_SIZES[parameters["adapterSize"]],
        parameters["learningRateMultiplier"],
    )
    kept = training.checkpoint_epochs(settings.epoch_count)
    kept = kept[-1:] if spec.get("exportLastCheckpointOnly") else kept
    result: dict[str, Any] = {"hyperParameters": parameters, "experiment": experiments.create(state, name)}
    result["checkpoints"] = []
    result["stats"] = tuning_datasets.statistics(data, training.step_count(len(data.examples), settings.epoch_count))
    state.put(RESULTS, name, result)
    start = (state.get(RUNS, name) or {}).get("start")
    epochs = training.train(
        [example.pair() for example in data.examples],
        [example.pair() for example in validation.examples],
        settings,
        load(state.folder / start) if start else None,
    )
    for epoch in epochs:
        if stopping.is_set() or (state.get(JOBS, name) or {})["state"] != "JOB_STATE_RUNNING":
            return
        step = epoch.steps[-1].step
        experiments.record(state, name, epoch)
        if epoch.number in kept:
            weights = Path("weights", name.rpartition("/")[2], f"{epoch.number}.npz")
            epoch.weights.save(state.folder / weights)
            result["checkpoints"].append({"epoch": epoch.number, "step": step, "weights": str(weights)})
        result |= {"completedEpochs": epoch.number, "completedSteps": step}
        result["finished"] = epoch.number == settings.epoch_count
        if result["finished"]:
            result |= failure.result() if failure else {}
        state.put(RESULTS, name, result)


def _read(state: State, uri: str) -> Dataset:
    data = read_object(state, uri)
    if data is None:
        raise DatasetError(f"The dataset {uri} does not exist any more.")
    return tuning_datasets.read_dataset(data)


def _fill(parameters: dict[str, Any], examples: int) -> dict[str, Any]:
    """Hyperparameters with the service's defaults: finished jobs show them."""
    return {
        "epochCount": str(training.default_epoch_count(examples)),
        "learningRateMultiplier": 1,
        "adapterSize": "ADAPTER_SIZE_FOUR",
        **parameters,
    }
