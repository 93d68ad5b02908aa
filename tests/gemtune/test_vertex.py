import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gemtune.errors import ServiceError, SpecError
from gemtune.vertex import CallError, Rest, advice, base_url, connection, console_url, genai_client, location_of
from tests.ports import free_port

ENDPOINT = "projects/123456789012/locations/us/endpoints/77"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_VERTEX_BASE_URL", raising=False)


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
    ],
)
def test_each_kind_of_location_has_its_address(location: str, url: str) -> None:
    assert base_url(location) == url


def test_one_variable_replaces_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", "http://127.0.0.1:1/")
    assert base_url("us") == base_url("global") == "http://127.0.0.1:1"


def test_the_location_is_read_from_the_resource_name() -> None:
    assert location_of(ENDPOINT) == "us"
    with pytest.raises(SpecError, match="no location found, expected projects/"):
        location_of("gemini-3.5-flash")


@pytest.mark.usefixtures("real")
def test_the_console_has_a_page_for_a_tuning_job_and_a_model() -> None:
    job = "projects/123456789012/locations/us-central1/tuningJobs/5"
    assert console_url(job, "my-project") == (
        "https://console.cloud.google.com/vertex-ai/generative/language/locations/us-central1/tuning/tuningJob/5"
        "?project=my-project"
    )
    assert "/models/9?project=" in console_url("projects/1/locations/us-central1/models/9@2", "my-project")
    assert console_url("projects/1/locations/us-central1/unheardOf/9", "my-project") == ""


def test_a_stand_in_has_no_console(emulator: Any) -> None:
    assert console_url(ENDPOINT, emulator.project) == ""


def test_an_error_says_what_the_service_says(emulator: Any) -> None:
    with pytest.raises(CallError, match=r"GET projects/.*/endpoints/77: 404 NOT_FOUND Endpoint .* not found") as error:
        Rest(emulator.project, "us").get(ENDPOINT)
    assert error.value.code == 404
    assert isinstance(error.value, ServiceError)
    assert error.value.next == advice(404)


def test_a_relative_path_belongs_to_project_and_location(emulator: Any) -> None:
    assert Rest(emulator.project, "us").get("endpoints") == {}
    (request,) = emulator.requests("endpoints.list")
    assert request["path"] == "/v1/projects/gemtune-local/locations/us/endpoints"


def test_reads_are_repeated_when_the_service_is_busy(emulator: Any) -> None:
    emulator.fail("endpoints.list", times=1, code=503)
    assert Rest(emulator.project, "us").get("endpoints") == {}
    assert emulator.faults_hit() == 1


def test_writes_are_not_repeated(emulator: Any) -> None:
    emulator.fail("endpoints.generateContent", times=1, code=503)
    with pytest.raises(CallError, match=r"POST .* 503"):
        Rest(emulator.project, "us").post(f"{ENDPOINT}:generateContent", {"contents": []})
    assert len(emulator.requests("endpoints.generateContent")) == 1


def test_pages_are_read_to_the_end(emulator: Any) -> None:
    for number in range(5):
        name = f"projects/{emulator.state.number}/locations/us/endpoints/{number}"
        emulator.state.put("endpoints", name, {"name": name})
    found = list(Rest(emulator.project, "us").pages("endpoints", "endpoints", pageSize=2))
    assert [endpoint["name"][-1] for endpoint in found] == ["4", "3", "2", "1", "0"]
    assert len(emulator.requests("endpoints.list")) == 3


def test_a_broken_connection_is_no_answer(emulator: Any) -> None:
    emulator.fail("endpoints.generateContent", times=1, code=0, reset=True)
    with pytest.raises(CallError, match=r"POST .*: no answer \(ConnectionError\)") as error:
        Rest(emulator.project, "us").post(f"{ENDPOINT}:generateContent", {})
    assert error.value.code == 0


def test_a_metadata_server_that_does_not_answer_is_not_taken_for_missing_credentials(tmp_path: Path) -> None:
    # In a process of its own: google-auth reads the address once.
    nobody = f"127.0.0.1:{free_port()}"
    program = "from gemtune.errors import ServiceError\nfrom gemtune.vertex import default_credentials\n"
    program += "try: default_credentials()\nexcept ServiceError as error: print(error)"
    environment = {**os.environ, "GCE_METADATA_HOST": nobody, "GCE_METADATA_IP": nobody}
    environment |= {"CLOUDSDK_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout
    assert said.startswith(f"http://{nobody}: the service does not answer, expected Google credentials from it")


def test_the_client_asks_the_given_project_and_location(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another-project")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "asia-east1")
    client = genai_client(emulator.project, "global")
    client.models.generate_content(model="gemini-3.1-flash-lite", contents="It rained. Then it stopped.")
    (request,) = emulator.requests("publishers.models.generateContent")
    assert request["path"].startswith("/v1/projects/gemtune-local/locations/global/publishers/google/models/")


@pytest.mark.parametrize(("no_proxy", "proxy"), [("", "http://proxy:3128"), ("aiplatform.googleapis.com", None)])
def test_models_are_reached_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, proxy: str | None
) -> None:
    monkeypatch.delenv("GOOGLE_VERTEX_BASE_URL", raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", no_proxy)

    async def connect() -> dict[str, Any]:
        return connection("global")

    assert asyncio.run(connect())["proxy"] == proxy
