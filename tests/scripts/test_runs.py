import json
from typing import Any

import pytest

from gemtune.storage import Storage
from tests.scripts.conftest import CommandLine

PARENT = "projects/123456789012/locations/us-central1/pipelineJobs"
PIPELINE = {
    "root": {
        "dag": {
            "tasks": {
                "exit-handler-1": {"componentRef": {"name": "comp-exit"}, "taskInfo": {"name": "exit-handler-1"}},
            }
        }
    },
    "components": {
        "comp-exit": {
            "dag": {"tasks": {"tune-model": {"componentRef": {"name": "comp-tune"}, "taskInfo": {"name": "Tuning"}}}}
        },
        "comp-tune": {},
    },
}


@pytest.fixture
def runs(gemtune: CommandLine) -> CommandLine:
    """Three runs of the spec: of a script, failed; of a schedule; of the console."""
    put(gemtune, "scripted", labels={"gemtune-spec": "summaries"}, startTime="2026-11-20T10:00:00Z")
    put(gemtune, "scheduled", labels={"gemtune-spec": "summaries"}, scheduleName="s", state="PIPELINE_STATE_SUCCEEDED")
    put(gemtune, "clicked", labels={"vertex-ai-pipelines-run-billing-id": "1"}, state="PIPELINE_STATE_CANCELLED")
    return gemtune


def put(gemtune: CommandLine, run: str, **more: Any) -> None:
    job = {
        "name": f"{PARENT}/{run}",
        "state": "PIPELINE_STATE_FAILED",
        "createTime": "2026-11-20T09:59:00Z",
        "endTime": "2026-11-20T11:30:00Z",
        "pipelineSpec": PIPELINE,
        "runtimeConfig": {"parameterValues": {"name": "summaries", "bucket": "gemtune-local"}},
        "jobDetail": {
            "taskDetails": [
                {"taskName": name, "state": "FAILED", "startTime": "2026-11-20T10:00:00Z"}
                for name in ("exit-handler-1", "tune-model")
            ]
        },
    }
    gemtune.emulator.state.put("pipelineJobs", f"{PARENT}/{run}", {**job, **more})


def test_runs_are_listed_newest_first_with_how_they_were_started(runs: CommandLine) -> None:
    heading, *rows = runs("runs", "list", runs.spec()).out.splitlines()
    assert heading.split("  ")[0] == "RUN"
    assert [(row.split()[0], row.split()[1], row.split()[-1]) for row in rows] == [
        ("clicked", "cancelled", "console"),
        ("scheduled", "succeeded", "schedule"),
        ("scripted", "failed", "script"),
    ]
    assert "11-20 09:59Z  1:30:00" in rows[-1]
    newest, *_ = json.loads(runs("runs", "list", runs.spec(), "--json").out)
    assert newest["name"].endswith("clicked")


def test_a_run_is_shown_with_its_tasks_and_how_it_ended(runs: CommandLine) -> None:
    failure = {"task": "Tuning", "message": "quota used up", "next": "ask for more"}
    uri = "gs://gemtune-local/gemtune/runs/scripted/failure.json"
    Storage(runs.emulator.project).write_text(uri, json.dumps(failure))
    shown = runs("runs", "show", runs.spec(), "scripted").out
    assert "Tuning  failed" in shown and "exit-handler" not in shown
    assert "Tuning failed: quota used up\nnext: ask for more" in shown


def test_a_run_whose_pipeline_is_elsewhere_is_shown_with_the_keys_of_its_tasks(runs: CommandLine) -> None:
    put(runs, "templated", pipelineSpec={})
    assert "tune-model      failed" in runs("runs", "show", runs.spec(), "templated").out


def test_without_a_name_the_newest_run_is_shown(runs: CommandLine) -> None:
    assert runs("runs", "show", runs.spec()).out.splitlines()[1].startswith("clicked")


def test_a_spec_without_runs_says_so(gemtune: CommandLine) -> None:
    listed = gemtune("runs", "list", gemtune.spec())
    assert (listed.code, listed.out) == (0, "") and "summaries: no runs" in listed.err
    shown = gemtune("runs", "cancel", gemtune.spec())
    assert shown.code == 2 and "summaries: no run found" in shown.err
