from typing import Any

import pytest

from gemtune.errors import GemtuneError
from gemtune.project.access import Policies
from gemtune.project.requirement import Requirement, carry_out, look
from gemtune.project.requirements import requirements
from gemtune.project.roles import grants
from gemtune.spec import TuningSpec
from gemtune.vertex import CallError

NUMBER = "123456789012"
OWN = "gemtune-pipeline@gemtune-local.iam.gserviceaccount.com"
TUNER = "tuner-account@gemtune-local.iam.gserviceaccount.com"
KEY = "projects/gemtune-local/locations/us-central1/keyRings/r/cryptoKeys/k"


def spec(**keys: Any) -> TuningSpec:
    known = {"name": "x", "project": "gemtune-local", "bucket": "gemtune-local", "train_data": "gs://data/train.jsonl"}
    return TuningSpec(**{**known, **keys})


def wanted(**keys: Any) -> dict[str, Requirement]:
    found = requirements(spec(**keys), account=OWN, number=NUMBER, tuning_location="us-central1")
    return {each.what: each for each in found}


def states(**keys: Any) -> dict[str, str]:
    return {what: look(each).state for what, each in wanted(**keys).items()}


def make(slept: list[float] | None = None, **keys: Any) -> None:
    for each in wanted(**keys).values():
        if look(each).state == "missing":
            carry_out(each, sleep=(slept if slept is not None else []).append)


def roles(**keys: Any) -> set[tuple[str, str]]:
    """Return who has which role."""
    return {(each.who, each.role.removeprefix("roles/")) for each in grants(spec(**keys), account=OWN, number=NUMBER)}


def test_what_is_missing_is_made_and_then_it_is_there(emulator: Any) -> None:
    before = states()
    assert before["APIs"] == before["bucket gs://gemtune-local"] == "there"
    assert before["account gemtune-pipeline"] == before["repository gemtune"] == "missing"
    make()
    after = states()
    assert {what for what, state in after.items() if state == "unclear"} == {
        "steps: storage.objectViewer on gs://data",
        "tuning: aiplatform.tuningServiceAgent on project",
        "tuning: storage.objectViewer on gs://gemtune-local",
    }
    assert "missing" not in after.values()


def test_the_roles_are_the_least(emulator: Any) -> None:
    steps = {"aiplatform.user", "storage.objectUser", "storage.objectViewer", "artifactregistry.reader"}
    tuning = {("tuning", "aiplatform.tuningServiceAgent"), ("tuning", "storage.objectViewer")}
    assert roles() == {("steps", role) for role in steps} | tuning
    assert roles(generation_mode="batch") - roles() == {("Vertex AI", "storage.objectUser")}
    assert roles(kms_key_name=KEY) - roles() == {("Vertex AI", "cloudkms.cryptoKeyEncrypterDecrypter")}
    own = {("steps", "iam.serviceAccountUser"), ("tuning agent", "iam.serviceAccountTokenCreator")}
    assert roles(tuning_service_account=TUNER) - roles() == own
    assert roles(train_data="gs://gemtune-local/a") == roles() - {("steps", "storage.objectViewer")}


def test_every_role_says_why_and_where_that_is_written() -> None:
    for each in grants(spec(tuning_service_account=TUNER, kms_key_name=KEY), account=OWN, number=NUMBER):
        assert each.why and each.source.startswith("https://")


def test_a_tuning_agent_that_lost_its_role_gets_it_again(emulator: Any) -> None:
    name = f"projects/{NUMBER}/locations/us-central1/tuningJobs/1"
    emulator.state.put("tuningJobs", name, {"name": name, "state": "JOB_STATE_SUCCEEDED"})
    role = "tuning: aiplatform.tuningServiceAgent on project"
    assert states()[role] == "there"
    emulator.state.put("iamPolicies", f"projects/{NUMBER}", {"bindings": []})
    assert states()[role] == "missing"
    make()
    assert states()[role] == "there"


def test_an_account_that_is_not_known_everywhere_yet_is_waited_for(emulator: Any) -> None:
    slept: list[float] = []
    message = f"Service account {OWN} does not exist."
    emulator.fail("projects.setIamPolicy", times=2, code=400, message=message)
    make(slept)
    assert emulator.faults_hit() == 2 and slept == [2, 4]
    assert "missing" not in states().values()


def test_a_refusal_that_will_not_pass_is_not_repeated(emulator: Any) -> None:
    slept: list[float] = []
    emulator.fail("serviceAccounts.create", times=9, code=403, message="Permission denied")
    with pytest.raises(CallError, match="Permission denied"):
        make(slept)
    assert emulator.faults_hit() == 1 and not slept


def test_nothing_is_there_where_its_api_is_off(emulator: Any) -> None:
    message = "Identity and Access Management (IAM) API has not been used in project 1 before or it is disabled."
    emulator.fail("serviceAccounts.get", code=403, message=message)
    assert look(wanted()["account gemtune-pipeline"]).state == "missing"


def test_a_bucket_in_another_region_or_of_somebody_else_is_not_taken(emulator: Any) -> None:
    bucket = wanted(location="europe-west4")["bucket gs://gemtune-local"]
    with pytest.raises(GemtuneError, match="is in US-CENTRAL1, expected europe-west4"):
        look(bucket)
    emulator.fail("storage.buckets.get", code=403, message="you do not have storage.buckets.get access")
    with pytest.raises(GemtuneError, match="somebody else's, or closed to you"):
        look(bucket)


def test_a_repository_of_another_format_is_not_taken(emulator: Any) -> None:
    name = f"projects/{NUMBER}/locations/us-central1/repositories/gemtune"
    emulator.state.put("repositories", name, {"name": name, "format": "DOCKER"})
    with pytest.raises(GemtuneError, match="format DOCKER, expected KFP"):
        look(wanted()["repository gemtune"])


def test_an_account_of_another_project_is_not_made(emulator: Any) -> None:
    found = requirements(
        spec(), account="a@other.iam.gserviceaccount.com", number=NUMBER, tuning_location="us-central1"
    )
    assert not [each.what for each in found if each.what.startswith("account")]


def test_gcloud_commands_name_every_resource_in_full() -> None:
    commands = [
        each.gcloud() for each in grants(spec(kms_key_name=KEY, tuning_service_account=TUNER), account=OWN, number="1")
    ]
    assert (
        f'gcloud projects add-iam-policy-binding gemtune-local --member="serviceAccount:{OWN}" --role=roles/'
        in (commands[0])
    )
    for part in (
        "gcloud storage buckets add-iam-policy-binding gs://gemtune-local ",
        "gcloud artifacts repositories add-iam-policy-binding gemtune --location=us-central1 --project=gemtune-local ",
        f"gcloud iam service-accounts add-iam-policy-binding {TUNER} ",
        "gcloud kms keys add-iam-policy-binding k --keyring=r --location=us-central1 --project=gemtune-local ",
    ):
        assert any(command.startswith(part) for command in commands), part


def test_permissions_of_the_caller_are_asked_for(emulator: Any) -> None:
    policies = Policies("gemtune-local", NUMBER)
    emulator.fail("projects.testIamPermissions", code=0, body="{}")
    for granted in ([], ["aiplatform.tuningJobs.list"]):
        assert policies.permitted("projects/gemtune-local", ["aiplatform.tuningJobs.list"]) == granted
