"""A terminal with an emulator beside it, for journeys through the command line."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples/howto"
PATIENCE_SECONDS = 240


def wait_for(what: Callable[[], Any]) -> Any:
    """Wait until something is found, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.5)
    raise AssertionError("waited in vain")


class Terminal:
    """A folder with an emulator beside it, and `gemtune` typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.environment = {
            **os.environ,
            "GEMTUNE_EMULATOR_PORT": str(self.port),
            "GEMTUNE_STATE": str(folder / "state"),
        }
        self.start()

    def start(self) -> None:
        """Start the emulator on what an earlier one left."""
        self.emulator = self.open("emulator")
        while not self.answers():
            assert self.emulator.poll() is None, self.emulator.communicate()
            time.sleep(0.1)

    def restart(self) -> None:
        """Kill the emulator, and start it again."""
        self.emulator.kill()
        self.emulator.communicate()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.emulator.terminate()
        self.emulator.communicate(timeout=20)

    def open(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job ignores SIGINT, and so would everything that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def gemtune(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        process = self.open(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def answers(self) -> bool:
        try:
            return bool(self.ask("/emulator"))
        except OSError:
            return False

    def ask(self, path: str) -> Any:
        return json.loads(self.get(path))

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=5).close()

    def upload(self, name: str, data: bytes, bucket: str = "gemtune-local") -> str:
        """Write an object and return its URI."""
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method="POST")
        urllib.request.urlopen(request, timeout=5).close()
        return f"gs://{bucket}/{name}"

    def read(self, uri: str) -> bytes:
        """Return the bytes of an object."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        return self.get(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")

    def delete(self, path: str) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=5).close()

    def paid(self) -> tuple[int, int]:
        """Return how many tuning jobs were created and how many prompts were sent."""
        generations = ["publishers.models.generateContent", "endpoints.generateContent"]
        created = len(self.ask("/emulator/requests?method=tuningJobs.create"))
        return created, sum(len(self.ask(f"/emulator/requests?method={method}")) for method in generations)

    def spec(self, name: str, **keys: Any) -> str:
        """Write a spec over the sample data and return its path."""
        spec = {
            "name": name,
            "train_data": str(SAMPLES / "train.jsonl"),
            "validation_data": str(SAMPLES / "validation.jsonl"),
            "test_data": str(SAMPLES / "test.csv"),
            "epoch_count": 4,
            "adapter_size": 4,
            "submission": {"target": "emulator"},
            **keys,
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(spec))
        return str(path)

    def runs(self, spec: str) -> list[dict[str, Any]]:
        """Return the runs of a spec, newest first."""
        ended = self.gemtune("runs", "list", spec, "--json")
        assert ended.returncode == 0, ended.stderr
        return list(json.loads(ended.stdout))

    def ended_runs(self, spec: str, count: int) -> list[dict[str, Any]]:
        """Wait until so many runs of a spec have ended, and return them; fail if there are more."""

        def look() -> list[dict[str, Any]]:
            runs = self.runs(spec)
            over = [run for run in runs if run["state"].removeprefix("PIPELINE_STATE_") in ("SUCCEEDED", "FAILED")]
            assert len(runs) <= count, [run["name"] for run in runs]
            return runs if len(over) == count else []

        return list(wait_for(look))

    def comparison(self) -> dict[str, Any]:
        """Return what the newest run decided."""
        newest = max((self.folder / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
        return dict(json.loads((newest / "comparison.json").read_text(encoding="utf-8")))
