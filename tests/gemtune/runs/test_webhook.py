import base64
from typing import Any

import httpx
import pytest

from gemtune.errors import ServiceError
from gemtune.runs.webhook import ATTEMPTS, send
from gemtune.vertex import Rest, service_url


@pytest.fixture
def address(emulator: Any) -> str:
    """The sink of the emulator, and its address in the secret `slack`, as `echo` would write it."""
    found = f"{emulator.url}/emulator/webhook/T0/B0/password"
    put_secret(emulator, "slack", f"{found}\n")
    return found


def put_secret(emulator: Any, name: str, value: str) -> None:
    rest = Rest(emulator.project, "", base=service_url("secretmanager"))
    parent = f"projects/{emulator.project}/secrets"
    rest.post(f"{parent}?secretId={name}", {"replication": {"automatic": {}}})
    rest.post(f"{parent}/{name}:addVersion", {"payload": {"data": base64.b64encode(value.encode()).decode()}})


def received(emulator: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{emulator.url}/emulator/webhook").json()
    return found


@pytest.mark.parametrize("secret", ["slack", "projects/gemtune-local/secrets/slack/versions/1"])
def test_a_message_goes_to_the_address_in_the_secret(emulator: Any, address: str, secret: str) -> None:
    send(secret, "a < b & c", project=emulator.project)
    (message,) = received(emulator)
    assert message["path"] == "/emulator/webhook/T0/B0/password"
    assert message["body"] == {"text": "a &lt; b &amp; c"}


def test_a_busy_webhook_is_asked_again(emulator: Any, address: str) -> None:
    emulator.fail("webhook.post", times=2, code=503)
    slept: list[float] = []
    send("slack", "done", project=emulator.project, sleep=slept.append)
    assert len(received(emulator)) == 1 and slept == [1.0, 2.0]


@pytest.mark.parametrize(
    ("fault", "said", "attempts"),
    [
        ({"code": 404}, "webhook: 404", 1),
        ({"code": 503}, "webhook: 503", ATTEMPTS),
        ({"code": 0, "reset": True}, "webhook: ConnectionError", ATTEMPTS),
    ],
)
def test_an_undelivered_message_is_an_error_that_does_not_tell_the_address(
    emulator: Any, address: str, fault: dict[str, Any], said: str, attempts: int
) -> None:
    emulator.fail("webhook.post", times=9, **fault)
    with pytest.raises(ServiceError, match=said) as error:
        send("slack", "done", project=emulator.project, sleep=lambda _: None)
    assert emulator.faults_hit() == attempts
    assert "password" not in f"{error.value} {error.value.__cause__} {error.value.__context__}"


@pytest.mark.parametrize("value", ["not an address", "http://hooks.example/password", "ftp://x/password"])
def test_what_is_no_safe_address_is_refused_and_not_shown(emulator: Any, value: str) -> None:
    put_secret(emulator, "odd", value)
    with pytest.raises(ServiceError, match="secrets/odd/versions/latest: holds no address") as error:
        send("odd", "done", project=emulator.project)
    assert value not in str(error.value)


def test_a_missing_secret_is_named_with_how_to_create_it(emulator: Any) -> None:
    with pytest.raises(ServiceError, match=r"Secret .*none.* not found.*gcloud secrets create"):
        send("none", "done", project=emulator.project)


def test_a_secret_out_of_reach_is_named_with_the_role_that_is_missing(emulator: Any, address: str) -> None:
    emulator.fail("secretmanager.versions.access", code=403)
    with pytest.raises(ServiceError, match=r"secretmanager\.secretAccessor"):
        send("slack", "done", project=emulator.project)
