import httpx
import pytest

from tests.conftest import Emulator


def test_messages_are_shown_in_order_until_they_are_cleared(emulator: Emulator) -> None:
    sink = f"{emulator.url}/emulator/webhook"
    for path, body in (("", {"text": "first"}), ("/T0/B0/secret", {"blocks": []})):
        answer = httpx.post(sink + path, json=body)
        assert (answer.status_code, answer.text) == (200, "ok")
    received = httpx.get(sink).json()
    assert [(one["path"], one["body"]) for one in received] == [
        ("/emulator/webhook", {"text": "first"}),
        ("/emulator/webhook/T0/B0/secret", {"blocks": []}),
    ]
    assert received[0]["time"] <= received[1]["time"]
    httpx.delete(sink)
    assert httpx.get(sink).json() == []


@pytest.mark.parametrize(
    ("content", "expected"), [(b"no json", "invalid_payload"), (b"[1]", "invalid_payload"), (b"{}", "no_text")]
)
def test_what_is_no_message_is_refused(emulator: Emulator, content: bytes, expected: str) -> None:
    answer = httpx.post(f"{emulator.url}/emulator/webhook", content=content)
    assert (answer.status_code, answer.text) == (400, expected)
    assert httpx.get(f"{emulator.url}/emulator/webhook").json() == []


def test_a_webhook_meets_faults(emulator: Emulator) -> None:
    emulator.fail("webhook.post", code=500)
    assert httpx.post(f"{emulator.url}/emulator/webhook", json={"text": "lost"}).status_code == 500
    assert emulator.faults_hit() == 1
    assert httpx.get(f"{emulator.url}/emulator/webhook").json() == []
