import re
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import pipeline_job
from scripts.spec_arguments import TEMPLATE
from scripts.submit import interrupted
from scripts.target import Target, pipeline_client
from tests.scripts.conftest import CommandLine


def job(gemtune: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = gemtune.documents("pipelineJobs")[0]
    return found


def test_a_job_has_all_that_the_submission_says(gemtune: CommandLine) -> None:
    submission = {
        "service_account": "steps@my-project.iam.gserviceaccount.com",
        "network": "projects/1/global/networks/inner",
        "kms_key": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
        "labels": {"team": "a"},
        "failure_policy": "slow",
    }
    ended = gemtune("submit", gemtune.spec(submission=submission))
    found = job(gemtune)
    assert (ended.code, ended.out) == (0, f"{found['name']}\n"), ended.err
    assert (found["serviceAccount"], found["network"]) == (submission["service_account"], submission["network"])
    assert found["encryptionSpec"]["kmsKeyName"] == submission["kms_key"]
    assert found["labels"]["team"] == "a" and found["labels"]["gemtune-spec"] == "summaries"
    assert found["runtimeConfig"]["failurePolicy"] == "PIPELINE_FAILURE_POLICY_FAIL_SLOW"


def test_on_vertex_ai_stdout_has_the_name_alone_and_stderr_the_link_to_the_console(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Target("emulator", gemtune.emulator.url, gemtune.emulator.project, gemtune.emulator.bucket)
    monkeypatch.setattr(pipeline_job, "pipeline_client", lambda _, **where: pipeline_client(place, **where))
    ended = gemtune("submit", gemtune.spec(project="gemtune-local", bucket="gemtune-local"), "--target", "vertex")
    name = job(gemtune)["name"]
    assert (ended.code, ended.out) == (0, f"{name}\n"), ended.err
    run = name.rpartition("/")[2]
    page = f"https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/{run}?project="
    assert f"job       {page}" in ended.err


def test_caching_is_left_to_each_task(gemtune: CommandLine) -> None:
    gemtune("submit", gemtune.spec())
    tasks = job(gemtune)["pipelineSpec"]["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert "prepare-dataset" in cached and not {"stage-sources", "tune-model", "generate-predictions"} & cached


def test_submitting_the_same_spec_again_says_so_and_which_run_it_was(gemtune: CommandLine) -> None:
    first = gemtune("submit", gemtune.spec())
    assert "again" not in first.err
    changed = gemtune("submit", gemtune.spec(epoch_count=2))
    assert "again" not in changed.err
    again = " ".join(gemtune("submit", gemtune.spec()).err.split())
    run = first.out.strip().rpartition("/")[2]
    assert re.search(rf"the same spec (ran as {run} \((succeeded|failed)|runs as {run} \((pending|running))\)", again)
    assert "what has not changed is not paid for again" in again
    forced = gemtune("submit", gemtune.spec(force_retune=True))
    assert "again" not in forced.err
    assert "force_retune pays for tuning again" in " ".join(
        gemtune("submit", gemtune.spec(force_retune=True)).err.split()
    )


def test_a_pipeline_file_that_is_missing_is_named(gemtune: CommandLine) -> None:
    ended = gemtune("submit", gemtune.spec(), "--pipeline", "none.yaml")
    assert ended.code == 1 and "none.yaml" in ended.err and "Traceback" not in ended.err


def test_a_pipeline_that_a_spec_does_not_fill_in_is_refused_with_the_way_to_start_it(gemtune: CommandLine) -> None:
    email = str(TEMPLATE.with_name("tuning-email.yaml"))
    for words in (("submit",), ("schedule", "apply")):
        ended = gemtune(*words, gemtune.spec(), "--pipeline", email)
        assert (ended.code, ended.out) == (2, "")
        assert "tuning-email.yaml needs recipients and takes no experiment, webhook_secret" in ended.err
        assert ended.err.rstrip().endswith("start this one in the console")
    assert gemtune.documents("pipelineJobs") == gemtune.documents("schedules") == []


def test_what_the_service_refuses_is_said_in_its_words(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("pipelineJobs.create", code=403, message="Permission denied on service account")
    ended = gemtune("submit", gemtune.spec())
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1] == "submit: Permission denied on service account"


def test_a_service_that_is_busy_is_said_with_what_next(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("pipelineJobs.create", code=503)
    ended = gemtune("submit", gemtune.spec())
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "submit: The service is currently unavailable.: try again"


def test_a_service_that_hangs_up_is_said_not_to_answer(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("pipelineJobs.create", code=0, reset=True)
    ended = gemtune("submit", gemtune.spec())
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("submit: the service does not answer: ")


def test_a_missing_data_file_is_named_with_spec_and_key(gemtune: CommandLine) -> None:
    path = gemtune.spec(train_data="none.jsonl")
    ended = gemtune("submit", path)
    assert ended.code == 2
    missing = f"{path}: train_data: {gemtune.folder / 'none.jsonl'}: there is no such file, expected a local file"
    assert ended.err.splitlines()[-1].startswith(missing)


def test_after_ctrl_c_it_is_said_what_goes_on_and_how_to_end_it() -> None:
    arguments = Namespace(spec="my spec.yaml", set=["epoch_count=3", "submission.location=us-east1"])
    assert interrupted(None, None, arguments) == "interrupted: nothing was submitted"
    somewhere = "--target vertex --set submission.location=us-east1"
    job = SimpleNamespace(name="run-1", resource_name="projects/p/locations/us-east1/pipelineJobs/run-1")
    assert interrupted(Target("vertex"), None, arguments).endswith(f"\n$ gemtune runs list 'my spec.yaml' {somewhere}")
    *_, said, command = interrupted(Target("vertex"), job, arguments).splitlines()
    assert said.startswith("interrupted: run-1 goes on running")
    assert command == f"$ gemtune runs cancel 'my spec.yaml' run-1 {somewhere}"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"base_model": "gemini-2.5-pro", "adapter_size": 16}, "adapter_size: 16, expected one of 1, 2, 4, 8"),
        ({"tuning_location": "asia-east1"}, "tuning_location: asia-east1, expected one of us-central1"),
        ({"thinking": "512"}, "gemini-3.1-flash-lite"),
        ({"baseline_model": "gemini-2.5-flash", "thinking": "high"}, "gemini-2.5-flash"),
    ],
)
@pytest.mark.parametrize("verb", ["submit", "run", "check"])
def test_what_the_model_does_not_support_is_refused_before_anything_is_submitted(
    gemtune: CommandLine, verb: str, keys: dict[str, Any], problem: str
) -> None:
    ended = gemtune(verb, gemtune.spec(**keys))
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert problem in ended.err
    assert gemtune.documents("pipelineJobs") == []


def test_settings_that_the_model_ignores_are_said_if_they_were_asked_for(gemtune: CommandLine) -> None:
    asked = " ".join(gemtune("submit", gemtune.spec(top_k=5)).err.split())
    assert "top_k: not sent, as gemini-3.1-flash-lite ignores or refuses it" in asked
    assert "not sent" not in gemtune("submit", gemtune.spec()).err
