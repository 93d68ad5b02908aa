"""objects.insert: media, multipart and resumable uploads.

Faithful: the three upload types, 308 with the range so far, asking for the range, repeating a chunk, checksums.
Not modelled: the minimum size of a chunk, sessions that expire or are cancelled.
"""

import email.parser
import json
import re
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.errors import StorageApiError
from emulator.routing import state
from emulator.storage_objects import (
    check,
    collection_of,
    insert,
    new_file,
    require_bucket,
    scratch,
    with_links,
)

SESSIONS = "uploads"
UPLOAD = "/upload/storage/v1/b/{bucket}/o"
CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")


async def begin(request: Request) -> Response:
    """Take an upload of the type that the query names."""
    require_bucket(state(request), request.path_params["bucket"])
    kind = request.query_params.get("uploadType")
    if kind == "resumable":
        return await begin_resumable(request)
    if kind == "multipart":
        return await take_multipart(request)
    if kind == "media":
        return await take_media(request)
    raise StorageApiError(400, f"Invalid upload type {kind}.")


async def take_media(request: Request) -> Response:
    """Store the body as it comes; all metadata is in the query and the headers."""
    content = new_file(state(request))
    await receive(request, content)
    metadata = {"contentType": request.headers.get("content-type")} | announced_checksums(request)
    return await store(request, content, metadata, dict(request.query_params))


async def take_multipart(request: Request) -> Response:
    """Store the second part; the first is the object's resource."""
    first, second, content_type = split_multipart(request.headers.get("content-type", ""), await request.body())
    metadata = {"contentType": content_type} | metadata_of(first) | announced_checksums(request)
    content = new_file(state(request))
    content.write_bytes(second)
    return await store(request, content, metadata, dict(request.query_params))


def split_multipart(content_type: str, body: bytes) -> tuple[bytes, bytes, str]:
    """Return both parts of a multipart/related body, and the content type of the second.

    Raises:
        StorageApiError: 400, the body has other than two parts.
    """
    header = email.parser.HeaderParser().parsestr(f"content-type: {content_type}")
    boundary = b"--" + str(header.get_param("boundary", "")).encode()
    # Only the boundary at a line's start counts, and the second part's bytes may be anything.
    pieces = (b"\r\n" + body).split(b"\r\n" + boundary)
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise StorageApiError(400, "Malformed multipart body.")
    (_, _, first), (head, _, second) = (piece.partition(b"\r\n\r\n") for piece in pieces[1:3])
    part = email.parser.BytesHeaderParser().parsebytes(head.lstrip() + b"\r\n")
    return first, second, part.get_content_type()


async def begin_resumable(request: Request) -> Response:
    """Open a session, and answer with its address."""
    found, bucket = state(request), request.path_params["bucket"]
    metadata = {"contentType": request.headers.get("x-upload-content-type")} | metadata_of(await request.body())
    name = object_name(metadata, dict(request.query_params))
    check(request.query_params, found.get(collection_of(bucket), name))
    session_id = found.new_id()
    scratch(found, session_id).touch()
    session = {"metadata": metadata, "query": dict(request.query_params)}
    found.put(SESSIONS, session_id, session)
    address = f"{request.base_url}upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session_id}"
    return Response(headers={"location": address, "x-guploader-uploadid": session_id})


async def resume(request: Request) -> Response:
    """Take a chunk; the last one makes the object. A repeated chunk, or one that overlaps, is taken once.

    A session that is finished answers with its object again: the client may have missed the answer.
    """
    found, session_id = state(request), request.query_params.get("upload_id", "")
    session = found.get(SESSIONS, session_id)
    if session is None:
        raise StorageApiError(404, "Not Found")
    if "object" in session:
        await request.body()
        return JSONResponse(session["object"])
    content = scratch(found, session_id)
    start, total = content_range(request)
    await receive(request, content, start)
    size = content.stat().st_size
    if total is None or size < total:
        return Response(status_code=308, headers={"range": f"bytes=0-{size - 1}"} if size else {})
    metadata = session["metadata"] | announced_checksums(request)
    answer = await store(request, content, metadata, session["query"])
    found.put(SESSIONS, session_id, session | {"object": json.loads(bytes(answer.body))})
    return answer


def content_range(request: Request) -> tuple[int | None, int | None]:
    """Return the first byte and the total size that a chunk announces; None where it says `*`.

    Without the header, the chunk is everything.
    """
    header = request.headers.get("content-range")
    if header is None:
        return 0, int(request.headers.get("content-length", "0"))
    match = CONTENT_RANGE.fullmatch(header)
    if match is None:
        raise StorageApiError(400, f"Failed to parse Content-Range header: {header}")
    start, total = match["start"], match["total"]
    return (None if start is None else int(start)), (None if total == "*" else int(total))


async def receive(request: Request, content: Path, start: int | None = 0) -> None:
    """Append what `content` does not have yet of a body that begins at byte `start`; None: it has no bytes."""
    with content.open("ab") as file:
        position = file.tell() if start is None else start
        async for chunk in request.stream():
            skip = max(file.tell() - position, 0)
            # A gap would mean lost bytes: the answer tells the client where to go on.
            if position <= file.tell():
                file.write(chunk[skip:])
            position += len(chunk)


async def store(request: Request, content: Path, metadata: dict[str, Any], query: dict[str, str]) -> Response:
    """Make the uploaded file an object."""
    bucket, name = request.path_params["bucket"], object_name(metadata, query)
    try:
        made = await run_in_threadpool(insert, state(request), bucket, name, content, metadata, query)
    finally:
        content.unlink(missing_ok=True)
    return JSONResponse(with_links(made, str(request.base_url)))


def metadata_of(raw: bytes) -> dict[str, Any]:
    """Return the object's resource that was sent, if any."""
    try:
        metadata = json.loads(raw or b"{}")
    except ValueError as error:
        raise StorageApiError(400, "Parse Error") from error
    return {field: value for field, value in dict(metadata).items() if value is not None}


def object_name(metadata: dict[str, Any], query: dict[str, str]) -> str:
    """Return the name of the object to make.

    Raises:
        StorageApiError: 400, there is none, or not one of 1 to 1024 bytes on one line.
    """
    name = str(query.get("name") or metadata.get("name") or "")
    if not name:
        raise StorageApiError(400, "Required parameter: name")
    if len(name.encode()) > 1024 or "\n" in name or "\r" in name or name in (".", ".."):
        raise StorageApiError(400, f"Invalid object name: '{name}'")
    return name


def announced_checksums(request: Request) -> dict[str, str]:
    """Return the checksums in the x-goog-hash headers."""
    pairs = [pair.strip().partition("=") for pair in ",".join(request.headers.getlist("x-goog-hash")).split(",")]
    fields = {"crc32c": "crc32c", "md5": "md5Hash"}
    return {fields[kind]: value for kind, _, value in pairs if kind in fields}


routes = [
    Route(UPLOAD, begin, methods=["POST"], name="storage.objects.insert"),
    Route(UPLOAD, resume, methods=["PUT"], name="storage.objects.insert"),
]
