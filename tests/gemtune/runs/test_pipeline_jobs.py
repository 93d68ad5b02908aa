from typing import Any

import pytest

from gemtune.errors import SpecError
from gemtune.runs.pipeline_jobs import run_named, runs_of

PARENT = "projects/123456789012/locations/us-central1/pipelineJobs"


def put(emulator: Any, run: str, **more: Any) -> None:
    name = f"{PARENT}/{run}"
    job = {"name": name, "state": "PIPELINE_STATE_FAILED", "pipelineSpec": {"large": 1}, "jobDetail": {}, **more}
    emulator.state.put("pipelineJobs", name, job)


def test_runs_are_found_by_label_and_those_of_the_console_by_their_parameter(emulator: Any) -> None:
    put(emulator, "scripted", labels={"gemtune-spec": "summaries"})
    put(emulator, "clicked", runtimeConfig={"parameterValues": {"name": "summaries"}})
    put(emulator, "of-another-spec", labels={"gemtune-spec": "replies"})
    put(emulator, "of-a-stranger")
    found = runs_of("summaries", project=emulator.project, location="us-central1")
    assert [run["name"] for run in found] == [f"{PARENT}/clicked", f"{PARENT}/scripted"]
    assert not any("pipelineSpec" in run for run in found)


def test_without_a_name_the_newest_run_is_meant() -> None:
    runs = [{"name": f"{PARENT}/new-1"}, {"name": f"{PARENT}/old-1"}]
    assert run_named("", runs, spec="s") == runs[0]
    assert run_named("old-1", runs, spec="s") == run_named(f"{PARENT}/old-1", runs, spec="s") == runs[1]


def test_a_run_that_is_not_there_is_named_with_a_close_one() -> None:
    with pytest.raises(SpecError, match="new-2: not found among 1 runs of s, did you mean `new-1`"):
        run_named("new-2", [{"name": f"{PARENT}/new-1"}], spec="s")
    with pytest.raises(SpecError, match="s: no run found"):
        run_named("", [], spec="s")
