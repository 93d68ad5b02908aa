"""objects.get with alt=media: the bytes of an object, or a range of them.

Faithful: ranges, the headers that clients verify checksums with, errors as plain text.
Not modelled: decompression of stored gzip (it is sent as stored, with its content encoding).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from emulator.errors import StorageApiError
from emulator.routing import state
from emulator.storage_objects import CHUNK, Object, content_of

RANGE = re.compile(r"bytes=(?P<first>\d*)-(?P<last>\d*)")
AS_STORED = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
}
"""Headers of a download that repeat what the client once set."""


def download(request: Request, found: Object) -> Response:
    """Answer with the bytes that the Range header asks for; all of them without one."""
    size = int(found["size"])
    wanted = byte_range(request.headers.get("range", ""), size)
    if wanted is None:
        message = "The requested range cannot be satisfied."
        return PlainTextResponse(message, status_code=416, headers={"content-range": f"bytes */{size}"})
    headers = headers_of(found) | {"content-length": str(len(wanted))}
    partial = "range" in request.headers
    if partial:
        headers["content-range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    try:
        # Opened before the answer starts: an object that is replaced meanwhile is still sent whole, as it was.
        content = content_of(state(request), found).open("rb")
    except FileNotFoundError as error:
        raise StorageApiError(503, "The object is being replaced.") from error
    return StreamingResponse(
        chunks(content, wanted),
        status_code=206 if partial else 200,
        headers=headers,
        media_type=found["contentType"],
    )


def byte_range(header: str, size: int) -> range | None:
    """Return the bytes of a Range header; None if there are none of them.

    >>> byte_range("", 10), byte_range("bytes=2-4", 10), byte_range("bytes=-3", 10), byte_range("bytes=10-", 10)
    (range(0, 10), range(2, 5), range(7, 10), None)
    """
    match = RANGE.fullmatch(header)
    if match is None:
        return range(size)
    if not match["first"]:
        return range(max(size - int(match["last"] or 0), 0), size)
    first, last = int(match["first"]), int(match["last"] or size)
    return range(first, min(last + 1, size)) if first < size else None


def headers_of(found: Object) -> dict[str, str]:
    """Return what a download says about the whole object."""
    hashes = [f"crc32c={found['crc32c']}"] + ([f"md5={found['md5Hash']}"] if "md5Hash" in found else [])
    return {
        "etag": found["etag"],
        "last-modified": format_datetime(datetime.fromisoformat(found["updated"]), usegmt=True),
        "x-goog-generation": found["generation"],
        "x-goog-metageneration": found["metageneration"],
        "x-goog-hash": ",".join(hashes),
        "x-goog-storage-class": found["storageClass"],
        "x-goog-stored-content-encoding": found.get("contentEncoding", "identity"),
        "x-goog-stored-content-length": found["size"],
        **{header: found[field] for header, field in AS_STORED.items() if field in found},
    }


def chunks(content: BinaryIO, wanted: range) -> Iterator[bytes]:
    """Yield the wanted bytes of an open file, and close it."""
    with content as file:
        file.seek(wanted.start)
        left = len(wanted)
        while left:
            chunk = file.read(min(left, CHUNK))
            left -= len(chunk)
            yield chunk
