"""The registry through kfp's own client, which needs nothing but another host."""

from pathlib import Path

import google.auth
import httpx
import pytest
from google.auth.transport.requests import Request
from kfp.registry.registry_client import ApiAuth, RegistryClient, requests

from emulator.errors import ApiError
from emulator.registry_store import create_default_repository, store_template, template
from emulator.state import State
from tests.conftest import Emulator

REPOSITORY = "projects/123456789012/locations/us-central1/repositories/gemtune-local"
PACKAGE = f"{REPOSITORY}/packages/greet"
SPEC = """# Füße
pipelineInfo:
  name: greet
root: {dag: {tasks: {}}}
schemaVersion: 2.1.0
"""


@pytest.fixture
def client(emulator: Emulator) -> RegistryClient:
    credentials, _ = google.auth.default()
    credentials.refresh(Request())
    host = f"{emulator.url}/us-central1-kfp.pkg.dev/gemtune-local/gemtune-local"
    return RegistryClient(host=host, auth=ApiAuth(credentials.token))


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    file = tmp_path / "greet.yaml"
    file.write_text(SPEC, encoding="utf-8")
    return file


def test_an_uploaded_template_is_found_by_its_version_and_its_tags(
    client: RegistryClient, compiled: Path, tmp_path: Path
) -> None:
    package, version = client.upload_pipeline(str(compiled), tags=["v1", "latest"])
    assert package == "greet" and version.startswith("sha256:")
    for reference in ({"version": version}, {"tag": "v1"}, {"tag": "latest"}):
        path = client.download_pipeline("greet", file_name=str(tmp_path / "back.yaml"), **reference)
        assert Path(path).read_bytes() == compiled.read_bytes()
    assert [one["name"] for one in client.list_packages()] == [PACKAGE]
    assert client.get_package("greet")["name"] == PACKAGE
    assert [one["name"] for one in client.list_versions("greet")] == [f"{PACKAGE}/versions/{version}"]
    assert client.get_tag("greet", "v1") == {
        "name": f"{PACKAGE}/tags/v1",
        "version": f"{PACKAGE}/versions/{version}",
    }


def test_a_new_version_takes_the_tag_and_the_old_one_stays(client: RegistryClient, compiled: Path) -> None:
    _, first = client.upload_pipeline(str(compiled), tags="latest")
    assert client.upload_pipeline(str(compiled), tags="latest") == ("greet", first)
    compiled.write_text(SPEC + "# changed\n", encoding="utf-8")
    _, second = client.upload_pipeline(str(compiled), tags=["latest", "v2"])
    assert second != first
    assert client.get_tag("greet", "latest")["version"].endswith(second)
    assert client.get_version("greet", first)["name"].endswith(first)
    assert [one["name"].rpartition("/")[2] for one in client.list_versions("greet")] == [second, first]
    assert {one["name"].rpartition("/")[2] for one in client.list_tags("greet")} == {"latest", "v2"}


def test_tags_are_created_moved_and_deleted(client: RegistryClient, compiled: Path) -> None:
    _, first = client.upload_pipeline(str(compiled))
    compiled.write_text(SPEC + "# changed\n", encoding="utf-8")
    _, second = client.upload_pipeline(str(compiled))
    client.create_tag("greet", first, "stable")
    with pytest.raises(requests.HTTPError, match="409"):
        client.create_tag("greet", second, "stable")
    assert client.update_tag("greet", second, "stable")["version"].endswith(second)
    client.delete_version("greet", first)
    with pytest.raises(requests.HTTPError, match="400"):
        client.delete_version("greet", second)
    client.delete_tag("greet", "stable")
    assert client.list_tags("greet") == {}
    assert client.delete_package("greet")
    assert client.list_packages() == {}


def test_the_full_view_of_the_rest_api_shows_a_versions_tags(
    emulator: Emulator, client: RegistryClient, compiled: Path
) -> None:
    client.upload_pipeline(str(compiled), tags=["v1"])
    address = f"{emulator.url}/v1/{PACKAGE}/versions"
    headers = {"Authorization": f"Bearer {emulator.state.token}"}
    full, basic = (httpx.get(address + view, headers=headers).json()["versions"][0] for view in ("?view=FULL", ""))
    assert full["relatedTags"][0]["name"] == f"{PACKAGE}/tags/v1"
    assert "relatedTags" not in basic


def test_a_repository_must_exist(emulator: Emulator, compiled: Path) -> None:
    host = f"{emulator.url}/europe-west4-kfp.pkg.dev/gemtune-local/mine"
    client = RegistryClient(host=host, auth=ApiAuth(emulator.state.token))
    with pytest.raises(requests.HTTPError, match="404"):
        client.upload_pipeline(str(compiled))
    parent = f"{emulator.url}/v1/projects/gemtune-local/locations/europe-west4/repositories"
    headers = {"Authorization": f"Bearer {emulator.state.token}"}
    assert httpx.post(f"{parent}?repositoryId=mine", headers=headers, json={"format": "DOCKER"}).status_code == 400
    made = httpx.post(f"{parent}?repositoryId=mine", headers=headers, json={"format": "KFP"}).json()
    assert made["done"] and made["response"]["format"] == "KFP"
    assert client.upload_pipeline(str(compiled))[0] == "greet"
    assert [one["name"].rpartition("/")[2] for one in httpx.get(parent, headers=headers).json()["repositories"]] == [
        "mine"
    ]


def test_the_registry_needs_the_token(emulator: Emulator, compiled: Path) -> None:
    client = RegistryClient(
        host=f"{emulator.url}/us-central1-kfp.pkg.dev/gemtune-local/gemtune-local", auth=ApiAuth("of a stranger")
    )
    with pytest.raises(requests.HTTPError, match="401"):
        client.upload_pipeline(str(compiled))


@pytest.mark.parametrize("content", ["- a list", "pipelineInfo: {}", "{", "pipelineInfo: {name: ../../x}"])
def test_what_is_no_compiled_pipeline_is_refused(client: RegistryClient, compiled: Path, content: str) -> None:
    compiled.write_text(content)
    with pytest.raises(requests.HTTPError, match="400"):
        client.upload_pipeline(str(compiled))
    assert client.list_packages() == {}


def test_templates_outlive_the_emulator(tmp_path: Path, emulator: Emulator, compiled: Path) -> None:
    address = "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune-local/greet/v1"
    state = State(tmp_path / "state")
    create_default_repository(state)
    _, version = store_template(state, REPOSITORY, compiled.read_bytes(), ["v1"])
    state.close()
    state = State(tmp_path / "state")
    assert template(state, address) == (
        {"pipelineInfo": {"name": "greet"}, "root": {"dag": {"tasks": {}}}, "schemaVersion": "2.1.0"},
        version,
    )
    for wrong in (address[:-1] + "2", address.replace("gemtune-local/greet", "other/greet"), "https://example.com/x"):
        with pytest.raises(ApiError, match=r"was not found|is not a template"):
            template(state, wrong)
    state.close()
