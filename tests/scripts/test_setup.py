import io
import shlex
from typing import Any

import pytest

from gemtune.project.bucket import RULE
from tests.scripts.conftest import CommandLine, Ended

ACCOUNT = "gemtune-pipeline@gemtune-local.iam.gserviceaccount.com"
BUCKET_WRITES = ["storage.buckets.insert", "storage.buckets.patch", "storage.buckets.setIamPolicy"]
OTHER_WRITES = ["services.batchEnable", "serviceAccounts.create", "projects.setIamPolicy"]
WRITES = [*BUCKET_WRITES, *OTHER_WRITES, "repositories.create", "repositories.setIamPolicy"]


def set_up(gemtune: CommandLine, *arguments: str) -> Ended:
    return gemtune("setup", gemtune.spec(), *arguments)


def written(gemtune: CommandLine) -> list[str]:
    return [each["method"] for method in WRITES for each in gemtune.emulator.requests(method)]


def test_the_plan_is_shown_and_made_and_a_second_time_there_is_nothing_to_do(gemtune: CommandLine) -> None:
    first = set_up(gemtune, "--yes")
    assert (first.code, first.out) == (0, "6 made\n"), first.err
    assert "make   account gemtune-pipeline: what the steps run as, without a key" in first.err
    assert "there  bucket gs://gemtune-local: data and results, in us-central1" in first.err
    assert f"put service_account: {ACCOUNT}" in " ".join(first.err.split())
    made = written(gemtune)
    second = set_up(gemtune, "--yes")
    assert (second.code, second.out) == (0, "nothing to do\n")
    assert written(gemtune) == made
    assert all(len(line) <= 80 for line in (first.err + second.err).splitlines())


def test_an_empty_project_gets_everything(gemtune: CommandLine) -> None:
    state: Any = gemtune.emulator.state
    for service in ("aiplatform", "iam"):
        state.put("disabledServices", f"{service}.googleapis.com", {"name": service})
    state.delete("buckets", "gemtune-local")
    state.delete("iamPolicies", "buckets/gemtune-local")
    ended = set_up(gemtune, "--yes")
    assert ended.out == "8 made\n", ended.err
    assert not state.list("disabledServices")
    bucket = state.get("buckets", "gemtune-local")
    access = bucket["iamConfiguration"]
    assert (bucket["location"], access["publicAccessPrevention"]) == ("US-CENTRAL1", "enforced")
    assert access["uniformBucketLevelAccess"]["enabled"] and bucket["lifecycle"] == {"rule": [RULE]}
    assert set_up(gemtune, "--yes").out == "nothing to do\n"


@pytest.mark.parametrize(("answer", "code"), [("", 3), ("n\n", 3), ("y\n", 0)])
def test_nothing_is_made_without_a_yes(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    ended = set_up(gemtune)
    assert ended.code == code
    assert bool(written(gemtune)) == (code == 0)
    assert ("nothing was made" in ended.err) == (code == 3)


def test_the_account_that_the_spec_names_is_the_one_that_is_made(gemtune: CommandLine) -> None:
    named = "other-steps@gemtune-local.iam.gserviceaccount.com"
    path = gemtune.spec(submission={"service_account": named})
    assert gemtune("setup", path, "--yes").code == 0
    assert [each["email"] for each in gemtune.documents("serviceAccounts")] == [named]


def test_gcloud_commands_are_printed_and_the_service_is_asked_nothing(gemtune: CommandLine) -> None:
    ended = set_up(gemtune, "--print")
    assert ended.code == 0
    assert gemtune.emulator.requests() == []
    lines = [line for line in ended.out.splitlines() if not line.startswith("#")]
    assert len(lines) == 9
    for line in lines:
        words = shlex.split(line)
        assert "gcloud" in words and "gemtune-local" in line
    assert "gcloud services enable aiplatform.googleapis.com storage.googleapis.com" in ended.out
    assert "--uniform-bucket-level-access --public-access-prevention" in ended.out
    assert "# only after the first tuning job: gcloud projects add-iam-policy-binding" in ended.out


def test_gcloud_commands_need_no_credentials(gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    gemtune.emulator.fail("projects.get", times=99)
    path = gemtune.spec(project="p-1", bucket="b-1", kms_key_name="projects/k/locations/l/keyRings/r/cryptoKeys/c")
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP", "STORAGE_EMULATOR_HOST", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    ended = gemtune("setup", path, "--target", "vertex", "--print")
    assert ended.code == 0, ended.err
    assert "gcloud kms keys add-iam-policy-binding c --keyring=r --location=l --project=k" in ended.out
    assert "$(gcloud projects describe p-1 --format='value(projectNumber)')" in ended.out


def test_what_the_service_refuses_is_said_and_a_second_attempt_goes_on_from_there(gemtune: CommandLine) -> None:
    gemtune.emulator.fail("repositories.create", code=403, message="Permission denied on repositories")
    ended = set_up(gemtune, "--yes")
    assert ended.code == 1 and "Permission denied on repositories" in ended.err
    assert "made      account gemtune-pipeline" in ended.err
    assert set_up(gemtune, "--yes").out == "4 made\n"
