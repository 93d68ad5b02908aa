"""What a tuning job is doing at the moment, and how far it is: fields that only v1beta1 shows.

Faithful: names and order of the sub-states, where they are shown.
Not modelled: how long each one takes. With progress by the clock they share the job's seconds by `PHASES`; otherwise
they are what the training thread is doing. That a job which runs meets WAITING_FOR_CAPACITY is an assumption.
"""

from datetime import datetime
from typing import Any

from emulator.state import State

PHASES = ((0.1, "PROCESSING_DATASET"), (0.2, "WAITING_FOR_CAPACITY"), (0.9, "TUNING"), (1.0, "POST_PROCESSING"))
"""Share of the job's time at which each sub-state ends."""
TRAINING = (0.2, 0.9)


def beta_fields(state: State, job: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return the sub-state and the progress, which only v1beta1 shows."""
    share = _share(state, job)
    fields: dict[str, Any] = {}
    if job["state"] == "JOB_STATE_PENDING":
        fields["tuningJobState"] = "TUNING_JOB_STATE_WAITING_FOR_QUOTA"
    elif job["state"] == "JOB_STATE_RUNNING":
        fields["tuningJobState"] = f"TUNING_JOB_STATE_{_phase(share, result)}"
    if done := _completed(share, result):
        fields["tuningJobMetadata"] = dict(zip(("completedEpochCount", "completedStepCount"), done, strict=True))
    return fields


def _share(state: State, job: dict[str, Any]) -> float | None:
    """Return which share of its time a job has behind it; None if it does not run by the clock."""
    seconds = state.progress["tuningJobs"].seconds
    if job["state"] != "JOB_STATE_RUNNING" or not seconds:
        return None
    return float((state.clock.now() - datetime.fromisoformat(job["startTime"])).total_seconds() / seconds)


def _phase(share: float | None, result: dict[str, Any]) -> str:
    if share is not None:
        return next((phase for end, phase in PHASES if share < end), PHASES[-1][1])
    return "POST_PROCESSING" if result.get("finished") else "TUNING" if result else "PROCESSING_DATASET"


def _completed(share: float | None, result: dict[str, Any]) -> tuple[str, str] | None:
    """Return epochs and steps that are done; by the clock no more than its share of what training has done."""
    if "completedSteps" not in result:
        return None
    epochs, steps = int(result["completedEpochs"]), int(result["completedSteps"])
    if share is not None:
        begin, end = TRAINING
        shown = int(epochs * min(1.0, max(0.0, (share - begin) / (end - begin))))
        steps, epochs = steps * shown // epochs, shown
    return (str(epochs), str(steps)) if epochs else None
