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
    ended = here("report", name, here.spec())
    assert (ended.code, ended.out) == (0, "runs/run-1/report.html\n"), ended.err
    assert {path.name: path.read_text() for path in Path("runs/run-1").iterdir()} == FILES
    assert opened == [f"file://{here.folder}/runs/run-1/report.html"]


def test_what_was_fetched_is_opened_without_spec_and_network(here: CommandLine, opened: list[str]) -> None:
    put_run(here, "run-1")
    here("report", "run-1", here.spec(), "--no-open")
    before = len(here.emulator.requests())
    assert here("report", "run-1").out == "runs/run-1/report.html\n"
    assert len(here.emulator.requests()) == before and len(opened) == 1


def test_without_a_browser_the_path_is_all(
    here: CommandLine, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(here, "run-1")
    assert here("report", "run-1", here.spec(), "--no-open").err == "" and opened == []
    monkeypatch.setattr(webbrowser, "open", lambda page: False)
    ended = here("report", "run-1")
    assert (ended.code, ended.out) == (0, "runs/run-1/report.html\n") and "no browser was found" in ended.err


def test_a_run_that_failed_says_why_it_has_no_report(here: CommandLine) -> None:
    failure = {"task": "Tuning", "message": "quota used up", "next": "ask for more"}
    put_run(here, "run-1", "FAILED", {"failure.json": json.dumps(failure)})
    ended = here("report", "run-1", here.spec())
    assert (ended.code, ended.out) == (1, "")
    assert "run-1: is failed without a report" in ended.err and "Tuning failed: quota used up; next: ask" in ended.err


def test_a_run_that_was_cancelled_has_no_report(here: CommandLine) -> None:
    put_run(here, "run-1", "CANCELLED", {})
    assert "run-1: is cancelled without a report, expected a finished run\n" in here("report", "run-1", here.spec()).err
    assert not Path("runs/run-1").exists()


def test_a_run_that_is_not_there_is_named(here: CommandLine) -> None:
    ended = here("report", "run-9", here.spec())
    assert ended.code == 2 and "pipelineJobs/run-9: found no such run" in ended.err
    without = here("report", "run-9")
    assert without.code == 2 and "run-9: not in runs/, expected a run fetched before: name its SPEC, too" in without.err
