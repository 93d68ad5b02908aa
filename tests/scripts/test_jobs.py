"""`gemtune jobs` against a running emulator, in this process."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.errors import TuningJobError
from gemtune.storage import Storage
from gemtune.tuning.request import TuningRequest
from gemtune.tuning.tune import tune
from scripts import cli
from tests.conftest import Emulator
from tests.emulator.tuning import example

BASE = "gemini-3.1-flash-lite"


class Jobs:
    """A spec on the running emulator, jobs to look at, and the verb."""

    def __init__(self, emulator: Emulator, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.emulator, self.folder, self.capsys = emulator, folder, capsys
        self.spec = folder / "spec.yaml"
        self.spec.write_text("name: mine\ntrain_data: t.jsonl\nsubmission: {target: emulator}\n")
        self.storage = Storage(emulator.project)

    def tune(self, job_id: str = "run-1", count: int = 20, **changes: Any) -> dict[str, Any]:
        path = self.folder / "train.jsonl"
        path.write_text("".join(json.dumps(example(number)) + "\n" for number in range(count)))
        uri = self.storage.upload_by_content(path, f"gs://{self.emulator.bucket}/data", ".jsonl")
        request = TuningRequest(base_model=BASE, train_uri=uri, epoch_count=2, labels={"gemtune-spec": "mine"})
        return {"train_uri": uri} | tune(
            replace(request, **changes),
            project=self.emulator.project,
            location="us-central1",
            bucket=self.emulator.bucket,
            job_id=job_id,
            deadline_hours=0.001,
            force_retune=False,
            storage=self.storage,
            catalog=catalogs.load(),
            sleep=lambda seconds: None,
        )

    def __call__(self, action: str, *rest: str) -> tuple[int, str, str]:
        code = cli.main(["jobs", action, str(self.spec), *rest])
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err


def done_data(job: dict[str, Any]) -> str:
    """Return how the data of a job is shown."""
    return str(job["train_uri"]).rpartition("/")[2][:12]


@pytest.fixture
def jobs(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Jobs:
    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", emulator.url.rpartition(":")[2])
    emulator.progress("tuningJobs", immediate=True)
    return Jobs(emulator, tmp_path, capsys)


def test_jobs_are_listed_with_state_model_data_age_and_cost(jobs: Jobs) -> None:
    done = jobs.tune()
    jobs.emulator.progress("tuningJobs", reads=1_000)
    for run, count in (("run-2", 21), ("run-3", 22)):
        with pytest.raises(TuningJobError):
            jobs.tune(run, count)
    jobs.capsys.readouterr()
    code, out, _ = jobs("list")
    lines = out.splitlines()
    assert code == 0 and max(len(line) for line in lines) <= 80
    # What does not fit stands below.
    head, waiting, running, finished = ("  ".join(lines[at : at + 2]) for at in range(0, 8, 2))
    assert head.split() == ["JOB", "STATE", "MODEL", "DATA", "SPEC", "AGE", "COST"]
    assert "pending, waiting_for_quota" in waiting and "running" in running
    assert done["tuning_job"].rpartition("/")[2] in finished
    assert finished.split()[1:6] == ["succeeded", BASE, "20", "of", done_data(done)]
    assert finished.split()[6:] == ["mine", "0", "min", "$0.01"]
    assert waiting.endswith("  -"), "no cost is known yet"


def test_the_list_is_json_for_programs(jobs: Jobs) -> None:
    done = jobs.tune()
    jobs.capsys.readouterr()
    code, out, _ = jobs("list", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert row["tuning_job"] == done["tuning_job"] and row["state"] == "JOB_STATE_SUCCEEDED"
    assert (row["base_model"], row["spec"], row["run"], row["example_count"]) == (BASE, "mine", "run-1", 20)
    assert row["cost_usd"] == pytest.approx(catalogs.load().training_cost(BASE, done["billable_tokens"], 2))
    assert row["age_seconds"] >= 0 and row["train_uri"].startswith("gs://")


def test_no_jobs_are_no_error(jobs: Jobs) -> None:
    assert jobs("list") == (0, "", "no tuning jobs\n")
    assert jobs("list", "--json")[:2] == (0, "[]\n")


def test_one_job_is_shown_by_id_or_name_with_its_checkpoints(jobs: Jobs) -> None:
    done = jobs.tune()
    jobs.capsys.readouterr()
    shown = [jobs("show", name)[1] for name in (done["tuning_job"], done["tuning_job"].rpartition("/")[2])]
    for out in shown:
        assert done["endpoint"] in out and done["model"] in out
        assert "checkpoint 2             epoch 2, step 4" in out
        assert "cost                     $0.0" in out
    assert json.loads(jobs("show", done["tuning_job"], "--json")[1])["checkpoints"] == done["checkpoints"]


def test_a_failed_job_is_shown_with_its_cause_and_dropped_rows_with_their_numbers(jobs: Jobs) -> None:
    done = jobs.tune()
    document = jobs.emulator.state.get("tuningJobs", done["tuning_job"])
    assert document
    document["tuningDataStats"]["supervisedTuningDataStats"] |= {
        "totalTruncatedExampleCount": "2",
        "truncatedExampleIndices": ["3", "7"],
    }
    error = {"code": 13, "message": "Failed to create endpoint. Tuned model is uploaded."}
    jobs.emulator.state.put("tuningJobs", done["tuning_job"], {**document, "state": "JOB_STATE_FAILED", "error": error})
    jobs.capsys.readouterr()
    _, out, _ = jobs("show", done["tuning_job"])
    out = " ".join(out.split())
    assert "code 13: Failed to create endpoint" in out and "Model Registry" in out
    assert "2 of 20 training examples were truncated or dropped by the service: row 3, 7" in out


def test_a_job_is_cancelled_once(jobs: Jobs) -> None:
    jobs.emulator.progress("tuningJobs", reads=1_000)
    with pytest.raises(TuningJobError):
        jobs.tune()
    (name,) = [job["name"] for job in jobs.emulator.state.list("tuningJobs")]
    jobs.emulator.advance(2)  # what is cancelled at once has never started
    jobs.capsys.readouterr()
    code, out, err = jobs("cancel", name.rpartition("/")[2])
    assert (code, out) == (0, f"{name}\n") and "JOB_STATE_CANCELLING" in err
    jobs.emulator.progress("tuningJobs", immediate=True)
    code, out, err = jobs("cancel", name)
    assert (code, out) == (1, "") and "is JOB_STATE_CANCELLED, expected one that has not ended" in err


def test_a_job_that_is_not_there_is_said_so(jobs: Jobs) -> None:
    code, out, err = jobs("show", "123")
    assert (code, out) == (2, "") and "tuning job 123: not found in us-central1, europe-west4" in err
