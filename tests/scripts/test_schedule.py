from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs

import pytest

from emulator import schedule_requests, schedules
from scripts.pipeline_schedule import WantedSchedule
from scripts.schedule import main
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


def test_account_network_key_and_labels_stand_in_every_request_whatever_changes(gemtune: CommandLine) -> None:
    gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    for change in ({"cron": "30 4 * * *"}, {"cron": "30 4 * * *", "max_run_count": 30}):
        assert gemtune("schedule", "apply", gemtune.spec(submission={**FULL, **change})).code == 0
    (created,), patched = (gemtune.emulator.requests(f"schedules.{method}") for method in ("create", "patch"))
    masks = [parse_qs(request["query"])["updateMask"] for request in patched]
    assert masks == [["createPipelineJobRequest,cron"], ["createPipelineJobRequest,maxRunCount"]]
    for request in (created, *patched):
        sent = request["body"]["createPipelineJobRequest"]
        job = sent["pipelineJob"]
        assert sent["parent"] == "projects/gemtune-local/locations/us-central1" and "pipelineJobId" not in sent
        assert (job["serviceAccount"], job["network"]) == (FULL["service_account"], FULL["network"])
        assert (job["encryptionSpec"]["kmsKeyName"], job["labels"]["team"]) == (FULL["kms_key"], "a")
        assert job["pipelineSpec"]["root"] and job["runtimeConfig"]["parameterValues"]["name"] == "summaries"
    first, last = created["body"], patched[-1]["body"]
    assert last["createPipelineJobRequest"] == first["createPipelineJobRequest"], (
        "what did not change is sent as it was"
    )


def test_an_account_and_a_label_can_be_taken_away(gemtune: CommandLine) -> None:
    gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    ended = gemtune("schedule", "apply", gemtune.spec(submission={**FULL, "service_account": "", "labels": {}}))
    assert ended.code == 0, ended.err
    assert "service_account: 'steps@my-project.iam.gserviceaccount.com' -> nothing" in ended.err
    job = schedule(gemtune)["createPipelineJobRequest"]["pipelineJob"]
    assert "team" not in job["labels"] and not job.get("serviceAccount")


def test_a_service_that_merges_an_update_instead_of_replacing_is_found_out(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gemtune("schedule", "apply", gemtune.spec(submission=FULL))
    replaced = schedule_requests.changed

    def merged(document: dict[str, Any], sent: dict[str, Any], mask: str) -> dict[str, Any]:
        result = replaced(document, sent, mask)
        old, new = (each["createPipelineJobRequest"]["pipelineJob"] for each in (document, result))
        new["labels"] = old["labels"] | new["labels"]
        return result

    monkeypatch.setattr(schedules, "changed", merged)
    ended = gemtune("schedule", "apply", gemtune.spec(submission={**FULL, "labels": {}}))
    assert (ended.code, ended.out) == (1, "")
    assert "the service took the update and kept labels.team 'a': `gemtune schedule delete`" in ended.err


def test_a_difference_is_shown_in_full(gemtune: CommandLine) -> None:
    folder = "gs://gemtune-local/" + "very-long-folder/" * 4
    gemtune("schedule", "apply", gemtune.spec(system_instruction=f"{folder} one"))
    ended = gemtune("schedule", "apply", gemtune.spec(system_instruction=f"{folder} two"))
    said = " ".join(ended.err.split())
    assert f"parameters.system_instruction: '{folder} one' -> '{folder} two'" in said


def test_queueing_that_somebody_turned_on_is_turned_off_again(gemtune: CommandLine) -> None:
    path = gemtune.spec()
    gemtune("schedule", "apply", path)
    found = schedule(gemtune)
    gemtune.emulator.state.put("schedules", found["name"], found | {"allowQueueing": True})
    ended = gemtune("schedule", "apply", path)
    assert (ended.code, "queueing: 'yes' -> 'no'" in ended.err) == (0, True), ended.err
    assert "allowQueueing" not in schedule(gemtune)


def test_two_who_apply_at_the_same_time_end_with_one_schedule(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gemtune.spec(submission=FULL)
    both_found_none, create = Barrier(2), WantedSchedule.create

    def create_together(wanted: WantedSchedule) -> str:
        both_found_none.wait(60)
        return create(wanted)

    monkeypatch.setattr(WantedSchedule, "create", create_together)
    capsys.readouterr()
    with ThreadPoolExecutor(2) as people:
        codes = list(people.map(main, [["apply", path]] * 2))
    shown = capsys.readouterr()
    assert codes == [0, 0], shown.err
    assert len(gemtune.emulator.requests("schedules.create")) == 2
    left = schedule(gemtune)
    assert left["name"] in shown.out.splitlines()
    assert gemtune("schedule", "apply", path).out == f"{left['name']}\n"


def test_who_comes_second_takes_over_the_first_ones_schedule(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: list[str] = []
    create = WantedSchedule.create

    def come_second(wanted: WantedSchedule) -> str:
        monkeypatch.setattr(WantedSchedule, "create", create)
        theirs.append(gemtune("schedule", "apply", gemtune.spec()).out)
        return create(wanted)

    monkeypatch.setattr(WantedSchedule, "create", come_second)
    mine = gemtune("schedule", "apply", gemtune.spec(epoch_count=2))
    assert (mine.code, mine.out) == (0, theirs[0])
    assert "somebody else created it at the same time" in mine.err and "parameters.epoch_count: 0 -> 2" in mine.err
    assert f"{schedule(gemtune)['name']}\n" == theirs[0]


def test_a_creation_whose_answer_got_lost_is_found_again(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("schedules.create", code=503, performed=True)
    path = gemtune.spec()
    lost = gemtune("schedule", "apply", path)
    assert (lost.code, lost.out) == (1, "") and lost.err.splitlines()[-1].startswith("schedule: ")
    again = gemtune("schedule", "apply", path)
    assert again.out == f"{schedule(gemtune)['name']}\n" and "nothing to change" in again.err


def test_a_renamed_spec_is_told_of_the_schedule_that_has_its_old_name(gemtune: CommandLine) -> None:
    gemtune("schedule", "apply", gemtune.spec())
    renamed = " ".join(gemtune("schedule", "apply", gemtune.spec(name="renamed")).err.split())
    assert "the schedule of summaries says the same; if the spec was renamed" in renamed
    path = gemtune.spec(name="renamed")
    assert gemtune("schedule", "delete", path, "--set", "name=summaries").code == 0
    assert schedule(gemtune)["displayName"] == "renamed"


def test_a_bucket_that_is_gone_is_said_before_anything_is_sent(gemtune: CommandLine) -> None:
    gemtune.emulator.state.delete("buckets", "gemtune-local")
    for words in (("schedule", "apply"), ("submit",)):
        ended = gemtune(*words, gemtune.spec())
        assert (ended.code, ended.out) == (2, ""), ended.err
        assert "bucket: found no bucket gs://gemtune-local, expected one that is there: `gemtune setup" in ended.err
    assert gemtune.documents("schedules") == gemtune.documents("pipelineJobs") == []


def test_who_may_not_look_at_the_bucket_can_still_apply(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("storage.buckets.get", times=9, code=403)
    assert gemtune("schedule", "apply", gemtune.spec()).code == 0
    assert gemtune.emulator.faults_hit() >= 1


@pytest.mark.parametrize(
    ("submission", "said"),
    [
        ({"cron": "0 25 * * 1"}, "submission.cron: '0 25 * * 1', expected as its hour 0 to 23"),
        ({"cron": "0 3 * *"}, "submission.cron: '0 3 * *', expected five fields"),
        ({"time_zone": "Europe/Berln"}, "submission.time_zone: 'Europe/Berln', expected an IANA time zone such as"),
        ({"time_zone": "Europe/Berln"}, "did you mean `Europe/Berlin`?"),
        ({"time_zone": "localtime"}, "submission.time_zone: 'localtime', expected an IANA time zone"),
        ({"start": "tomorrow"}, "submission.start: 'tomorrow', expected an ISO 8601 time"),
        (
            {"start": "2027-06-01", "end": "2027-05-01"},
            "submission.end: '2027-05-01', expected a time after start, '2027-06-01'",
        ),
    ],
)
def test_a_time_that_is_none_is_named_with_its_line(
    gemtune: CommandLine, submission: dict[str, str], said: str
) -> None:
    ended = gemtune("schedule", "apply", gemtune.spec(submission=submission))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err and f"{gemtune.folder}/spec.yaml:1: " in ended.err


def test_an_end_that_has_passed_is_refused_in_the_services_words(gemtune: CommandLine) -> None:
    ended = gemtune("schedule", "apply", gemtune.spec(submission={"end": "2020-01-01"}))
    assert (ended.code, ended.err.splitlines()[-1]) == (
        1,
        "schedule: end_time must be after start_time and in the future.",
    )


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
    assert listed[0].split() == ["SPEC", "STATE", "RUNS", "NEXT", "RUN", "CRON"]
    assert listed[1].startswith("summaries  active  0     20")
    assert listed[1].endswith("Z  TZ=Europe/Berlin 0 3 * * 1")
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


def test_of_several_schedules_one_is_not_chosen_but_all_can_be_deleted(gemtune: CommandLine) -> None:
    path = gemtune.spec()
    gemtune("schedule", "apply", path)
    found = schedule(gemtune)
    gemtune.emulator.state.put("schedules", f"{found['name']}0", {**found, "name": f"{found['name']}0"})
    ended = gemtune("schedule", "apply", path)
    assert ended.code == 1 and "2 schedules, expected one" in ended.err and "`gemtune schedule delete`" in ended.err
    deleted = gemtune("schedule", "delete", path)
    assert (deleted.code, len(deleted.out.splitlines()), gemtune.documents("schedules")) == (0, 2, [])


def test_a_completed_schedule_is_not_said_to_be_well(gemtune: CommandLine) -> None:
    path = gemtune.spec(submission={"max_run_count": 1})
    gemtune("schedule", "apply", path)
    found = schedule(gemtune)
    gemtune.emulator.state.put("schedules", found["name"], {**found, "state": "COMPLETED"})
    said = " ".join(gemtune("schedule", "apply", path).err.split())
    assert "nothing to change; it is completed: for more runs, `gemtune schedule delete`, then apply again" in said
