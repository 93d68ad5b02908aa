import json
import re
import sys
from typing import Any

import pytest

from emulator.storage import write_object
from scripts import doctor
from tests.scripts.conftest import CommandLine, Ended

ACCOUNT = "gemtune-pipeline@gemtune-local.iam.gserviceaccount.com"
PROJECT = "projects/123456789012"
KEY = "projects/gemtune-local/locations/us-central1/keyRings/r/cryptoKeys/k"
RETIRED = {"gemini-3.1-flash-lite": {"retires": "2026-01-01"}}


@pytest.fixture
def look(gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set up, and return the doctor; what takes seconds, compiling, is left to one test of its own."""
    monkeypatch.setattr(doctor, "COMPILE_CHECK", [sys.executable, "-c", ""])
    gemtune("setup", spec(gemtune), "--yes")

    def run(**keys: Any) -> dict[str, dict[str, str]]:
        ended = gemtune("doctor", spec(gemtune, **keys), "--json")
        found = json.loads(ended.out)
        assert ended.code == (3 if any(each["state"] == "fail" for each in found) else 0), ended.err
        return {each["name"]: each for each in found}

    return run


def spec(gemtune: CommandLine, **keys: Any) -> str:
    submission = {"service_account": ACCOUNT, **keys.pop("submission", {})}
    return gemtune.spec(**keys, submission=submission)


def failed(found: dict[str, dict[str, str]]) -> list[str]:
    return [name for name, each in found.items() if each["state"] == "fail"]


def test_a_project_that_was_set_up_is_ready(gemtune: CommandLine, look: Any) -> None:
    ended: Ended = gemtune("doctor", spec(gemtune))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "ready")
    assert [line for line in ended.out.splitlines() if len(line) > 80] == []
    assert "$" not in ended.out
    for name in (
        "credentials",
        "project",
        "billing",
        "APIs",
        "bucket gs://gemtune-local",
        "model",
        "train_data",
        "compiled",
    ):
        assert f"ok    {name}: " in ended.out, name


def test_the_tuning_agent_that_is_not_there_yet_is_no_failure(look: Any) -> None:
    name = "tuning: aiplatform.tuningServiceAgent on project"
    assert look()[name]["state"] == "note"
    assert look()[name]["text"] == "from the first job on"


@pytest.mark.parametrize(
    ("collection", "name", "document", "check"),
    [
        ("disabledServices", "aiplatform.googleapis.com", {"name": "x"}, "APIs"),
        ("buckets", "gemtune-local", None, "bucket gs://gemtune-local"),
        ("serviceAccounts", ACCOUNT, None, "account gemtune-pipeline"),
        ("iamPolicies", PROJECT, {"bindings": []}, "steps: aiplatform.user on project"),
        ("iamPolicies", "buckets/gemtune-local", None, "steps: storage.objectUser on gs://gemtune-local"),
    ],
)
def test_what_is_broken_is_mended_by_the_command_that_is_printed(
    gemtune: CommandLine, look: Any, collection: str, name: str, document: dict[str, Any] | None, check: str
) -> None:
    state = gemtune.emulator.state
    state.delete(collection, name) if document is None else state.put(collection, name, document)
    found = look(train_data="train.jsonl")
    assert check in failed(found)
    command = found[check]["command"].split()
    assert command[:2] == ["gemtune", "setup"]
    assert gemtune(*command[1:]).code == 0
    assert check not in failed(look(train_data="train.jsonl"))


def test_public_access_that_is_possible_fails(gemtune: CommandLine, look: Any) -> None:
    state = gemtune.emulator.state
    bucket = state.get("buckets", "gemtune-local")
    bucket["iamConfiguration"]["publicAccessPrevention"] = "inherited"
    state.put("buckets", "gemtune-local", bucket)
    assert failed(look()) == ["access to gs://gemtune-local"]


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("projects.testIamPermissions", "you on project"),
        ("storage.buckets.testIamPermissions", "you on gs://gemtune-local"),
        ("serviceAccounts.testIamPermissions", "you on account gemtune-pipeline"),
    ],
)
def test_a_right_that_you_lack_is_named_with_the_role_that_has_it(
    gemtune: CommandLine, look: Any, method: str, name: str
) -> None:
    gemtune.emulator.fail(method, code=0, body="{}")
    found = look()
    assert failed(found) == [name]
    assert re.fullmatch(r"gcloud .*gcloud config get account.* --role=roles/\S+", found[name]["command"])


def test_a_model_that_retired_is_replaced_by_one_that_lives(look: Any) -> None:
    found = look(catalog_overrides=RETIRED)
    assert failed(found) == ["model"]
    assert "retired on 2026-01-01" in found["model"]["text"]
    assert "gemini-3.5-flash" in found["model"]["command"]


def test_a_model_is_tuned_where_the_catalogue_says(look: Any) -> None:
    found = look(tuning_location="asia-east1")
    assert failed(found) == ["model"]
    assert "is not tuned in asia-east1, expected us-central1, europe-west4" in found["model"]["text"]
    assert "tuning_location=us-central1" in found["model"]["command"]


def test_a_model_that_the_catalogue_does_not_know_is_left_to_the_service(look: Any) -> None:
    assert look(base_model="gemini-9-ultra")["model"]["state"] == "note"


def test_a_key_must_exist_near_enough_and_be_of_use_to_the_model(gemtune: CommandLine, look: Any) -> None:
    refused = gemtune("doctor", spec(gemtune, kms_key_name=KEY))
    assert "fail  CMEK: gemini-3.1-flash-lite cannot be tuned with a key of your own" in refused.out
    found = look(submission={"kms_key": KEY})
    assert "CMEK" in failed(found) and "not found" in found["CMEK"]["text"]
    primary = {"state": "ENABLED"}
    gemtune.emulator.state.put("cryptoKeys", KEY, {"name": KEY, "purpose": "ENCRYPT_DECRYPT", "primary": primary})
    held = "Vertex AI: cloudkms.cryptoKeyEncrypterDecrypter on key k"
    assert failed(look(submission={"kms_key": KEY})) == [held]
    gemtune("setup", spec(gemtune, submission={"kms_key": KEY}), "--yes")
    assert failed(look(submission={"kms_key": KEY})) == []
    far = KEY.replace("us-central1", "europe-west4")
    assert "is in europe-west4, expected us-central1" in look(submission={"kms_key": far})["CMEK"]["text"]


def test_a_project_that_nobody_pays_for_is_linked_to_an_account(gemtune: CommandLine, look: Any) -> None:
    assert look()["billing"] == {"name": "billing", "state": "ok", "text": "enabled", "command": ""}
    link = "gcloud billing projects link gemtune-local --billing-account=ACCOUNT"
    for kept, said in (
        ({"billingAccountName": "", "billingEnabled": False}, "no billing account is linked"),
        ({"billingAccountName": "billingAccounts/0A-1", "billingEnabled": False}, "billing account 0A-1 is closed"),
    ):
        gemtune.emulator.state.put("billingInfo", "gemtune-local", kept)
        found = look()
        assert failed(found) == ["billing"] and said in found["billing"]["text"]
        assert found["billing"]["command"].startswith(link)


def test_billing_that_cannot_be_seen_is_no_failure(gemtune: CommandLine, look: Any) -> None:
    off = "Cloud Billing API has not been used in project 1 before or it is disabled."
    gemtune.emulator.fail("cloudbilling.projects.getBillingInfo", code=403, message=off)
    found = look()
    assert failed(found) == [] and found["billing"]["state"] == "note"
    assert off in found["billing"]["text"]
    assert found["billing"]["command"] == "gcloud billing projects describe gemtune-local"


SECRET = "projects/123456789012/secrets/slack"
MAY_READ = "steps: secretmanager.secretAccessor on secret slack"


def test_the_secret_of_the_webhook_must_exist_hold_something_and_be_read_by_the_steps(
    gemtune: CommandLine, look: Any
) -> None:
    state = gemtune.emulator.state
    found = look(webhook_secret="slack")
    assert failed(found) == ["webhook_secret"] and found[MAY_READ]["state"] == "note"
    assert found["webhook_secret"]["text"] == "slack does not exist in gemtune-local"

    state.put("secrets", SECRET, {"name": SECRET})
    found = look(webhook_secret="slack")
    assert failed(found) == [MAY_READ, "webhook_secret"]
    assert found["webhook_secret"]["text"] == "slack has no version latest"

    version = {"name": f"{SECRET}/versions/1", "state": "DISABLED", "data": "aHR0cHM6Ly9h"}
    state.put("secretVersions", version["name"], version)
    assert "is DISABLED, expected ENABLED" in look(webhook_secret="slack")["webhook_secret"]["text"]

    state.put("secretVersions", version["name"], {**version, "state": "ENABLED"})
    found = look(webhook_secret="slack")
    assert failed(found) == [MAY_READ] and found["webhook_secret"]["state"] == "ok"
    assert gemtune(*found[MAY_READ]["command"].split()[1:]).code == 0, "setup gives the role"
    assert failed(look(webhook_secret="slack")) == []
    assert failed(look(webhook_secret="projects/gemtune-local/secrets/slack/versions/1")) == []
    assert failed(look(webhook_secret="slack/versions/7")) == ["webhook_secret"]
    read = {each["method"] for each in gemtune.emulator.requests() if each["method"].startswith("secretmanager")}
    assert "secretmanager.versions.access" not in read, "the address itself is nobody's business here"


def test_on_vertex_a_secret_is_made_by_gcloud_which_reads_the_address_from_the_terminal(
    gemtune: CommandLine, look: Any
) -> None:
    path = spec(gemtune, project="gemtune-local", bucket="gemtune-local", webhook_secret="slack")
    missing = gemtune("doctor", path, "--target", "vertex").out
    assert "$ gcloud secrets create slack --data-file=- --project=gemtune-local  # then" in missing
    gemtune.emulator.state.put("secrets", SECRET, {"name": SECRET})
    empty = gemtune("doctor", path, "--target", "vertex").out
    assert "$ gcloud secrets versions add slack --data-file=- --project=gemtune-local  # then" in empty
    assert (
        f'$ gcloud secrets add-iam-policy-binding slack --member="serviceAccount:{ACCOUNT}" '
        "--role=roles/secretmanager.secretAccessor --project=gemtune-local"
    ) in empty


def test_data_that_is_not_there_is_named_with_the_command_that_brings_it(gemtune: CommandLine, look: Any) -> None:
    found = look(test_data="gs://data/test.jsonl", validation_data="none.jsonl")
    assert failed(found) == ["validation_data", "test_data"]
    command = found["test_data"]["command"]
    assert re.fullmatch(
        r"mkdir -p \S+/gs/data && gcloud storage cp gs://data/test.jsonl \S+/gs/data/test.jsonl", command
    )
    assert found["validation_data"]["command"].endswith("--set validation_data=FILE  # then change SPEC alike")


def test_data_that_a_local_copy_stands_in_for_is_there(gemtune: CommandLine, look: Any) -> None:
    copy = gemtune.folder / "state/gs/data/test.jsonl"
    copy.parent.mkdir(parents=True)
    copy.write_text("x")
    assert look(test_data="gs://data/test.jsonl")["test_data"]["text"] == "1 file found"


def test_default_account_without_roles_is_replaced_rather_than_given_more(gemtune: CommandLine, look: Any) -> None:
    gemtune.emulator.state.put("iamPolicies", PROJECT, {"bindings": []})
    path = gemtune.spec()
    ended = gemtune("doctor", path, "--json")
    found = {each["name"]: each for each in json.loads(ended.out)}
    assert found["steps run as"]["state"] == "note"
    command = found["steps: aiplatform.user on project"]["command"]
    assert f"--set submission.service_account={ACCOUNT} --yes" in command


def test_what_cannot_be_seen_of_the_project_ends_the_look_at_it(gemtune: CommandLine, look: Any) -> None:
    gemtune.emulator.fail("services.get", code=403, message="Permission denied to get service")
    found = look()
    assert failed(found) == ["project"] and "APIs" not in found and "model" in found
    assert "Permission denied to get service" in found["project"]["text"]


def test_changes_of_the_command_line_are_in_the_commands(gemtune: CommandLine, look: Any) -> None:
    gemtune.emulator.state.put("disabledServices", "iam.googleapis.com", {"name": "x"})
    ended = gemtune("doctor", spec(gemtune), "--set", "system_instruction=a b")
    assert (
        f"$ gemtune setup {gemtune.folder}/spec.yaml --target emulator --set 'system_instruction=a b' --yes"
        in ended.out
    )


def test_on_vertex_the_commands_are_those_of_gcloud(
    gemtune: CommandLine, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gemtune.emulator.state.put("disabledServices", "iam.googleapis.com", {"name": "x"})
    path = spec(gemtune, project="gemtune-local", bucket="gemtune-local")
    ended = gemtune("doctor", path, "--target", "vertex")
    assert ended.code == 3, ended.err
    assert "$ gcloud services enable aiplatform.googleapis.com storage.googleapis.com " in ended.out


@pytest.mark.parametrize(
    ("program", "state"), [("print('compiled/tuning.yaml: stale: run'); exit(3)", "fail"), ("", "ok")]
)
def test_a_stale_pipeline_is_named(look: Any, monkeypatch: pytest.MonkeyPatch, program: str, state: str) -> None:
    monkeypatch.setattr(doctor, "COMPILE_CHECK", [sys.executable, "-c", program])
    found = look()["compiled"]
    assert found["state"] == state
    if program:
        assert (found["text"], found["command"]) == (
            "compiled/tuning.yaml is not what the sources say",
            "gemtune compile",
        )


def test_the_doctor_changes_nothing(gemtune: CommandLine, look: Any) -> None:
    write_object(gemtune.emulator.state, "gs://gemtune-local/test.jsonl", b"x", "text/plain")
    before = len(gemtune.emulator.requests())
    look(test_data="gs://gemtune-local/test.jsonl")
    asked = {each["method"] for each in gemtune.emulator.requests()[before:]}
    assert asked and not {method for method in asked if re.search(r"\.(create|insert|patch|set|enable|delete)", method)}
