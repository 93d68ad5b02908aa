import base64
from typing import Any

import google.auth
import google_crc32c
import pytest
from google.auth.transport.requests import AuthorizedSession

from tests.conftest import Emulator

SECRET = "projects/123456789012/secrets/webhook"


class Client:
    """Secret Manager over REST with default credentials, as a step calls it."""

    def __init__(self, url: str) -> None:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        self._session = AuthorizedSession(credentials)
        self._base = f"{url}/v1/projects"

    def get(self, path: str) -> Any:
        return self._session.get(f"{self._base}/{path}")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._session.post(f"{self._base}/{path}", json=body)

    def delete(self, path: str) -> Any:
        return self._session.delete(f"{self._base}/{path}")


@pytest.fixture
def secrets(emulator: Emulator) -> Client:
    return Client(emulator.url)


def create(secrets: Client, *data: bytes) -> None:
    made = secrets.post("gemtune-local/secrets?secretId=webhook", {"replication": {"automatic": {}}})
    assert made.json()["name"] == SECRET
    for one in data:
        body = {"payload": {"data": base64.b64encode(one).decode()}}
        assert secrets.post("gemtune-local/secrets/webhook:addVersion", body).status_code == 200


def test_a_version_is_read_with_its_checksum(secrets: Client) -> None:
    create(secrets, b"https://one.example", b"https://two.example")
    latest = secrets.get("gemtune-local/secrets/webhook/versions/latest:access").json()
    first = secrets.get("123456789012/secrets/webhook/versions/1:access").json()
    assert (latest["name"], first["name"]) == (f"{SECRET}/versions/2", f"{SECRET}/versions/1")
    assert base64.b64decode(latest["payload"]["data"]) == b"https://two.example"
    assert base64.b64decode(first["payload"]["data"]) == b"https://one.example"
    assert first["payload"]["dataCrc32c"] == str(google_crc32c.value(b"https://one.example"))


def test_a_secret_itself_never_shows_its_data(secrets: Client) -> None:
    create(secrets, b"https://one.example")
    found = secrets.get("gemtune-local/secrets/webhook").json()
    assert found.keys() == {"name", "replication", "createTime"}
    assert secrets.get("gemtune-local/secrets").json() == {"secrets": [found]}


def test_what_is_not_there_is_named_as_the_service_names_it(secrets: Client) -> None:
    def message(path: str) -> str:
        answer = secrets.get(path)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
        return str(answer.json()["error"]["message"])

    missing = f"Secret [{SECRET}] not found or has no versions."
    assert message("gemtune-local/secrets/webhook/versions/latest:access") == missing
    create(secrets)
    assert message("gemtune-local/secrets/webhook/versions/latest:access") == missing
    assert (
        message("gemtune-local/secrets/webhook/versions/3:access") == f"Secret Version [{SECRET}/versions/3] not found."
    )


def test_another_project_is_refused(secrets: Client) -> None:
    answer = secrets.get("of-a-stranger/secrets/webhook/versions/latest:access")
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == (
        "Permission 'secretmanager.versions.access' denied for resource "
        "'projects/of-a-stranger/secrets/webhook/versions/latest' (or it may not exist)."
    )


def test_a_missing_role_is_a_fault_on_order(emulator: Emulator, secrets: Client) -> None:
    create(secrets, b"x")
    emulator.fail("secretmanager.versions.access", code=403, message="Permission denied")
    assert secrets.get("gemtune-local/secrets/webhook/versions/latest:access").status_code == 403
    assert secrets.get("gemtune-local/secrets/webhook/versions/latest:access").status_code == 200


def test_a_secret_can_be_deleted_and_made_again(secrets: Client) -> None:
    create(secrets, b"x")
    again = secrets.post("gemtune-local/secrets?secretId=webhook", {"replication": {"automatic": {}}})
    assert again.json()["error"]["status"] == "ALREADY_EXISTS"
    secrets.delete("gemtune-local/secrets/webhook")
    assert secrets.get("gemtune-local/secrets").json() == {}
    create(secrets)
    assert secrets.get("gemtune-local/secrets/webhook/versions/1:access").status_code == 404


@pytest.mark.parametrize("data", ["not base64!", 7])
def test_data_that_is_not_base64_is_refused(secrets: Client, data: Any) -> None:
    create(secrets)
    answer = secrets.post("gemtune-local/secrets/webhook:addVersion", {"payload": {"data": data}})
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_what_is_told_of_a_version_is_never_its_data(secrets: Client) -> None:
    create(secrets, b"first", b"second")
    latest = secrets.get("gemtune-local/secrets/webhook/versions/latest").json()
    assert (latest["name"], latest["state"]) == (f"{SECRET}/versions/2", "ENABLED")
    assert set(latest) == {"name", "state", "createTime"}
    assert secrets.get("gemtune-local/secrets/webhook/versions/3").status_code == 404
    assert secrets.get("gemtune-local/secrets/other/versions/latest").status_code == 404


def test_who_may_read_a_secret_is_kept_and_nobody_is_named_at_first(secrets: Client) -> None:
    create(secrets)
    assert "bindings" not in secrets.get("gemtune-local/secrets/webhook:getIamPolicy").json()
    bindings = [{"role": "roles/secretmanager.secretAccessor", "members": ["user:a@example.org"]}]
    secrets.post("gemtune-local/secrets/webhook:setIamPolicy", {"policy": {"bindings": bindings}})
    assert secrets.get("gemtune-local/secrets/webhook:getIamPolicy").json()["bindings"] == bindings
    assert secrets.get("gemtune-local/secrets/other:getIamPolicy").status_code == 404
