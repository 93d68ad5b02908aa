"""The end of a newcomer's afternoon: real runs of several specs, a stranger's things beside them, then `clean`."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.emulator.scheduling import asked
from tests.terminal import SAMPLES, Terminal

pytestmark = pytest.mark.acceptance
REGION = "projects/123456789012/locations/us-central1"
LISTS = (
    f"{REGION}/schedules",
    f"{REGION}/models",
    f"{REGION}/metadataStores/default/contexts",
    "projects/123456789012/locations/us/endpoints",
    "projects/123456789012/locations/global/batchPredictionJobs",
    f"{REGION}/batchPredictionJobs",
)


class Project:
    """A terminal, and the service behind it as another user of the project sees it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.url = f"http://127.0.0.1:{terminal.port}"
        token = httpx.get(
            f"{self.url}/computeMetadata/v1/instance/service-accounts/default/token",
            headers={"Metadata-Flavor": "Google"},
        ).json()["access_token"]
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def names(self) -> set[str]:
        """Return every resource that could be cleaned."""
        return {each["name"] for path in LISTS for each in self.call("GET", path).get(path.rpartition("/")[2], [])}

    def objects(self, folder: str) -> set[str]:
        answer = self.http.get(f"{self.url}/storage/v1/b/gemtune-local/o", params={"prefix": f"gemtune/{folder}/"})
        return {each["name"] for each in answer.json().get("items", [])}

    def run(self, name: str, *more: str, **keys: Any) -> dict[str, Any]:
        """Run a spec to its end, and return what it decided."""
        ended = self.terminal.gemtune("run", self.terminal.spec(name, **keys), *more)
        assert ended.returncode == 0, ended.stderr
        return self.terminal.comparison()

    def clean(self, name: str, *more: str) -> dict[str, Any]:
        ended = self.terminal.gemtune("clean", str(self.terminal.folder / f"{name}.yaml"), "--json", *more)
        found = json.loads(ended.stdout)
        assert ended.returncode == (1 if found["failed"] else 0), ended.stderr
        return dict(found)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with Terminal(tmp_path_factory.mktemp("cleaning")) as terminal:
        yield Project(terminal)


def place_stranger(project: Project) -> set[str]:
    """Let somebody else tune a model and keep a schedule; return the names of endpoint, model, curves and schedule."""
    lines = (SAMPLES / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    roles = {"user": "user", "assistant": "model"}
    examples = [
        {"contents": [{"role": roles[turn["role"]], "parts": [{"text": turn["content"]}]} for turn in messages]}
        for messages in (json.loads(line)["messages"] for line in lines)
    ]
    data = "".join(json.dumps(example) + "\n" for example in examples)
    sent = {
        "baseModel": "gemini-3.1-flash-lite",
        "supervisedTuningSpec": {
            "trainingDatasetUri": project.terminal.upload("theirs.jsonl", data.encode()),
            "hyperParameters": {"epochCount": "1"},
        },
    }
    job = project.call("POST", f"{REGION}/tuningJobs", sent)
    while (job := project.call("GET", job["name"]))["state"] != "JOB_STATE_SUCCEEDED":
        assert job["state"] in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"), job
        time.sleep(0.2)
    project.call("POST", f"{REGION}/schedules", asked(displayName="promoted"))
    return project.names()


def test_after_clean_nothing_of_ours_is_left_but_what_is_promoted_and_needed(project: Project) -> None:
    theirs = place_stranger(project)
    assert len(theirs) == 5, "schedule, model, endpoint, experiment and its run"

    promoted = project.run("promoted", submission={"target": "emulator", "cron": "0 3 1 1 *"})
    applied = project.terminal.gemtune("schedule", "apply", str(project.terminal.folder / "promoted.yaml"))
    assert promoted["decision"] == "promote" and applied.returncode == 0, applied.stderr
    held = project.run("held", epoch_count=1, minimum_improvement=0.9, generation_mode="batch")
    younger = project.run("younger", epoch_count=1, minimum_improvement=0.9)
    assert held["decision"] == younger["decision"] == "hold"
    assert younger["models"]["candidate"] == held["models"]["candidate"], "taken up from the run before"
    before = project.names()
    assert any("/batchPredictionJobs/" in name for name in before)

    shown = project.clean("promoted")
    assert project.names() == before, "without --yes nothing is deleted"
    kinds = {each["kind"] for each in shown["to_delete"]}
    assert kinds >= {"schedule", "predictions"} and not kinds & {"endpoint", "model"}
    assert promoted["models"]["candidate"] in {each["name"] for each in shown["stays"]}

    needed = project.clean("held", "--yes")
    assert held["models"]["candidate"] in project.names()
    assert {each["reason"] for each in needed["stays"]} == {
        f"run {younger['job'].rpartition('/')[2]} of younger needs it"
    }
    assert not [name for name in project.names() if "/batchPredictionJobs/" in name]
    assert not project.objects("batches/output") and project.objects("batches/input")

    project.terminal.post("/emulator/faults", {"method": "models.delete", "times": 1, "code": 403})
    failed = project.clean("younger", "--all-specs", "--yes")
    (missed,) = failed["failed"]
    assert missed["name"] == held["tuning"]["model"].partition("@")[0] and "403" in missed["error"]
    assert not project.objects("predictions"), "the rest went on"
    assert project.clean("younger", "--all-specs", "--yes")["deleted"] == [missed["name"]]

    left = project.names() - theirs
    run = next(name for name in left if name.endswith("-tuning-run"))
    stays = {each["name"] for each in project.clean("younger", "--all-specs")["stays"]}
    assert left - {run} == stays, "what was promoted, whole"
    assert promoted["models"]["candidate"] in stays and promoted["tuning"]["model"].partition("@")[0] in stays
    assert len(stays) == len(promoted["tuning"]["checkpoints"]) + 2
    assert project.names() >= theirs
    assert project.objects("promoted") == {"gemtune/promoted/promoted.json"}

    paid = project.terminal.paid()
    again = project.run("promoted")
    assert again["models"] == promoted["models"] and project.terminal.paid()[0] == paid[0], "what stays is whole"
