"""Finding, starting and refusing an emulator."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gemtune.errors import ServiceError, SpecError
from scripts import target
from scripts.emulator_process import emulator_url, find_emulator
from tests.ports import free_port


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    number = free_port()
    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", str(number))
    monkeypatch.setenv("GEMTUNE_STATE", str(tmp_path))
    return number


@pytest.fixture
def stranger(port: int) -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield port
    server.shutdown()
    server.server_close()


def test_nothing_listening_is_not_an_error(port: int) -> None:
    assert find_emulator(emulator_url()) is None


def test_a_port_taken_by_another_server_is_named_with_what_to_do(stranger: int) -> None:
    with pytest.raises(ServiceError, match=f"127.0.0.1:{stranger}: found another server.*GEMTUNE_EMULATOR_PORT"):
        target.open_target("emulator")


def test_a_started_emulator_answers_is_found_again_and_stops(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ, GOOGLE_APPLICATION_CREDENTIALS="/planted.json"))
    started = target.open_target("emulator")
    try:
        found = target.open_target("emulator")
        assert started.process and found.process is None
        assert found.cause_of(refused := ServiceError("submit: no")) is refused
        assert found.decided()["project"] == found.decided()["submission.bucket"] == "gemtune-local"
        assert "GOOGLE_APPLICATION_CREDENTIALS" not in os.environ
        assert os.environ["STORAGE_EMULATOR_HOST"] == found.address == f"http://127.0.0.1:{port}"
    finally:
        started.stop()
    assert started.process.poll() is not None
    assert find_emulator(emulator_url()) is None
    wrong, lost = SpecError("spec.yaml: name: missing"), ServiceError("Google credentials: none found")
    assert str(found.cause_of(lost)).startswith(f"{found.address}: the service does not answer, the emulator has stopp")
    assert found.cause_of(wrong) is wrong
    assert target.Target("vertex").cause_of(lost) is lost


def test_vertex_decides_no_key_of_the_spec() -> None:
    assert target.open_target("vertex").decided() == {}
