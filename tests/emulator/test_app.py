import httpx
import pytest
from google.cloud import storage

from tests.conftest import Emulator

OPERATION = "/v1/projects/gemtune-local/locations/us-central1/operations/1"


def bearer(emulator: Emulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {emulator.state.token}"}


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com:8085", "metadata.google.internal", "10.0.0.1"])
@pytest.mark.parametrize("path", ["/emulator", "/storage/v1/b", OPERATION, "/computeMetadata/v1/project/project-id"])
def test_a_host_that_is_not_loopback_is_refused(emulator: Emulator, host: str, path: str) -> None:
    answer = httpx.get(emulator.url + path, headers={"Host": host, "Metadata-Flavor": "Google", **bearer(emulator)})
    assert answer.status_code == 403
    assert answer.json()["error"]["status"] == "PERMISSION_DENIED"
    assert host in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8085", "[::1]:8085"])
def test_a_loopback_host_is_welcome(emulator: Emulator, host: str) -> None:
    assert httpx.get(f"{emulator.url}/emulator", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://example.com", "http://localhost:3000", "null"])
@pytest.mark.parametrize("path", ["/emulator/faults", "/upload/storage/v1/b/gemtune-local/o", OPERATION])
def test_a_foreign_web_page_is_refused(emulator: Emulator, origin: str, path: str) -> None:
    answer = httpx.post(emulator.url + path, headers={"Origin": origin, **bearer(emulator)}, json={"method": "x"})
    assert answer.status_code == 403
    assert emulator.state.faults.list() == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/storage/v1/b/gemtune-local/o", "/emulator/requests", "/emulator"])
def test_what_a_foreign_page_embeds_or_links_to_is_refused(emulator: Emulator, site: str, path: str) -> None:
    assert httpx.get(emulator.url + path, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert httpx.get(emulator.url + path, headers={"Sec-Fetch-Site": "none"}).status_code == 200


def test_the_emulators_own_origin_is_welcome(emulator: Emulator) -> None:
    assert httpx.get(f"{emulator.url}/emulator", headers={"Origin": emulator.url}).status_code == 200


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_call_without_the_token_is_unauthenticated(emulator: Emulator, version: str) -> None:
    answer = httpx.get(emulator.url + OPERATION.replace("v1", version))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (401, 401, "UNAUTHENTICATED")
    assert error["message"].startswith("Request is missing required authentication credential.")
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"


def test_a_call_with_another_token_is_unauthenticated(emulator: Emulator) -> None:
    answer = httpx.get(emulator.url + OPERATION, headers={"Authorization": "Bearer of-an-earlier-start"})
    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith("Request had invalid authentication credentials.")


def test_an_unknown_route_names_method_and_path(emulator: Emulator) -> None:
    answer = httpx.delete(f"{emulator.url}/v1/cookies/7", headers=bearer(emulator))
    assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED")
    assert answer.json()["error"]["message"] == "the emulator does not serve DELETE /v1/cookies/7"


def test_a_known_path_with_another_method_is_unknown(emulator: Emulator) -> None:
    assert httpx.patch(emulator.url + OPERATION, headers=bearer(emulator)).status_code == 501


def test_another_project_is_refused(emulator: Emulator) -> None:
    answer = httpx.get(emulator.url + OPERATION.replace("gemtune-local", "someone-elses"), headers=bearer(emulator))
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_the_emulator_describes_itself_without_its_token(emulator: Emulator) -> None:
    answer = httpx.get(f"{emulator.url}/emulator")
    description = answer.json()
    assert description["service"] == "gemtune emulator"
    assert (description["project"], description["bucket"]) == ("gemtune-local", "gemtune-local")
    assert description["environment"]["STORAGE_EMULATOR_HOST"] == emulator.url
    assert description["environment"]["GCE_METADATA_HOST"] == emulator.url.removeprefix("http://")
    assert emulator.state.token not in answer.text


def test_requests_are_logged_under_their_method(emulator: Emulator) -> None:
    client = storage.Client()
    client.bucket("other-bucket").create(location="us-central1")
    client.bucket("other-bucket").exists()
    (logged,) = httpx.get(f"{emulator.url}/emulator/requests", params={"method": "storage.buckets.insert"}).json()
    assert logged == {
        "method": "storage.buckets.insert",
        "path": "/storage/v1/b",
        "query": "project=gemtune-local&prettyPrint=false",
        "body": {"name": "other-bucket", "location": "us-central1"},
    }
    assert {request["method"] for request in emulator.requests()} == {"storage.buckets.insert", "storage.buckets.get"}


def test_the_clock_can_be_set_and_advanced(emulator: Emulator) -> None:
    httpx.post(f"{emulator.url}/emulator/clock", json={"now": "2030-01-01T00:00:00Z"})
    httpx.post(f"{emulator.url}/emulator/clock/advance", json={"seconds": 86400})
    assert httpx.get(f"{emulator.url}/emulator/clock").json()["now"].startswith("2030-01-02T00:00:0")
    assert emulator.state.clock.now().year == 2030


@pytest.mark.parametrize(("path", "sent"), [("", {"now": "soon"}), ("", {}), ("/advance", {"seconds": "3"})])
def test_a_clock_refuses_what_is_no_time(emulator: Emulator, path: str, sent: dict[str, str]) -> None:
    assert httpx.post(f"{emulator.url}/emulator/clock{path}", json=sent).status_code == 400


@pytest.mark.parametrize(
    ("sent", "reads", "seconds"), [({"reads": 3}, 3, 0), ({"seconds": 60}, 0, 60), ({"immediate": True}, 0, 0)]
)
def test_progress_is_set_per_method(emulator: Emulator, sent: dict[str, object], reads: int, seconds: int) -> None:
    assert emulator.state.progress["tuningJobs"].reads == 1
    httpx.post(f"{emulator.url}/emulator/progress", json={"method": "tuningJobs", **sent})
    progress = emulator.state.progress["tuningJobs"]
    assert (progress.reads, progress.seconds) == (reads, seconds)
    assert emulator.state.progress["pipelineJobs"].reads == 1


def test_progress_counts_reads_and_the_emulators_seconds(emulator: Emulator) -> None:
    clock = emulator.state.clock
    started = clock.now()
    emulator.progress("tuningJobs", reads=2, seconds=60)
    progress = emulator.state.progress["tuningJobs"]
    assert not progress.has_passed(2, started, clock.now())
    emulator.advance(60)
    assert not progress.has_passed(1, started, clock.now())
    assert progress.has_passed(2, started, clock.now())
