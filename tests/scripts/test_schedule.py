from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import CommandLine

SAMPLES = Path(__file__).parents[2] / "samples/howto"
FULL = {
    "service_account": "steps@my-project.iam.gserviceaccount.com",
    "network": "projects/1/global/networks/inner",
    "kms_key": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
    "labels": {"team": "a"},
    "start": "2027-01-01",
    "end": "2027-06-01T00:00:00Z",
    "max_run_count": 20,
}


def schedule(gemtune: CommandLine) -> dict[str, Any]:
    (found,) = gemtune.documents("schedules")
    return found


def test_a_schedule_has_all_that_the_spec_says(gemtune: CommandLine) -> None:
    ended = gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    found = schedule(gemtune)
    assert (ended.code, ended.out) == (0, f"{found['name']}\n"), ended.err
    assert found["cron"] == "TZ=Europe/Berlin 0 3 * * 1"
    assert (found["startTime"], found["endTime"]) == ("2026-12-31T23:00:00Z", "2027-06-01T00:00:00Z")
    assert (found["maxRunCount"], found["maxConcurrentRunCount"], found["maxConcurrentActiveRunCount"]) == (
        "20",
        "1",
        "1",
    )
    job = found["createPipelineJobRequest"]["pipelineJob"]
    assert (job["displayName"], job["serviceAccount"]) == ("summaries", FULL["service_account"])
    assert (job["network"], job["encryptionSpec"]["kmsKeyName"]) == (FULL["network"], FULL["kms_key"])
    assert job["labels"]["team"] == "a" and job["labels"]["gemtune-spec"] == "summaries"
    assert job["runtimeConfig"]["parameterValues"]["train_data"] == "gs://gemtune-local/train.jsonl"
    assert job["runtimeConfig"]["failurePolicy"] in (2, "PIPELINE_FAILURE_POLICY_FAIL_FAST")


def test_applying_twice_sends_nothing(gemtune: CommandLine) -> None:
    path = gemtune.spec(submission=FULL)
    first = gemtune("schedule", "apply", path)
    before = schedule(gemtune)
    second = gemtune("schedule", "apply", path)
    assert second.out == first.out and "nothing to change" in second.err
    assert schedule(gemtune) == before
    assert gemtune.emulator.requests("schedules.patch") == []


def test_a_changed_spec_shows_the_difference_and_sends_the_whole_request(gemtune: CommandLine) -> None:
    first = gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    changed = {**FULL, "labels": {"team": "b"}, "cron": "30 4 * * *"}
    ended = gemtune("schedule", "apply", gemtune.spec(submission=changed, epoch_count=2))
    assert ended.code == 0 and ended.out == first.out
    differences = [line.strip() for line in ended.err.splitlines() if " -> " in line]
    assert sorted(differences) == [
        "cron: 'TZ=Europe/Berlin 0 3 * * 1' -> 'TZ=Europe/Berlin 30 4 * * *'",
        "labels.team: 'a' -> 'b'",
        "parameters.epoch_count: 0 -> 2",
    ]
    (request,) = gemtune.emulator.requests("schedules.patch")
    job = request["body"]["createPipelineJobRequest"]["pipelineJob"]
    assert job["serviceAccount"] == FULL["service_account"] and job["network"] == FULL["network"]
    assert job["encryptionSpec"]["kmsKeyName"] == FULL["kms_key"] and job["labels"]["team"] == "b"
    assert schedule(gemtune)["cron"] == "TZ=Europe/Berlin 30 4 * * *"


def test_what_cannot_be_taken_away_from_a_schedule_is_said(gemtune: CommandLine) -> None:
    gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    ended = gemtune("schedule", "apply", gemtune.spec(submission={**FULL, "max_run_count": 0}))
    assert ended.code == 2
    assert "submission.max_run_count" in ended.err and "gemtune schedule delete" in ended.err
    assert schedule(gemtune)["maxRunCount"] == "20"


def test_without_a_cron_there_is_no_schedule(gemtune: CommandLine) -> None:
    ended = gemtune("schedule", "apply", gemtune.spec(submission={"cron": ""}))
    assert ended.code == 2 and "submission.cron: found nothing" in ended.err
    assert gemtune.documents("schedules") == []


def test_what_a_schedule_cannot_do_is_said(gemtune: CommandLine) -> None:
    (gemtune.folder / "train.jsonl").write_bytes((SAMPLES / "train.jsonl").read_bytes())
    ended = gemtune("schedule", "apply", gemtune.spec(train_data="train.jsonl"))
    said = " ".join(ended.err.split())
    assert ended.code == 0
    assert "train.jsonl is uploaded now: scheduled runs do not see later changes" in said


@pytest.mark.parametrize("catch_up", [True, False])
def test_pause_and_resume_are_sent_once_and_catching_up_as_the_spec_says(gemtune: CommandLine, catch_up: bool) -> None:
    path = gemtune.spec(submission={"catch_up": catch_up})
    name = gemtune("schedule", "apply", path).out
    for verb, state in [("pause", "PAUSED"), ("pause", "PAUSED"), ("resume", "ACTIVE"), ("resume", "ACTIVE")]:
        ended = gemtune("schedule", verb, path)
        assert (ended.code, ended.out, schedule(gemtune)["state"]) == (0, name, state)
    assert len(gemtune.emulator.requests("schedules.pause")) == 1
    (request,) = gemtune.emulator.requests("schedules.resume")
    assert request["body"] == {"catchUp": catch_up}


def test_a_schedule_is_listed_and_shown(gemtune: CommandLine) -> None:
    path = gemtune.spec()
    gemtune("schedule", "apply", path)
    listed = gemtune("schedule", "list", path).out.splitlines()
    assert listed[0].split() == ["SPEC", "STATE", "CRON", "NEXT", "RUN", "RUNS"]
    assert listed[1].startswith("summaries  active  TZ=Europe/Berlin 0 3 * * 1  20")
    shown = gemtune("schedule", "show", path).out.splitlines()
    assert "parameters.train_data: gs://gemtune-local/train.jsonl" in shown
    assert not [line for line in shown if line.startswith("parameters.seed")], "which is as if not given"
    assert '"cron": "TZ=Europe/Berlin 0 3 * * 1"' in gemtune("schedule", "show", path, "--json").out


def test_that_there_is_no_schedule_is_said(gemtune: CommandLine) -> None:
    ended = gemtune("schedule", "list", gemtune.spec())
    assert (ended.code, ended.out) == (0, "") and "there is none" in ended.err


def test_without_a_schedule_there_is_nothing_to_pause_and_nothing_to_delete(gemtune: CommandLine) -> None:
    paused = gemtune("schedule", "pause", gemtune.spec())
    assert paused.code == 2 and "no schedule found" in paused.err
    deleted = gemtune("schedule", "delete", gemtune.spec())
    assert (deleted.code, deleted.out) == (0, "") and "nothing to delete" in deleted.err
