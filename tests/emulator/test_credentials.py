import google.auth
import google.auth.transport.requests
import httpx
import pytest
from google.cloud import storage
from google.genai import Client

from tests.conftest import Emulator

TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


def default_token() -> str:
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(google.auth.transport.requests.Request())
    return str(credentials.token)


def test_default_credentials_name_the_project(emulator: Emulator) -> None:
    assert google.auth.default()[1] == "gemtune-local"


@pytest.mark.parametrize("start", ["first", "second"])
def test_every_fresh_emulator_gives_its_own_token(emulator: Emulator, start: str) -> None:
    assert default_token() == emulator.state.token


def test_tokens_are_random(emulator: Emulator) -> None:
    earlier = emulator.state.token
    assert len(earlier) > 30
    assert type(emulator.state)(None).token != earlier


def test_a_storage_client_needs_no_argument(emulator: Emulator) -> None:
    assert [bucket.name for bucket in storage.Client().list_buckets()] == ["gemtune-local"]


def test_an_authorized_session_passes_the_gate(emulator: Emulator) -> None:
    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    session = google.auth.transport.requests.AuthorizedSession(credentials)
    answer = session.get(f"{emulator.url}/v1/projects/{project}/locations/us-central1/operations/404")
    assert answer.status_code == 404


def test_google_genai_sends_the_token(emulator: Emulator) -> None:
    client = Client(enterprise=True, project=emulator.project, location="us-central1")
    list(client.tunings.list())
    assert emulator.requests("tuningJobs.list")


def test_a_token_is_not_given_without_the_metadata_header(emulator: Emulator) -> None:
    answer = httpx.get(emulator.url + TOKEN_PATH)
    assert answer.status_code == 403
    assert emulator.state.token not in answer.text


def test_the_root_identifies_a_metadata_server(emulator: Emulator) -> None:
    assert httpx.get(emulator.url).headers["metadata-flavor"] == "Google"


def test_an_unknown_metadata_path_is_not_found(emulator: Emulator) -> None:
    answer = httpx.get(f"{emulator.url}/computeMetadata/v1/instance/nothing", headers={"Metadata-Flavor": "Google"})
    assert answer.status_code == 404
