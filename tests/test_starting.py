"""The three ways to start a run, and how it says how it ended: script, console and schedule against one emulator."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.terminal import ROOT, Terminal, wait_for

pytestmark = pytest.mark.acceptance
COMPILED = ROOT / "compiled/tuning.yaml"
PARENT = "projects/gemtune-local/locations/us-central1"
REGISTRY = "us-central1-kfp.pkg.dev/gemtune-local/gemtune-local"
WEEK = 7 * 24 * 3600
STEPS = {
    "stage-sources",
    "prepare-dataset",
    "generate-predictions",
    "score-predictions",
    "tune-model",
    "select-checkpoint",
    "generate-predictions-2",
    "score-predictions-2",
    "compare-models",
    "notify",
}

CONSOLE = """
import sys, json
from google.cloud import aiplatform
from google.cloud.aiplatform.utils import gcs_utils

gcs_utils.create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist = lambda *_, **__: None
template, address, values = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
aiplatform.init(project="gemtune-local", location="us-central1", api_transport="rest", api_endpoint=address)
job = aiplatform.PipelineJob(
    display_name="from the console",
    template_path=template,
    pipeline_root="gs://gemtune-local/gemtune/pipeline-root",
    parameter_values=values,
)
job.submit()
print(job.resource_name)
"""


class Service:
    """The emulator of a terminal, asked as a Google client asks: with its token."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        exports = terminal.gemtune("emulator", "--env").stdout
        self.exports = exports
        self.address = f"http://127.0.0.1:{terminal.port}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call a method of the API; path starts below /v1."""
        program = (
            "import sys, json, google.auth\n"
            "from google.auth.transport.requests import AuthorizedSession\n"
            "method, url = sys.argv[1:]\n"
            "sent = sys.stdin.read() or None\n"
            "answer = AuthorizedSession(google.auth.default()[0]).request(method, url, data=sent)\n"
            "answer.raise_for_status()\n"
            "print(answer.text)\n"
        )
        sent = json.dumps(body) if body is not None else ""
        return json.loads(self.python(program, method, f"{self.address}/v1/{path}", sent=sent) or "{}")

    def python(self, program: str, *arguments: str, sent: str = "") -> str:
        """Run a program in the environment that `gemtune emulator --env` prints, and return what it prints."""
        command = f'{self.exports}\nexec {sys.executable} -c "$0" "$@"'
        ended = subprocess.run(
            ["sh", "-c", command, program, *arguments],
            input=sent,
            capture_output=True,
            text=True,
            env=self.terminal.environment,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def messages(self) -> list[str]:
        return [each["body"]["text"] for each in self.terminal.ask("/emulator/webhook")]

    def put_secret(self, name: str, value: str) -> None:
        secrets = "projects/gemtune-local/secrets"
        self.call("POST", f"{secrets}?secretId={name}", {"replication": {"automatic": {}}})
        data = base64.b64encode(value.encode()).decode()
        self.call("POST", f"{secrets}/{name}:addVersion", {"payload": {"data": data}})


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with Terminal(tmp_path_factory.mktemp("starting")) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def service(terminal: Terminal) -> Service:
    service = Service(terminal)
    service.put_secret("slack", f"{service.address}/emulator/webhook/T0/B0/password")
    return service


OWN = ("job", "cost", "notices", "spec")
"""Parts of a comparison that are compared apart: they name the run, or say what of it was paid before."""


class Left:
    """What a run left behind, read as its owner would."""

    def __init__(self, service: Service, run: dict[str, Any]) -> None:
        self.id, read = run["name"].rpartition("/")[2], service.terminal.read
        self.job = service.call("GET", run["name"])
        self.tasks = {task["taskName"]: task for task in self.job["jobDetail"]["taskDetails"]}
        self.comparison = json.loads(read(f"gs://gemtune-local/gemtune/runs/{self.id}/comparison.json"))
        self.outputs = {
            f"{name}.{output}": read(artifact["uri"]).decode().replace(self.id, "RUN")
            for name, task in self.tasks.items()
            for output, found in task.get("outputs", {}).items()
            for artifact in found["artifacts"]
            if output in FILES
        }

    def result(self) -> dict[str, Any]:
        tuning = {key: value for key, value in self.comparison["tuning"].items() if key != "reused"}
        return {key: value for key, value in self.comparison.items() if key not in OWN} | {"tuning": tuning}

    def states(self) -> dict[str, str]:
        return {name: task["state"] for name, task in self.tasks.items()}


FILES = {"test", "ledger", "findings", "predictions", "scores", "curves", "selection"}
"""Outputs whose text is the same in equal runs."""


def small(terminal: Terminal, name: str, **keys: Any) -> str:
    """Write a spec whose run is quick: few examples, one epoch."""
    quick = {"epoch_count": 1, "max_train_examples": 30, "max_test_examples": 20, "max_truncated_share": 1.0}
    submission = {"target": "emulator", **keys.pop("submission", {})}
    return terminal.spec(name, **{**quick, **keys, "submission": submission})


def test_a_run_of_the_console_equals_the_run_of_the_script(terminal: Terminal, service: Service) -> None:
    path = small(terminal, "console", webhook_secret="slack")
    scripted = terminal.gemtune("run", path)
    assert scripted.returncode == 0, scripted.stderr
    paid = terminal.paid()
    template = terminal.gemtune("publish", path).stdout.strip()
    assert template == "gs://gemtune-local/gemtune/pipelines/tuning.yaml"

    # What a person fills in: the four without default, and what differs from it. Local files are in the bucket by now.
    run = terminal.runs(path)[0]
    sent = run["runtimeConfig"]["parameterValues"]
    filled_in = ("name", "project", "bucket", "train_data", "validation_data", "test_data", "webhook_secret")
    quick = ("epoch_count", "adapter_size", "max_train_examples", "max_test_examples", "max_truncated_share")
    form = {key: sent[key] for key in (*filled_in, *quick)}
    clicked = service.python(CONSOLE, template, service.address, json.dumps(form)).splitlines()[-1]
    terminal.ended_runs(path, 2)

    # From the registry, the console sends the template's address and no pipeline.
    address = terminal.gemtune("publish", path, "--to", f"https://{REGISTRY}", "--tag", "v1").stdout.strip()
    assert address == f"https://{REGISTRY}/gemini-tuning/v1"
    runtime = {"gcsOutputDirectory": "gs://gemtune-local/gemtune/pipeline-root", "parameterValues": form}
    chosen = service.call("POST", f"{PARENT}/pipelineJobs", {"templateUri": address, "runtimeConfig": runtime})["name"]
    runs = terminal.ended_runs(path, 3)
    assert [each["state"] for each in runs] == ["PIPELINE_STATE_SUCCEEDED"] * 3
    assert [each["name"] for each in runs[:2]] == [chosen, clicked]
    assert terminal.paid() == paid, "the console's runs pay for nothing again"

    first, second, third = (Left(service, each) for each in reversed(runs))
    assert first.states().keys() >= STEPS and first.states()["prepare-dataset"] == "SUCCEEDED"
    assert first.outputs.keys() >= {"prepare-dataset.test", "generate-predictions-2.predictions", "tune-model.curves"}
    for other in (second, third):
        assert other.job["pipelineSpec"] == first.job["pipelineSpec"]
        assert other.result() == first.result(), "every number, both sides, all conditions, tuning, digests"
        assert other.outputs == first.outputs, "every answer and score, byte for byte"
        assert other.comparison["spec"] == first.comparison["spec"], "the form's defaults are the spec's"
        assert other.comparison["cost"]["estimated"] == first.comparison["cost"]["estimated"]
        assert other.comparison["cost"]["actual"]["total"] == 0 < first.comparison["cost"]["actual"]["total"]
        assert other.states() == {**first.states(), "prepare-dataset": "SKIPPED"}, "caching was not overridden"
    assert (runs[1]["displayName"], second.job.get("labels", {})) == ("from the console", {})
    told = [message.splitlines() for message in service.messages()[-3:]]
    assert [lines[1] for lines in told] == [scripted.stdout.strip()] * 3
    assert [lines[0] for lines in told] == [f"console {each.id}: SUCCEEDED" for each in (first, second, third)]


def test_two_scheduled_runs_and_a_catch_up_of_three(terminal: Terminal, service: Service) -> None:
    own = {
        "service_account": "pipeline@gemtune-local.iam.gserviceaccount.com",
        "network": "projects/123456789012/global/networks/inner",
        "kms_key": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
    }
    when = {"cron": "0 3 * * 1", "time_zone": "Europe/Berlin", "catch_up": True, "labels": {"team": "a"}}
    path = small(terminal, "weekly", submission={**own, **when})
    assert terminal.gemtune("schedule", "apply", path).returncode == 0
    for count in (1, 2):
        terminal.post("/emulator/clock/advance", {"seconds": WEEK})
        terminal.ended_runs(path, count)
    assert terminal.gemtune("schedule", "pause", path).returncode == 0
    for _ in range(3):
        terminal.post("/emulator/clock/advance", {"seconds": WEEK})
    assert len(terminal.runs(path)) == 2
    resumed = terminal.gemtune("schedule", "resume", path)
    assert "missed runs are made up for" in resumed.stderr
    runs = list(reversed(terminal.ended_runs(path, 5)))
    shown = json.loads(terminal.gemtune("schedule", "show", path, "--json").stdout)
    assert (shown["runs"], shown["state"]) == ("5", "active")

    assert [run["state"] for run in runs] == ["PIPELINE_STATE_SUCCEEDED"] * 5
    assert {run["scheduleName"] for run in runs} == {shown["schedule"]}
    for before, after in pairwise(runs):
        assert before["endTime"] <= after["createTime"], "one at a time, also when it catches up"
    paid, first, *others = terminal.paid(), *(Left(service, run) for run in runs)
    for other in others:
        assert other.result() == first.result(), "unchanged data, the same decision"
        assert other.comparison["cost"]["actual"]["total"] == 0
    for job in (first.job, *(other.job for other in others)):
        assert (job["serviceAccount"], job["network"]) == (own["service_account"], own["network"])
        assert (job["encryptionSpec"]["kmsKeyName"], job["labels"]["team"]) == (own["kms_key"], "a")

    assert terminal.gemtune("schedule", "delete", path).returncode == 0
    assert (len(terminal.runs(path)), terminal.paid()) == (5, paid)


def test_a_schedule_follows_its_spec_and_leaves_a_strangers_alone(terminal: Terminal, service: Service) -> None:
    path = small(terminal, "mine", submission={"cron": "0 3 1 1 *", "labels": {"team": "a"}})
    values = {"name": "theirs", "project": "gemtune-local", "bucket": "gemtune-local", "train_data": "gs://b/t.jsonl"}
    theirs = {
        "displayName": "mine",
        "cron": "0 0 1 1 *",
        "maxConcurrentRunCount": "5",
        "createPipelineJobRequest": {
            "parent": PARENT,
            "pipelineJob": {
                "pipelineSpec": yaml.load(COMPILED.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader),
                "runtimeConfig": {"gcsOutputDirectory": "gs://gemtune-local/x", "parameterValues": values},
            },
        },
    }
    name = service.call("POST", f"{PARENT}/schedules", theirs)["name"]
    stranger = service.call("GET", name)

    def mine() -> list[dict[str, Any]]:
        schedules = service.call("GET", f"{PARENT}/schedules")["schedules"]
        return [each for each in schedules if each["name"] != name and each["displayName"] == "mine"]

    first = terminal.gemtune("schedule", "apply", path)
    small(terminal, "mine", epoch_count=2, submission={"cron": "0 4 1 1 *", "labels": {"team": "b"}})
    second = terminal.gemtune("schedule", "apply", path)
    assert second.stdout == first.stdout
    for line in ("parameters.epoch_count: 1 -> 2", "labels.team: 'a' -> 'b'", "'TZ=UTC 0 4 1 1 *'"):
        assert line in second.stderr
    third = terminal.gemtune("schedule", "apply", path)
    assert third.stdout == first.stdout and "nothing to change" in third.stderr
    (found,) = mine()
    assert found["createPipelineJobRequest"]["pipelineJob"]["labels"]["team"] == "b"
    for verb, state in (("pause", "PAUSED"), ("resume", "ACTIVE")):
        assert terminal.gemtune("schedule", verb, path).stdout == first.stdout
        assert mine()[0]["state"] == state
    assert terminal.gemtune("schedule", "delete", path).stdout == first.stdout
    assert mine() == []
    assert service.call("GET", name) == stranger
    service.call("DELETE", name)


def test_a_failing_run_tells_the_webhook_task_cause_and_next_step(terminal: Terminal, service: Service) -> None:
    bad = terminal.upload("bad.jsonl", b'{"prompt": "a question", "completion": ""}\n')
    path = small(terminal, "failing", train_data=bad, webhook_secret="projects/gemtune-local/secrets/slack")
    told = len(service.messages())
    ended = terminal.gemtune("run", path)
    assert ended.returncode == 1
    (message,) = service.messages()[told:]
    heading, cause, *more = message.splitlines()
    assert heading.startswith("failing gemini-tuning-") and heading.endswith(": FAILED")
    assert cause.startswith("Data conversion failed: ") and "bad.jsonl:1" in message
    assert any(line.startswith("next: ") for line in more), "below how many findings there are"
    assert "password" not in ended.stderr + read_logs(terminal.folder)


def read_logs(folder: Path) -> str:
    logs = "".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))
    assert "Notification" in logs or "notify" in logs or "FAILED" in logs
    return logs


def test_cancelling_a_run_cancels_its_tuning_job(terminal: Terminal, service: Service) -> None:
    terminal.post("/emulator/progress", {"method": "tuningJobs", "seconds": 10 * WEEK})
    path = small(terminal, "cancelled", epoch_count=3)
    assert terminal.gemtune("submit", path).returncode == 0
    (job,) = wait_for(lambda: tuning_jobs(service, "cancelled"))
    ended = terminal.gemtune("runs", "cancel", path)
    assert ended.returncode == 0, ended.stderr
    assert job["name"] in ended.stdout.splitlines()
    assert terminal.runs(path)[0]["state"] == "PIPELINE_STATE_CANCELLED"
    assert tuning_jobs(service, "cancelled")[0]["state"] in ("JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED")


def test_the_exit_step_cancels_the_tuning_job_of_a_run_that_gave_up_and_says_so(
    terminal: Terminal, service: Service
) -> None:
    terminal.post("/emulator/progress", {"method": "tuningJobs", "seconds": 10 * WEEK})
    path = small(terminal, "gave-up", epoch_count=4, tuning_deadline_hours=0.0005, webhook_secret="slack")
    told = len(service.messages())
    assert terminal.gemtune("run", path).returncode == 1
    (job,) = tuning_jobs(service, "gave-up")
    assert job["state"] in ("JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED")
    (message,) = service.messages()[told:]
    assert "Tuning failed: " in message and "when the deadline came" in message
    assert f"cancelled: {job['name']}" in message


KEPT = (
    f"{PARENT}/pipelineJobs",
    f"{PARENT}/tuningJobs",
    f"{PARENT}/schedules",
    f"{PARENT}/models",
    f"{PARENT}/metadataStores/default/contexts",
    f"{PARENT}/repositories/gemtune-local/packages/gemini-tuning/versions",
    f"{PARENT}/repositories/gemtune-local/packages/gemini-tuning/tags",
    "projects/gemtune-local/locations/us/endpoints",
    "projects/gemtune-local/secrets",
)
"""What a project holds, by the list that shows it."""


def test_a_killed_emulator_marks_the_run_at_work_as_failed_and_loses_nothing_else(
    terminal: Terminal, service: Service
) -> None:
    path = small(terminal, "kept", submission={"cron": "0 3 1 1 *"})
    assert terminal.gemtune("run", path).returncode == 0
    assert terminal.gemtune("schedule", "apply", path).returncode == 0
    assert terminal.gemtune("publish", path, "--to", f"https://{REGISTRY}", "--tag", "kept").returncode == 0
    service.put_secret("kept", "a password")
    terminal.post("/emulator/progress", {"method": "tuningJobs", "seconds": 10 * WEEK})
    at_work = small(terminal, "at-work", epoch_count=5)
    assert terminal.gemtune("submit", at_work).returncode == 0
    wait_for(lambda: tuning_jobs(service, "at-work"))
    # What another test has cancelled ends within a minute: only the run at work is to change.
    terminal.post("/emulator/clock/advance", {"seconds": 120})

    before = everything(service)
    terminal.restart()
    service = Service(terminal)
    (run,) = terminal.runs(at_work)
    assert run["state"] == "PIPELINE_STATE_FAILED"
    job = service.call("GET", run["name"])
    assert job["error"]["message"] == "interrupted: the emulator stopped"
    after = everything(service)
    # The tuning job of that run goes on, as it does on Vertex AI.
    for place, found in before.items():
        kept = {name: each for name, each in found.items() if "at-work" not in json.dumps(each)}
        assert {name: after[place].get(name) for name in kept} == kept, place
        assert found.keys() <= after[place].keys(), place
    data = service.call("GET", "projects/gemtune-local/secrets/kept/versions/latest:access")["payload"]["data"]
    assert base64.b64decode(data) == b"a password"
    # Its weights are there, too: everything is found again, and the tuned model answers what is asked anew.
    paid = terminal.gemtune("run", path, "--set", "prediction_max_age_days=0")
    assert paid.returncode == 0, paid.stderr
    assert "adopted from an earlier run" in " ".join(paid.stderr.split())


def everything(service: Service) -> dict[str, dict[str, Any]]:
    """Return list → name → resource, for all that a project holds, objects in its bucket included."""
    found = {place: service.call("GET", f"{place}?pageSize=1000") for place in KEPT}
    resources = {place: {each["name"]: each for each in next(iter(some.values()), [])} for place, some in found.items()}
    assert all(resources.values()), [place for place in KEPT if not resources[place]]
    items = service.terminal.ask("/storage/v1/b/gemtune-local/o?maxResults=1000")["items"]
    return resources | {"objects": {each["name"]: {"md5": each["md5Hash"]} for each in items}}


def tuning_jobs(service: Service, spec: str) -> list[dict[str, Any]]:
    jobs = service.call("GET", f"{PARENT}/tuningJobs").get("tuningJobs", [])
    return [job for job in jobs if job["labels"]["gemtune-spec"] == spec]
