from typing import Any

import google.auth
import pytest
from google.auth.transport.requests import AuthorizedSession

from tests.conftest import Emulator

PROJECT = "projects/gemtune-local"
EMAIL = "steps-account@gemtune-local.iam.gserviceaccount.com"
KEY = f"{PROJECT}/locations/us-central1/keyRings/ring/cryptoKeys/key"
REPOSITORY = f"{PROJECT}/locations/us-central1/repositories/gemtune-local"
AGENT = "serviceAccount:service-123456789012@gcp-sa-vertex-tune.iam.gserviceaccount.com"


class Client:
    """Google's REST APIs with default credentials."""

    def __init__(self, emulator: Emulator) -> None:
        self._session = AuthorizedSession(google.auth.default()[0])
        self._base = f"{emulator.url}/v1"

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._session.request(method, f"{self._base}/{path}", json=body)

    def bind(self, resource: str, role: str, member: str) -> Any:
        policy = {"bindings": [{"role": role, "members": [member]}]}
        return self("POST", f"{resource}:setIamPolicy", {"policy": policy})


@pytest.fixture
def api(emulator: Emulator) -> Client:
    return Client(emulator)


def create_account(api: Client) -> dict[str, Any]:
    sent = {"accountId": "steps-account", "serviceAccount": {"displayName": "Steps"}}
    document: dict[str, Any] = api("POST", f"{PROJECT}/serviceAccounts", sent).json()
    return document


def test_a_service_account_is_created_once_read_listed_and_deleted(api: Client) -> None:
    made = create_account(api)
    assert (made["name"], made["email"]) == (f"{PROJECT}/serviceAccounts/{EMAIL}", EMAIL)
    assert api("POST", f"{PROJECT}/serviceAccounts", {"accountId": "steps-account"}).status_code == 409
    assert api("GET", made["name"]).json() == made
    assert api("GET", f"{PROJECT}/serviceAccounts").json() == {"accounts": [made]}
    assert api("DELETE", made["name"]).json() == {}
    assert api("GET", made["name"]).status_code == 404


def test_an_id_that_is_none_is_refused(api: Client) -> None:
    assert (
        api("POST", f"{PROJECT}/serviceAccounts", {"accountId": "Ab"}).json()["error"]["status"] == "INVALID_ARGUMENT"
    )


@pytest.mark.parametrize("resource", [f"{PROJECT}/serviceAccounts/{EMAIL}", PROJECT, KEY, REPOSITORY])
def test_a_policy_is_replaced_as_a_whole(api: Client, resource: str) -> None:
    create_account(api)
    api("POST", f"{PROJECT}/locations/us-central1/keyRings?keyRingId=ring", {})
    api("POST", f"{PROJECT}/locations/us-central1/keyRings/ring/cryptoKeys?cryptoKeyId=key", {})
    assert api.bind(resource, "roles/viewer", "user:a@example.com").status_code == 200
    method = "GET" if resource in (KEY, REPOSITORY) else "POST"
    policy = api(method, f"{resource}:getIamPolicy").json()
    assert policy["bindings"] == [{"role": "roles/viewer", "members": ["user:a@example.com"]}]
    stale = {"policy": {"etag": "stale", "bindings": []}}
    refused = api("POST", f"{resource}:setIamPolicy", stale).json()["error"]
    assert (refused["code"], refused["status"]) == (409, "ABORTED")


def test_a_member_that_does_not_exist_is_refused_by_name(api: Client) -> None:
    refused = api.bind(PROJECT, "roles/viewer", f"serviceAccount:{EMAIL}")
    assert refused.json()["error"]["message"] == f"Service account {EMAIL} does not exist."
    create_account(api)
    assert api.bind(PROJECT, "roles/viewer", f"serviceAccount:{EMAIL}").status_code == 200


def test_the_tuning_agent_appears_with_the_first_tuning_job(api: Client, emulator: Emulator) -> None:
    assert "does not exist" in api.bind(PROJECT, "roles/viewer", AGENT).json()["error"]["message"]
    emulator.state.put("tuningJobs", "projects/123456789012/locations/us-central1/tuningJobs/1", {"name": "any"})
    bindings = api("POST", f"{PROJECT}:getIamPolicy").json()["bindings"]
    assert {"role": "roles/aiplatform.tuningServiceAgent", "members": [AGENT]} in bindings
    assert api.bind(PROJECT, "roles/viewer", AGENT).status_code == 200
    assert len(api("POST", f"{PROJECT}:getIamPolicy").json()["bindings"]) == 1, "what was taken away stays away"


def test_the_project_is_known_by_id_and_number_and_no_other_is(api: Client) -> None:
    assert api("GET", PROJECT).json() == api("GET", "projects/123456789012").json()
    assert api("GET", PROJECT).json()["lifecycleState"] == "ACTIVE"
    for path in ("projects/other", "projects/other/services/iam.googleapis.com"):
        assert api("GET", path).status_code == 403


def test_the_caller_may_do_everything(api: Client) -> None:
    asked = {"permissions": ["aiplatform.pipelineJobs.create"]}
    assert api("POST", f"{PROJECT}:testIamPermissions", asked).json() == asked


def test_a_service_is_enabled_until_it_is_disabled(api: Client) -> None:
    service = f"{PROJECT}/services/aiplatform.googleapis.com"
    assert api("GET", service).json()["state"] == "ENABLED"
    assert api("POST", f"{service}:disable", {}).json()["response"]["service"]["state"] == "DISABLED"
    names = [service, f"{PROJECT}/services/iam.googleapis.com"]
    found = api("GET", f"{PROJECT}/services:batchGet?names={names[0]}&names={names[1]}").json()["services"]
    assert [each["state"] for each in found] == ["DISABLED", "ENABLED"]
    answer = api("POST", f"{PROJECT}/services:batchEnable", {"serviceIds": ["aiplatform.googleapis.com"]}).json()
    assert answer["done"] and api("GET", service).json()["state"] == "ENABLED"
    assert api("POST", f"{PROJECT}/services:batchEnable", {"serviceIds": []}).status_code == 400


def test_a_key_has_a_purpose_and_a_state(api: Client) -> None:
    assert api("GET", KEY).status_code == 404
    api("POST", f"{PROJECT}/locations/us-central1/keyRings?keyRingId=ring", {})
    api("POST", f"{PROJECT}/locations/us-central1/keyRings/ring/cryptoKeys?cryptoKeyId=key", {})
    found = api("GET", KEY).json()
    assert (found["name"], found["purpose"], found["primary"]["state"]) == (KEY, "ENCRYPT_DECRYPT", "ENABLED")
