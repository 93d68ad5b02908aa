"""A newcomer's afternoon through the command line alone, in a project where somebody else works, too."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.project import REGION, Project, place_stranger
from tests.terminal import ROOT, SAMPLES, Terminal

pytestmark = pytest.mark.acceptance
ACCOUNT = "gemtune-pipeline@gemtune-local.iam.gserviceaccount.com"
PROJECT = "projects/gemtune-local"
REPOSITORY = "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune"
WEEK = 7 * 24 * 3600
LATE = {"target": "emulator", "service_account": ACCOUNT, "cron": "0 3 * * 1", "catch_up": True}


class Newcomer:
    """Somebody at a terminal, who types what is printed."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.project = terminal, Project(terminal)

    def write(self, **keys: Any) -> None:
        """Write first.yaml, with names of files beside it."""
        data = {"train_data": "train.jsonl", "validation_data": "validation.jsonl", "test_data": "test.csv"}
        submission = {"target": "emulator", "service_account": ACCOUNT}
        self.terminal.spec("first", **{**data, "submission": submission, "max_test_examples": 40, **keys})

    def type(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line in a shell where `gemtune` is the command; what it prints fits the screen."""
        command = f'gemtune() {{ {sys.executable} -m scripts.cli "$@"; }}\n{line}'
        environment = {**self.terminal.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        ended = subprocess.run(
            ["sh", "-c", command], cwd=self.terminal.folder, env=environment, capture_output=True, text=True
        )
        assert [line for line in (ended.stdout + ended.stderr).splitlines() if is_too_long(line)] == []
        return ended

    def does(self, line: str) -> str:
        """Run a line that must work, and return its result without line breaks."""
        ended = self.type(line)
        assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
        return " ".join(ended.stdout.split())

    def runs(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many runs have succeeded, and return them, newest first."""
        runs = self.terminal.ended_runs("first.yaml", count)
        assert {run["state"] for run in runs} == {"PIPELINE_STATE_SUCCEEDED"}
        return runs

    def pass_a_week(self) -> None:
        self.terminal.post("/emulator/clock/advance", {"seconds": WEEK})


def is_too_long(line: str) -> bool:
    """Tell whether a line is too long for a terminal; commands, the decision and single words stay whole."""
    return len(line) > 80 and not line.lstrip().startswith(("$ ", "promote: ", "hold: ")) and " " in line.strip()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    for name in ("train.jsonl", "validation.jsonl", "test.csv"):
        (folder / name).write_bytes((SAMPLES / name).read_bytes())
    with Terminal(folder) as terminal:
        yield Newcomer(terminal)


def test_an_afternoon_from_setup_to_clean_leaves_what_is_promoted_and_what_is_not_ours(newcomer: Newcomer) -> None:
    project = newcomer.project
    theirs = {name: project.answer("GET", name) for name in place_stranger(project, schedule="first")}
    newcomer.write()
    set_up_and_mend_three_things(newcomer)
    look_and_run(newcomer)
    start_as_the_console_does(newcomer)
    run_on_a_schedule(newcomer)
    catch_up(newcomer)
    read_the_report(newcomer)
    clean(newcomer, set(theirs))
    assert {name: project.answer("GET", name) for name in theirs} == theirs, "a stranger's are the same to the byte"


def set_up_and_mend_three_things(newcomer: Newcomer) -> None:
    assert newcomer.does("gemtune setup first.yaml --yes") == "6 made"
    break_three_things(newcomer)
    broken = newcomer.type("gemtune doctor first.yaml")
    found = failures(broken)
    assert broken.returncode == 3
    for text in (
        "APIs: not enabled: aiplatform",
        "bucket gs://gemtune-local: does not exist",
        "steps: aiplatform.user on project: not held",
    ):
        assert text in found, broken.stdout
    for command in dict.fromkeys(found.values()):
        newcomer.does(command)
    assert newcomer.does("gemtune doctor first.yaml").endswith("ready")
    assert newcomer.does("gemtune setup first.yaml --yes") == "nothing to do"


def break_three_things(newcomer: Newcomer) -> None:
    """Delete the bucket, switch an API off, and take the steps' role in the project away."""
    call = newcomer.project.call
    newcomer.terminal.delete("/storage/v1/b/gemtune-local")
    call("POST", f"{PROJECT}/services/aiplatform.googleapis.com:disable", {})
    policy = call("POST", f"{PROJECT}:getIamPolicy", {})
    policy["bindings"] = [each for each in policy["bindings"] if each["role"] != "roles/aiplatform.user"]
    call("POST", f"{PROJECT}:setIamPolicy", {"policy": policy})


def failures(ended: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Return what failed → the command below it."""
    pairs = pairwise(ended.stdout.splitlines())
    return {
        line.removeprefix("fail").strip(): below.partition("$ ")[2] for line, below in pairs if line.startswith("fail")
    }


def look_and_run(newcomer: Newcomer) -> None:
    assert newcomer.does("gemtune check first.yaml").endswith("passed")
    before = newcomer.terminal.paid()
    assert newcomer.does("gemtune plan first.yaml").endswith("ready: nothing above would stop the run")
    assert newcomer.terminal.paid() == before, "a plan pays for nothing"
    assert newcomer.does("gemtune run first.yaml").startswith("promote: improved")
    created, sent = (after - then for after, then in zip(newcomer.terminal.paid(), before, strict=True))
    assert (created, sent) == (1, 80)


def start_as_the_console_does(newcomer: Newcomer) -> None:
    """Publish, then choose the version in the console and fill in the form."""
    paid = newcomer.terminal.paid()
    template = newcomer.does(f"gemtune publish first.yaml --to {REPOSITORY} --tag v1")
    (run,) = newcomer.runs(1)
    form = {
        "displayName": "from the console",
        "templateUri": template,
        "serviceAccount": ACCOUNT,
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://gemtune-local/gemtune/pipeline-root",
            "parameterValues": run["runtimeConfig"]["parameterValues"],
        },
    }
    started = newcomer.project.call("POST", f"{REGION}/pipelineJobs", form)
    assert newcomer.runs(2)[0]["name"] == started["name"]
    assert newcomer.terminal.paid() == paid, "equal data and settings are not paid for again"
    assert newcomer.does("gemtune runs list first.yaml").count(" console") == 1
    shown = newcomer.does("gemtune runs show first.yaml")
    assert "Data conversion cached" in shown and "Tuned: generate succeeded" in shown


def run_on_a_schedule(newcomer: Newcomer) -> None:
    """Put the data where it can change, and let two weeks pass, the second without a change."""
    lines = (SAMPLES / "train.jsonl").read_bytes().splitlines(keepends=True)
    uri = newcomer.terminal.upload("data/train.jsonl", b"".join(lines))
    newcomer.write(train_data=uri, submission=LATE)
    newcomer.does("gemtune schedule apply first.yaml")
    newcomer.terminal.upload("data/train.jsonl", b"".join(lines[10:]))

    created, _ = newcomer.terminal.paid()
    newcomer.pass_a_week()
    changed = newcomer.runs(3)[0]
    paid = newcomer.terminal.paid()
    assert paid[0] == created + 1, "other data is tuned on"
    assert "Nothing has changed" not in notices(newcomer, changed)

    newcomer.pass_a_week()
    unchanged = newcomer.runs(4)[0]
    assert changed["scheduleName"] == unchanged["scheduleName"]
    assert newcomer.terminal.paid() == paid
    assert "Nothing has changed since that run: no tuning job was created" in notices(newcomer, unchanged)


def notices(newcomer: Newcomer, run: dict[str, Any]) -> str:
    """Return what a run that somebody else started notes, as its report has it."""
    name = run["name"].rpartition("/")[2]
    assert newcomer.does(f"gemtune report first.yaml {name} --no-open") == f"runs/{name}/report.html"
    comparison = json.loads((newcomer.terminal.folder / "runs" / name / "comparison.json").read_text(encoding="utf-8"))
    return "\n".join(comparison["notices"])


def catch_up(newcomer: Newcomer) -> None:
    paid = newcomer.terminal.paid()
    newcomer.does("gemtune schedule pause first.yaml")
    assert "first paused" in newcomer.does("gemtune schedule show first.yaml")
    newcomer.pass_a_week()
    assert len(newcomer.runs(4)) == 4
    newcomer.does("gemtune schedule resume first.yaml")
    newcomer.runs(5)
    assert newcomer.terminal.paid() == paid
    assert "first active" in newcomer.does("gemtune schedule list first.yaml")


def read_the_report(newcomer: Newcomer) -> None:
    name = newcomer.runs(5)[0]["name"].rpartition("/")[2]
    page = newcomer.terminal.folder / newcomer.does(f"gemtune report first.yaml {name} --no-open")
    assert "Nothing has changed since that run" in page.read_text(encoding="utf-8")


def clean(newcomer: Newcomer, theirs: set[str]) -> None:
    project = newcomer.project
    first, last = sorted(tuning_jobs(project), key=lambda job: str(job["createTime"]))
    newcomer.does("gemtune clean first.yaml --yes")
    assert newcomer.does("gemtune clean first.yaml").startswith("nothing to clean")

    kept = last["tunedModel"]
    endpoints = {point["endpoint"] for point in kept["checkpoints"]}
    assert project.names() - theirs == {
        kept["model"].partition("@")[0],
        *endpoints,
        last["experiment"],
        f"{last['experiment']}-tuning-run",
    }, "of ours there is what is promoted, whole"
    assert first["tunedModel"]["model"].partition("@")[0] not in project.names(), "what was promoted before is gone"
    pointer = project.http.get(f"{project.url}/storage/v1/b/gemtune-local/o/gemtune%2Fpromoted%2Ffirst.json?alt=media")
    assert pointer.json()["endpoint"] in endpoints

    # Datasets, reports, what the pipeline wrote, and the locks by which a tuning job is found again.
    folders = {name.split("/")[1] for name in project.objects()}
    assert folders == {"sources", "datasets", "runs", "promoted", "pipeline-root", "locks"}
    assert len(newcomer.runs(5)) == 5, "the service's history of runs stays"


def tuning_jobs(project: Project) -> list[dict[str, Any]]:
    """Return our tuning jobs; the service cannot delete them."""
    jobs = project.call("GET", f"{REGION}/tuningJobs")["tuningJobs"]
    return [job for job in jobs if job.get("labels", {}).get("gemtune-spec") == "first"]
