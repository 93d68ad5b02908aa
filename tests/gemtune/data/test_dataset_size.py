"""The same code for 20 rows and 10 million: memory does not follow the size of the data."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, sys
from pathlib import Path
from gemtune.data.dataset import prepare
from gemtune.data.settings import DatasetSettings
from gemtune.storage import Storage
from rensa import RMinHash
class Local(Storage):
    def read_text(self, uri): return Path(uri).read_text()
    def download(self, uri, path): os.link(uri, path)
def memory():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = memory()
settings = DatasetSettings(max_train_examples=200_000, base_model="gemini-3.5-flash")
prepared = prepare(sys.argv[1], settings, storage=Local("p"), folder=Path(sys.argv[2]))
print(json.dumps({"ledger": prepared.ledger, "before": before, "peak": memory()}))
"""
"""Measures a process of its own: what a test runner has in memory would hide it."""


def write(path: Path, rows: int, repeated: int) -> None:
    """Write conversations, of which the last ones repeat the first ones."""
    words = [f"word{number}" for number in range(2000)]
    with path.open("w") as file:
        for number in range(rows):
            name = number % (rows - repeated)
            text = " ".join([str(name), *random.Random(name).choices(words, k=30)])
            turns = [{"role": "user", "content": text}, {"role": "assistant", "content": f"answer {name}"}]
            file.write(json.dumps({"messages": turns}) + "\n")


def prepare(folder: Path, rows: int, repeated: int) -> dict[str, Any]:
    source, manifest, output = (folder / f"{name}{rows}" for name in ("source", "manifest", "prepared"))
    write(source, rows, repeated)
    entry = {"uri": "gs://b/raw.jsonl", "staged": str(source), "bytes": source.stat().st_size}
    manifest.write_text(json.dumps({"train": [entry], "validation": [], "test": []}))
    command = [sys.executable, "-c", PROGRAM, str(manifest), str(output)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(found.stdout)
    print(f"{rows:,} rows: {result['before']:.0f} MB at first, {result['peak']:.0f} MB at most")
    result["findings"] = (output / "findings.jsonl").read_text().count('"rule": "duplicate"')
    return result


@pytest.mark.acceptance
def test_memory_is_the_same_for_300_000_rows_as_for_30_000(tmp_path: Path) -> None:
    small, large = prepare(tmp_path, 30_000, 100), prepare(tmp_path, 300_000, 500)
    assert sum(large["ledger"][split]["read"] for split in ("train", "validation", "test")) == 300_000
    assert large["ledger"]["train"]["used"] == 200_000
    assert large["findings"] == 500
    # The index of repeats of 240,000 training examples does not fit into its part of the memory.
    assert large["peak"] - large["before"] < 60
    assert large["peak"] - small["peak"] < 25
