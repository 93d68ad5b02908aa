import time

import httpx
import pytest
from google.api_core.exceptions import NotFound, ServiceUnavailable, TooManyRequests
from google.cloud import storage
from google.cloud.storage import Bucket

from tests.conftest import Emulator

GET = "storage.objects.get"


@pytest.fixture
def bucket(emulator: Emulator) -> Bucket:
    return storage.Client().bucket(emulator.bucket)


def test_a_fault_is_met_as_often_as_ordered(emulator: Emulator, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string("text")
    emulator.fail(GET, times=2)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="The service is currently unavailable"):
            bucket.blob("a").reload(retry=None)
    bucket.blob("a").reload(retry=None)
    assert emulator.faults_hit() == 2


def test_the_official_client_rides_out_a_fault(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail("storage.objects.list", code=503)
    assert list(bucket.list_blobs()) == []
    assert emulator.faults_hit() == 1
    assert len(emulator.requests("storage.objects.list")) == 2


def test_too_many_requests_has_the_text_of_pay_as_you_go(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail(GET, code=429)
    with pytest.raises(
        TooManyRequests, match=r"Resource exhausted\. Please try again later\. Please refer to https://"
    ):
        bucket.blob("a").reload(retry=None)


def test_a_fault_can_carry_its_own_words(emulator: Emulator) -> None:
    emulator.fail("operations.get", code=400, status="FAILED_PRECONDITION", message="not now")
    path = "/v1/projects/gemtune-local/locations/us-central1/operations/1"
    answer = httpx.get(emulator.url + path, headers={"Authorization": f"Bearer {emulator.state.token}"})
    assert answer.json() == {"error": {"code": 400, "message": "not now", "status": "FAILED_PRECONDITION"}}


def test_other_methods_do_not_meet_the_fault(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail(GET, times=5)
    bucket.blob("a").upload_from_string("text")
    assert emulator.faults_hit() == 0


def test_a_reset_gives_no_answer(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail(GET, code=0, reset=True)
    with pytest.raises(httpx.ReadError):
        httpx.get(f"{emulator.url}/storage/v1/b/gemtune-local/o/a")
    assert emulator.faults_hit() == 1
    with pytest.raises(NotFound):
        bucket.blob("a").reload()


def test_an_answer_can_be_lost_after_the_work_is_done(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail("storage.objects.insert", code=0, reset=True, performed=True)
    with pytest.raises(httpx.ReadError):
        url = f"{emulator.url}/upload/storage/v1/b/gemtune-local/o"
        httpx.post(url, params={"uploadType": "media", "name": "a"}, content=b"text")
    assert bucket.blob("a").download_as_bytes() == b"text"


def test_a_delay_alone_still_answers(emulator: Emulator, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string("text")
    emulator.fail(GET, code=0, delay_seconds=0.05)
    began = time.monotonic()
    assert bucket.blob("a").download_as_bytes() == b"text"
    assert time.monotonic() - began >= 0.05


def test_a_large_body_is_read_before_the_fault_answers(emulator: Emulator, bucket: Bucket) -> None:
    emulator.fail("storage.objects.insert", code=503)
    with pytest.raises(ServiceUnavailable):
        bucket.blob("a").upload_from_string(b"x" * 5_000_000, retry=None)


def test_faults_are_ordered_listed_and_cleared_over_http(emulator: Emulator) -> None:
    faults = f"{emulator.url}/emulator/faults"
    ordered = httpx.post(faults, json={"method": GET, "times": 2, "code": 503}).json()
    assert (ordered["method"], ordered["times"], ordered["hit"]) == (GET, 2, 0)
    httpx.get(f"{emulator.url}/storage/v1/b/gemtune-local/o/a")
    assert [fault["hit"] for fault in httpx.get(faults).json()] == [1]
    httpx.delete(faults)
    assert httpx.get(faults).json() == []
    assert httpx.get(f"{emulator.url}/storage/v1/b/gemtune-local/o/a").status_code == 404


@pytest.mark.parametrize("order", [{"times": 1}, {"method": GET, "tmies": 1}, {"method": GET, "times": "twice"}])
def test_a_fault_that_makes_no_sense_is_refused(emulator: Emulator, order: dict[str, object]) -> None:
    assert httpx.post(f"{emulator.url}/emulator/faults", json=order).status_code == 400


def test_a_share_of_the_calls_is_spread_evenly(emulator: Emulator, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string("text")
    emulator.fail(GET, times=100, share=0.3)
    found = []
    for _ in range(10):
        try:
            bucket.blob("a").reload(retry=None)
            found.append(True)
        except ServiceUnavailable:
            found.append(False)
    assert found.count(False) == emulator.faults_hit() == 3
    assert found[-3:] != [False] * 3


def test_a_fault_ends_by_the_emulators_clock(emulator: Emulator, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string("text")
    emulator.fail(GET, times=100, seconds=60)
    emulator.advance(59)
    with pytest.raises(ServiceUnavailable):
        bucket.blob("a").reload(retry=None)
    emulator.advance(2)
    bucket.blob("a").reload(retry=None)
    assert emulator.faults_hit() == 1


def test_a_fault_can_answer_with_any_text(emulator: Emulator) -> None:
    emulator.fail("operations.get", code=0, body='{"done": tr')
    path = "/v1/projects/gemtune-local/locations/us-central1/operations/1"
    answer = httpx.get(emulator.url + path, headers={"Authorization": f"Bearer {emulator.state.token}"})
    assert (answer.status_code, answer.text) == (200, '{"done": tr')
