import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from gemtune.storage import Storage
from tests.scripts.conftest import CommandLine

PARENT = "projects/123456789012/locations/us-central1/pipelineJobs"
FILES = {"report.html": "<p>it is better</p>", "comparison.json": "{}", "model_card.md": "# card"}


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that a browser was asked to open."""
    pages: list[str] = []

    def open_page(page: str) -> bool:
        pages.append(page)
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    return pages


@pytest.fixture
def here(gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(gemtune.folder)
    return gemtune


def put_run(here: CommandLine, run: str, state: str = "SUCCEEDED", files: Any = FILES, bucket: str = "other") -> None:
    """Let a run have ended, with what its steps left in its own bucket."""
    job = {
        "name": f"{PARENT}/{run}",
        "state": f"PIPELINE_STATE_{state}",
        "runtimeConfig": {"parameterValues": {"name": "summaries", "bucket": bucket}},
        "createTime": "2026-11-20T09:59:00.000000Z",
        "updateTime": "2026-11-20T09:59:00.000000Z",
        "jobDetail": {"taskDetails": []},
    }
    here.emulator.state.put("pipelineJobs", job["name"], job)
    storage = Storage(here.emulator.project)
    storage.ensure_bucket(f"gs://{bucket}/x")
    for file, text in files.items():
        storage.write_text(f"gs://{bucket}/gemtune/runs/{run}/{file}", text)


@pytest.mark.parametrize("name", ["run-1", f"{PARENT}/run-1"])
def test_a_report_is_fetched_from_where_its_run_left_it_and_opened(
    here: CommandLine, opened: list[str], name: str
) -> None:
    put_run(here, "run-1")
    ended = here("report", here.spec(), name)
    assert (ended.code, ended.out) == (0, "runs/run-1/report.html\n"), ended.err
    assert {path.name: path.read_text() for path in Path("runs/run-1").iterdir()} == FILES
    assert opened == [f"file://{here.folder}/runs/run-1/report.html"]


def test_what_was_fetched_is_opened_without_network(here: CommandLine, opened: list[str]) -> None:
    put_run(here, "run-1")
    here("report", here.spec(), "run-1", "--no-open")
    before = len(here.emulator.requests())
    assert here("report", here.spec(), "run-1").out == "runs/run-1/report.html\n"
    assert len(here.emulator.requests()) == before and len(opened) == 1


def test_without_a_browser_the_path_is_all(
    here: CommandLine, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(here, "run-1")
    assert here("report", here.spec(), "run-1", "--no-open").err == "" and opened == []
    monkeypatch.setattr(webbrowser, "open", lambda page: False)
    ended = here("report", here.spec(), "run-1")
    assert (ended.code, ended.out) == (0, "runs/run-1/report.html\n") and "no browser was found" in ended.err


def test_a_run_that_failed_says_why_it_has_no_report(here: CommandLine) -> None:
    failure = {"task": "Tuning", "message": "quota used up", "next": "ask for more"}
    put_run(here, "run-1", "FAILED", {"failure.json": json.dumps(failure)})
    ended = here("report", here.spec(), "run-1")
    assert (ended.code, ended.out) == (1, "")
    assert "run-1: is failed without a report" in ended.err and "Tuning failed: quota used up; next: ask" in ended.err


def test_a_run_that_was_cancelled_has_no_report(here: CommandLine) -> None:
    put_run(here, "run-1", "CANCELLED", {})
    assert "run-1: is cancelled without a report, expected a finished run\n" in here("report", here.spec(), "run-1").err
    assert not Path("runs/run-1").exists()


def test_a_run_that_is_not_there_is_named(here: CommandLine) -> None:
    ended = here("report", here.spec(), "run-9")
    assert ended.code == 2 and "pipelineJobs/run-9: found no such run" in ended.err


def test_without_a_run_the_newest_that_succeeded_is_meant(here: CommandLine) -> None:
    put_run(here, "run-1")
    put_run(here, "run-2", files={**FILES, "comparison.json": "[2]"})
    put_run(here, "run-3", "RUNNING", {})
    ended = here("report", here.spec(), "--no-open")
    assert (ended.code, ended.out) == (0, "runs/run-2/report.html\n"), ended.err
    assert Path("runs/run-2/comparison.json").read_text() == "[2]"


def test_where_none_succeeded_the_newest_says_why_and_without_runs_that_is_said(here: CommandLine) -> None:
    assert "summaries: no run found" in here("report", here.spec()).err
    put_run(here, "run-1", "CANCELLED", {})
    ended = here("report", here.spec())
    assert ended.code == 1 and "run-1: is cancelled without a report" in ended.err
