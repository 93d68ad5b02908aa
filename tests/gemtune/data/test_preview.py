"""A preview comes to the very bytes that a run would, and leaves sources as they were."""

import json
from pathlib import Path
from typing import Any

import pytest

from gemtune.data.preview import SHOWN, LocalSources, Preview, preview, settings_of
from gemtune.data.settings import DatasetSettings
from gemtune.spec import build
from gemtune.storage import Storage
from tests.conftest import Emulator
from tests.workbench import Workbench, rows

PROJECT = "any"


def write(path: Path, records: list[Any]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def look(folder: Path, records: list[Any], **settings: Any) -> Preview:
    scratch = folder / "scratch"
    scratch.mkdir()
    given = DatasetSettings(**{"test_fraction": 0.3, **settings})
    return preview({"train": [write(folder / "rows.jsonl", records)]}, given, project=PROJECT, folder=scratch)


def test_the_files_are_those_of_a_run(emulator: Emulator, tmp_path: Path) -> None:
    prepared = Workbench(emulator, tmp_path / "run")(rows(*range(40)))
    shown = look(tmp_path, rows(*range(40)))
    assert shown.error is None
    assert shown.train.read_bytes() == prepared.train.read_bytes() != b""
    assert shown.validation.read_bytes() == prepared.validation.read_bytes()
    assert {split: shown.ledger[split] for split in ("train", "validation", "test")} == {
        split: prepared.ledger[split] for split in ("train", "validation", "test")
    }


def test_invalid_data_is_shown_with_why_a_run_would_stop(tmp_path: Path) -> None:
    shown = look(tmp_path, [*rows(*range(40)), {"prompt": "ask", "completion": ""}])
    assert "rows.jsonl:41" in str(shown.error)
    (found,) = [each for each in shown.first_findings() if each["action"] == "raised"]
    assert found["line"] == 41
    assert shown.train.stat().st_size and shown.ledger["train"]["used"]


def test_what_stops_a_run_is_shown_before_what_warns(tmp_path: Path) -> None:
    broken = [{"prompt": f"ask {n}", "completion": ""} for n in range(SHOWN + 5)]
    shown = look(tmp_path, [*rows(*range(40)), *broken])
    assert {each["action"] for each in shown.first_findings()} == {"raised"}
    assert len(shown.first_findings()) == SHOWN
    assert sum(number for (action, _), number in shown.counts().items() if action == "raised") == SHOWN + 5


def test_findings_are_left_to_the_caller(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    look(tmp_path, [*rows(*range(40)), {"prompt": "ask", "completion": ""}])
    assert "rows.jsonl:41" not in capfd.readouterr().err


def test_a_download_of_a_local_file_is_a_copy_that_can_be_written(emulator: Emulator, tmp_path: Path) -> None:
    source, copy = tmp_path / "mine.jsonl", tmp_path / "copy"
    source.write_text("precious")
    uri = f"gs://{emulator.bucket}/other.jsonl"
    Storage(emulator.project).write_text(uri, "remote")
    storage = LocalSources(emulator.project)
    storage.download(str(source), copy)
    storage.download(uri, copy)
    assert (source.read_text(), copy.read_text()) == ("precious", "remote")
    assert (storage.size(str(source)), storage.size(uri)) == (8, 6)
    assert storage.read_text(str(source)) == "precious" and list(storage.lines(uri)) == [b"remote"]


def test_the_settings_are_those_of_the_spec() -> None:
    values = {"name": "n", "project": "p", "bucket": "bucket", "train_data": "x", "sample_seed": 5, "epoch_count": 3}
    found = settings_of(build(values, {"on_invalid": "drop"}, path=Path("spec")))
    assert (found.sample_seed, found.on_invalid, found.base_model) == (5, "drop", "gemini-3.1-flash-lite")
