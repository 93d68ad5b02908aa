"""What a pipeline job says of itself while it runs: its state and its taskDetails.

Faithful: field names, states, times, and artifacts with schema, URI and metadata.
Not modelled: executions and contexts of the metadata store; the job of a task's container exists in name only.
"""

from typing import Any

from emulator.pipeline_tasks import ENDED, id_of

PENDING, RUNNING = "PIPELINE_STATE_PENDING", "PIPELINE_STATE_RUNNING"
CANCELLING, CANCELLED = "PIPELINE_STATE_CANCELLING", "PIPELINE_STATE_CANCELLED"
SUCCEEDED, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"
ENDED_JOB = {SUCCEEDED, FAILED, CANCELLED}


def update_task(document: dict[str, Any], record: dict[str, Any], *, now: str) -> None:
    """Write one reported change into the job's taskDetails."""
    details = document["jobDetail"]["taskDetails"]
    detail = next((found for found in details if found["taskId"] == record["taskId"]), None)
    if detail is None:
        detail = {key: record[key] for key in ("taskId", "parentTaskId", "taskName") if record[key]}
        details.append(detail | {"createTime": now})
        detail = details[-1]
    change_state(detail, record["state"], record.get("error"), now)
    location = document["name"].partition("/pipelineJobs/")[0]
    if record.get("ran"):
        main_job = f"{location}/customJobs/{id_of(record['taskId'])}"
        detail["executorDetail"] = {"containerDetail": {"mainJob": main_job}}
    if record.get("outputs"):
        outputs = record["outputs"].items()
        detail["outputs"] = {
            name: {"artifacts": [artifact(location, name, one) for one in all]} for name, all in outputs
        }
    document["updateTime"] = now


def change_state(detail: dict[str, Any], state: str, error: dict[str, Any] | None, now: str) -> None:
    """Give a task a new state, with its time."""
    if state == "RUNNING":
        detail["startTime"] = now
    if state in ENDED:
        detail["endTime"] = now
    because = {"error": error} if error else {}
    detail |= {"state": state, **because}
    detail.setdefault("pipelineTaskStatus", []).append({"updateTime": now, "state": state, **because})


def artifact(location: str, name: str, reported: dict[str, Any]) -> dict[str, Any]:
    """Return an output as an Artifact of the metadata store."""
    identity = id_of(reported["uri"], name)
    return {"name": f"{location}/metadataStores/default/artifacts/{identity}", "displayName": name, **reported}


def end_job(document: dict[str, Any], state: str, error: dict[str, Any] | None, now: str) -> None:
    """Give a job its last state, and end the tasks that nobody will hear of again."""
    for detail in document["jobDetail"]["taskDetails"]:
        if detail["state"] == "RUNNING":
            change_state(detail, "CANCELLED" if state == CANCELLED else "FAILED", error, now)
        elif detail["state"] == "PENDING":
            change_state(detail, "NOT_TRIGGERED", None, now)
    document |= {"state": state, "endTime": now, "updateTime": now, **({"error": error} if error else {})}
