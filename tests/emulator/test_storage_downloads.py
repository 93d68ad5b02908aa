from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud.exceptions import RequestRangeNotSatisfiable
from google.cloud.storage import Blob, Bucket, Client

from emulator import storage_downloads
from emulator.storage import write_object
from tests.conftest import Emulator


def put(bucket: Bucket, *names: str) -> None:
    for name in names:
        bucket.blob(name).upload_from_string(name)


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(2, 4, b"234"), (7, None, b"789"), (8, 99, b"89"), (0, 0, b"0"), (-3, None, b"789")]
)
def test_a_range_is_exact(bucket: Bucket, start: int, end: int | None, expected: bytes) -> None:
    put(bucket, "0123456789")
    assert bucket.blob("0123456789").download_as_bytes(start=start, end=end) == expected


def test_a_range_beyond_the_end_is_refused(bucket: Bucket) -> None:
    put(bucket, "0123456789")
    with pytest.raises(RequestRangeNotSatisfiable):
        bucket.blob("0123456789").download_as_bytes(start=10)


def test_a_reader_keeps_what_it_opened(emulator: Emulator, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string(b"1" * 5_000_000)
    with httpx.stream("GET", f"{emulator.url}/storage/v1/b/gemtune-local/o/a?alt=media") as answer:
        pieces = answer.iter_bytes()
        read = next(pieces)
        bucket.blob("a").upload_from_string(b"2" * 10)
        assert read + b"".join(pieces) == b"1" * 5_000_000


def test_an_object_that_is_replaced_while_it_is_sent_arrives_whole(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "gs://gemtune-local/replaced"
    write_object(emulator.state, uri, b"first")
    chunks = storage_downloads.chunks

    def replaced(content: Any, wanted: range) -> Iterator[bytes]:
        write_object(emulator.state, uri, b"second, longer")
        return chunks(content, wanted)

    monkeypatch.setattr(storage_downloads, "chunks", replaced)
    assert Blob.from_uri(uri, client=Client(project=emulator.project)).download_as_bytes() == b"first"
