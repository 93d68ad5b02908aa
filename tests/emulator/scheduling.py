"""Schedules over plain HTTP, of a pipeline whose one step fails at once."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.conftest import Emulator

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "greet"},
    "schemaVersion": "2.1.0",
    "root": {
        "dag": {"tasks": {"say": {"componentRef": {"name": "comp-say"}, "taskInfo": {"name": "say"}}}},
        "inputDefinitions": {"parameters": {"word": {"parameterType": "STRING", "defaultValue": "hi"}}},
    },
    "components": {"comp-say": {"executorLabel": "exec-say"}},
    "deploymentSpec": {"executors": {"exec-say": {"container": {"image": "none", "command": ["say"]}}}},
}


def asked(**fields: Any) -> dict[str, Any]:
    """Return a Schedule as a client sends it: every day at 03:00 UTC."""
    job = {
        "pipelineSpec": SPEC,
        "runtimeConfig": {"gcsOutputDirectory": "gs://gemtune-local/root", "parameterValues": {"word": "hello"}},
        "labels": {"my_team": "x"},
    }
    request = {"parent": "projects/gemtune-local/locations/us-central1", "pipelineJob": job}
    schedule = {"displayName": "daily", "cron": "0 3 * * *", "maxConcurrentRunCount": "1"}
    return json.loads(json.dumps({**schedule, "createPipelineJobRequest": request, **fields})) or {}


class Api:
    """The schedules of an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.url = emulator.url
        self.http = httpx.Client(headers={"Authorization": f"Bearer {emulator.state.token}"}, timeout=30)
        self.location = f"{self.url}/v1/projects/gemtune-local/locations/us-central1"

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.http.post(f"{self.location}/{path}", json=body)

    def create(self, **fields: Any) -> dict[str, Any]:
        answer = self.post("schedules", asked(**fields))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def get(self, name: str) -> dict[str, Any]:
        return dict(self.http.get(f"{self.url}/v1/{name}").json())

    def patch(self, name: str, body: dict[str, Any], mask: str) -> httpx.Response:
        return self.http.patch(f"{self.url}/v1/{name}", json=body, params={"updateMask": mask})

    def act(self, name: str, verb: str, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.url}/v1/{name}:{verb}", json=body)

    def all(self, text: str = "") -> list[dict[str, Any]]:
        answer = self.http.get(f"{self.location}/schedules", params={"filter": text})
        return list(answer.json().get("schedules", []))

    def runs(self, schedule: str) -> list[dict[str, Any]]:
        """Return the jobs of a schedule, oldest first."""
        query = {"filter": f"schedule_name={schedule}"}
        answer = self.http.get(f"{self.location}/pipelineJobs", params=query)
        return list(reversed(answer.json().get("pipelineJobs", [])))

    def upload(self) -> None:
        """Put the pipeline into the registry as greet/latest; JSON is YAML."""
        host = f"{self.url}/us-central1-kfp.pkg.dev/gemtune-local/gemtune-local"
        content = json.dumps(SPEC).encode()
        self.http.post(host, files={"content": content}, data={"tags": "latest"}).raise_for_status()

    def advance(self, **parts: float) -> None:
        """Move the clock by days, hours, minutes or seconds."""
        scale = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
        seconds = sum(scale[unit] * count for unit, count in parts.items())
        self.http.post(f"{self.url}/emulator/clock/advance", json={"seconds": seconds}).raise_for_status()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for what another process or thread does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
