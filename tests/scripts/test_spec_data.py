"""Local data is looked at before anything is submitted, at no noticeable cost."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gemtune.data.preview import Preview
from gemtune.spec import TuningSpec
from scripts import estimate, spec_data
from scripts.spec_data import look_at
from tests.scripts.conftest import CommandLine

HINT = "nothing was submitted; `gemtune check "


def rows(path: Path, broken: bool, count: int = 40) -> str:
    """Write training rows, the third without an answer if broken, and return the path."""
    found = [{"input_text": f"Prompt {n}?", "output_text": f"Answer {n}."} for n in range(count)]
    if broken:
        found[2]["output_text"] = ""
    path.write_text("".join(json.dumps(each) + "\n" for each in found))
    return str(path)


@pytest.mark.parametrize("verb", [["submit"], ["run"], ["schedule", "apply"], ["evaluate", "--model=a", "--model=b"]])
def test_local_data_that_would_stop_a_run_is_refused_before_anything_is_submitted(
    gemtune: CommandLine, verb: list[str]
) -> None:
    data = rows(gemtune.folder / "rows.jsonl", broken=True)
    ended = gemtune(*verb, gemtune.spec(train_data=data))
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert f"{data}:3: " in ended.err and "on_invalid=drop" in ended.err and HINT in ended.err
    assert "findings.jsonl" not in ended.err, "that file is gone"
    assert not gemtune.documents("pipelineJobs") and not gemtune.documents("schedules")
    assert not gemtune.emulator.requests("storage.objects.insert"), "nothing was uploaded either"


def test_too_few_examples_are_refused_likewise(gemtune: CommandLine) -> None:
    ended = gemtune("submit", gemtune.spec(train_data=rows(gemtune.folder / "rows.jsonl", broken=False, count=12)))
    assert ended.code == 2 and "test split: " in ended.err and HINT in ended.err


def test_what_a_spec_drops_is_no_reason_to_refuse(gemtune: CommandLine) -> None:
    data = rows(gemtune.folder / "rows.jsonl", broken=True, count=400)
    ended = gemtune("submit", gemtune.spec(train_data=data, on_invalid="drop"))
    assert ended.code == 0, ended.err


def test_a_sweep_over_bad_data_is_refused_once_before_its_first_run(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []

    def counted(spec: TuningSpec, *given: Any, **more: Any) -> Preview:
        prepared.append(spec.name)
        return look_at(spec, *given, **more)

    monkeypatch.setattr(estimate, "look_at", counted)
    monkeypatch.setattr(spec_data, "look_at", counted)
    spec = gemtune.spec(train_data=rows(gemtune.folder / "rows.jsonl", broken=True))
    ended = gemtune("run", spec, "--set", "epoch_count=2,4")
    assert ended.code == 2 and HINT in ended.err and prepared == ["summaries-epoch-count-2"]
    assert not gemtune.documents("pipelineJobs")
    assert gemtune("plan", spec, "--set", "epoch_count=2,4").code == 3, "as of a single run"


def test_data_in_cloud_storage_is_not_fetched_for_that(gemtune: CommandLine) -> None:
    local = rows(gemtune.folder / "rows.jsonl", broken=True)
    spec = gemtune.spec(train_data=local, test_data="gs://gemtune-local/train.jsonl")
    assert gemtune("submit", spec).code == 0
    assert len(gemtune.documents("pipelineJobs")) == 1


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_large_data_is_left_to_the_run_and_that_is_said(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = Path(rows(gemtune.folder / "rows.jsonl", broken=True))
    content = data.read_bytes()
    stored = gzip.compress(content) if name.endswith(".gz") else content
    (gemtune.folder / name).write_bytes(stored)
    monkeypatch.setattr(spec_data, "LARGEST", len(stored) * (spec_data.EXPANDED if name.endswith(".gz") else 1) - 1)
    ended = gemtune("submit", gemtune.spec(train_data=str(gemtune.folder / name)))
    assert ended.code == 0 and "of data are checked in the run" in " ".join(ended.err.split())
