"""`gemtune` typed in this process, with the test's own emulator as its target."""

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from emulator.storage import write_object
from scripts import cli

SPEC: dict[str, Any] = {
    "name": "summaries",
    "train_data": "gs://gemtune-local/train.jsonl",
    "submission": {"target": "emulator", "cron": "0 3 * * 1", "time_zone": "Europe/Berlin"},
}


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class CommandLine:
    """A folder with a spec in it, and `gemtune` typed there."""

    def __init__(self, emulator: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.emulator, self.folder, self._capsys = emulator, folder, capsys

    def __call__(self, *arguments: str) -> Ended:
        self._capsys.readouterr()
        code = cli.main(list(arguments))
        return Ended(code, *self._capsys.readouterr())

    def spec(self, **keys: Any) -> str:
        """Write a spec and return its path; keys of `submission` are merged."""
        submission = {**SPEC["submission"], **keys.pop("submission", {})}
        path = self.folder / "spec.yaml"
        path.write_text(json.dumps({**SPEC, **keys, "submission": submission}))
        return str(path)

    def documents(self, collection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.emulator.state.list(collection)
        return found


@pytest.fixture
def gemtune(
    emulator: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    monkeypatch.setattr(os, "environ", dict(os.environ))  # the target sets variables
    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", emulator.url.rpartition(":")[2])
    monkeypatch.setenv("GEMTUNE_STATE", str(tmp_path / "state"))
    if sdk := sys.modules.get("google.cloud.aiplatform"):
        # The SDK keeps the credentials that another test gave it, with the token of an emulator that is gone.
        monkeypatch.setattr(sdk.initializer.global_config, "_credentials", None)
    write_object(emulator.state, SPEC["train_data"], b"no JSON: runs on it fail soon", "text/plain")
    return CommandLine(emulator, tmp_path, capsys)
