"""A bench to prepare datasets on, and what tests ask of the files that it makes."""

import json
from pathlib import Path
from typing import Any, TypeAlias

from gemtune.data.dataset import Prepared, prepare
from gemtune.data.settings import DatasetSettings
from gemtune.data.sources import stage
from gemtune.storage import Storage

Data: TypeAlias = str | bytes | list[Any]


class Workbench:
    """Stages data as sources and prepares it."""

    def __init__(self, emulator: Any, folder: Path) -> None:
        self.root, self.bucket = f"gs://{emulator.bucket}/data", emulator.bucket
        self.storage, self.folder = Storage(emulator.project), folder

    def __call__(self, train: Data, validation: Data = "", test: Data = "", **given: Any) -> Prepared:
        given = {"test_fraction": 0.0 if test else 0.3, **given}
        patterns = {
            split: self.write(split, data)
            for split, data in {"train": train, "validation": validation, "test": test}.items()
            if data
        }
        manifest = stage(patterns, bucket=self.bucket, storage=self.storage)
        return prepare(manifest, DatasetSettings(**given), storage=self.storage, folder=self.folder)

    def write(self, split: str, data: Data) -> str:
        if isinstance(data, list):
            data = "".join(json.dumps(record) + "\n" for record in data)
        path = self.folder / f"{split}.raw"
        self.folder.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        uri = f"{self.root}/{split}.jsonl"
        self.storage.upload(path, uri)
        return uri

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings; without advice, which every small dataset gets."""
        return [finding for finding in read(self.folder / "findings.jsonl") if finding["rule"] != "advice"]

    def ledger(self) -> dict[str, Any]:
        ledger: dict[str, Any] = json.loads((self.folder / "ledger.json").read_text())
        return ledger


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows(*names: object) -> list[dict[str, Any]]:
    return [{"prompt": f"ask {name}", "completion": f"answer {name}"} for name in names]


def prompts(path: Path) -> list[str]:
    records = read(path)
    return [record.get("prompt", record)["contents"][0]["parts"][0]["text"] for record in records]


def adds_up(ledger: dict[str, Any]) -> bool:
    splits = [ledger[split] for split in ("train", "validation", "test")]
    return all(s["read"] == s["used"] + s["sampled_out"] + sum(s["rejected"].values()) for s in splits)
