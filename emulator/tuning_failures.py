"""Failures of tuning jobs on order: a fault of the method "tuningJobs.run" fails the next job that starts.

    POST /emulator/faults {"method": "tuningJobs.run", "message": "no_bucket_access"}
    POST /emulator/faults {"method": "tuningJobs.run", "message": "any other text", "code": 13}

Faithful: states, codes and wording of the failures that are on record; a job without an endpoint still has its model.
Assumptions, since no example is on record: the code of a bucket without access, and all of `expired`.
"""

from typing import Any, NamedTuple

from emulator.policies import TUNING_AGENT
from emulator.state import State

METHOD = "tuningJobs.run"
FAILED, EXPIRED = "JOB_STATE_FAILED", "JOB_STATE_EXPIRED"
INTERNAL_CODE = 13


class Failure(NamedTuple):
    """How a job ends."""

    message: str
    code: int = INTERNAL_CODE
    state: str = FAILED
    has_model: bool = False
    """Whether it fails after training, with a tuned model that nothing serves."""

    def result(self) -> dict[str, Any]:
        """Return what is kept of the job's run."""
        return {"error": {"code": self.code, "message": self.message}, "state": self.state}


FAILURES = {
    "internal": Failure("Internal error occurred. Contact Vertex AI."),
    "no_endpoint": Failure(
        "Failed to create endpoint. Tuned model is uploaded and can be accessed through Model Registry.", has_model=True
    ),
    "no_bucket_access": Failure(f"{TUNING_AGENT} does not have storage.objects.get access to {{uri}}.", code=7),
    "modality": Failure(
        'Dataset example 1 of 14 contains an unsupported modality [function call] in the "parts" field, which is not '
        "supported by this model.",
        code=3,
    ),
    "expired": Failure("The job has expired.", code=4, state=EXPIRED),
}
"""By the name that orders it."""


def ordered(state: State, job: dict[str, Any]) -> Failure | None:
    """Return the failure that is ordered for a job that starts, or None; it counts as hit."""
    fault = state.faults.take(METHOD)
    if fault is None:
        return None
    known = FAILURES.get(fault.message)
    if known is None:
        return Failure(fault.message or FAILURES["internal"].message, fault.code or INTERNAL_CODE)
    uri = job["supervisedTuningSpec"]["trainingDatasetUri"]
    return known._replace(message=known.message.replace("{number}", state.number).replace("{uri}", uri))
