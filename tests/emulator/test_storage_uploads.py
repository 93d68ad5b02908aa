import base64
import hashlib
import io
import random

import httpx
import pytest
from google.api_core.exceptions import PreconditionFailed
from google.cloud.storage import Bucket

from emulator.storage import object_exists
from tests.conftest import Emulator


def put(bucket: Bucket, *names: str) -> None:
    for name in names:
        bucket.blob(name).upload_from_string(name)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"--", b"a\r\n\r\nb\r\n"])
def test_any_bytes_survive_a_multipart_upload(bucket: Bucket, content: bytes) -> None:
    bucket.blob("a").upload_from_string(content)
    assert bucket.blob("a").download_as_bytes() == content


def test_a_large_file_goes_up_in_chunks_and_comes_down_in_chunks(bucket: Bucket, emulator: Emulator) -> None:
    content = random.Random(0).randbytes(20_000_000)
    blob = bucket.blob("large", chunk_size=4 * 1024 * 1024)
    blob.upload_from_file(io.BytesIO(content), size=len(content))
    assert len(emulator.requests("storage.objects.insert")) == 1 + 5
    assert blob.download_as_bytes() == content
    assert bucket.blob("large").download_as_bytes() == content
    blob.reload()
    assert blob.md5_hash == base64.b64encode(hashlib.md5(content).digest()).decode()


def test_a_stream_of_unknown_size_is_written(bucket: Bucket) -> None:
    with bucket.blob("stream").open("w", chunk_size=256 * 1024) as file:
        for number in range(60_000):
            file.write(f"{number:09d}\n")
    with bucket.blob("stream").open("r", chunk_size=256 * 1024) as file:
        assert sum(1 for _ in file) == 60_000


def test_an_interrupted_upload_goes_on_where_it_stopped(emulator: Emulator, bucket: Bucket) -> None:
    upload = f"{emulator.url}/upload/storage/v1/b/gemtune-local/o"
    session = httpx.post(upload, params={"uploadType": "resumable", "name": "a"}).headers["location"]
    first = httpx.put(session, content=b"abcdef", headers={"content-range": "bytes 0-5/9"})
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-5")
    asked = httpx.put(session, headers={"content-range": "bytes */9"})
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-5")
    gap = httpx.put(session, content=b"i", headers={"content-range": "bytes 8-8/9"})
    assert (gap.status_code, gap.headers["range"]) == (308, "bytes=0-5")
    overlap = httpx.put(session, content=b"efghi", headers={"content-range": "bytes 4-8/9"})
    assert overlap.status_code == 200
    repeated = httpx.put(session, headers={"content-range": "bytes */9"})
    assert repeated.json() == overlap.json()
    assert bucket.blob("a").download_as_bytes() == b"abcdefghi"


@pytest.mark.parametrize("code", [503, 0])
def test_a_large_upload_rides_out_a_fault(emulator: Emulator, bucket: Bucket, code: int) -> None:
    content = random.Random(0).randbytes(1_000_000)
    blob = bucket.blob("large", chunk_size=256 * 1024)
    emulator.fail("storage.objects.insert", code=code, reset=not code)
    blob.upload_from_file(io.BytesIO(content), size=len(content), if_generation_match=0)
    assert blob.download_as_bytes() == content
    assert emulator.faults_hit() == 1


def test_bytes_other_than_announced_are_refused(emulator: Emulator) -> None:
    upload = f"{emulator.url}/upload/storage/v1/b/gemtune-local/o"
    sent = {"params": {"uploadType": "media", "name": "a"}, "headers": {"x-goog-hash": "crc32c=AAAAAA=="}}
    answer = httpx.post(upload, content=b"text", **sent)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith('Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C')
    assert not object_exists(emulator.state, "gs://gemtune-local/a")


def test_a_resumable_upload_obeys_preconditions(bucket: Bucket) -> None:
    put(bucket, "lock")
    with pytest.raises(PreconditionFailed):
        bucket.blob("lock", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"x" * 300_000), if_generation_match=0)
