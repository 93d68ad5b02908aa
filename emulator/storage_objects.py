"""Objects of Cloud Storage: their resources in the state, their bytes in one file per generation.

A file is never written twice: an object that is replaced gets a new file, so that a reader keeps what it
opened, and any name works, `a` beside `a/b`.

Faithful: generations, metagenerations, preconditions and their errors, checksums.
Not modelled: versioning, soft deletion, retention, storage classes that cost to read.
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google_crc32c

from emulator.errors import StorageApiError
from emulator.state import State

BUCKETS = "buckets"
UNMET = "At least one of the pre-conditions you specified did not hold."
WRITABLE = {
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "eventBasedHold",
    "metadata",
    "storageClass",
    "temporaryHold",
}
"""Fields of an object that a client sets. Source: https://cloud.google.com/storage/docs/json_api/v1/objects."""

CHUNK = 1024 * 1024
Object = dict[str, Any]
"""An object's resource as the API returns it, without links."""


def collection_of(bucket: str) -> str:
    """Return the collection of the state that holds the objects of `bucket`."""
    return f"objects/{bucket}"


def content_of(state: State, found: Object) -> Path:
    """Return the file with the bytes of an object."""
    return state.folder / "objects" / str(found["generation"])


def scratch(state: State, name: str) -> Path:
    """Return the path of an upload on its way in."""
    folder = state.folder / "uploads"
    folder.mkdir(exist_ok=True)
    return folder / name


def new_file(state: State) -> Path:
    """Return the path of a file that nobody else writes."""
    return scratch(state, state.new_id())


def with_links(found: Object, base_url: str) -> Object:
    """Return an object's resource with its addresses on this server, whose port may change with every start."""
    path = f"storage/v1/b/{found['bucket']}/o/{quote(found['name'], safe='')}"
    media = f"{base_url}download/{path}?generation={found['generation']}&alt=media"
    return {**found, "selfLink": base_url + path, "mediaLink": media}


def require_bucket(state: State, bucket: str) -> dict[str, Any]:
    """Return a bucket's resource.

    Raises:
        StorageApiError: 404.
    """
    found = state.get(BUCKETS, bucket)
    if found is None:
        raise StorageApiError(404, "The specified bucket does not exist.")
    return found


def require(state: State, bucket: str, name: str, generation: str = "") -> Object:
    """Return an object; with `generation`, only if that is the live one.

    Raises:
        StorageApiError: 404, there is no such bucket or object.
    """
    require_bucket(state, bucket)
    found = state.get(collection_of(bucket), name)
    if found is None or generation not in ("", found["generation"]):
        raise StorageApiError(404, f"No such object: {bucket}/{name}")
    return found


def check(conditions: Mapping[str, str], found: Object | None, prefix: str = "if") -> None:
    """Check the preconditions among the query parameters; generation 0 stands for no object.

    Args:
        conditions: Query parameters; others are ignored.
        found: The live object.
        prefix: "ifSource" for those on the source of a copy.

    Raises:
        StorageApiError: 412, one does not hold; 400, one is no number.
    """
    for field in ("generation", "metageneration"):
        actual = int(found[field]) if found else 0
        name = field.capitalize()
        match, differ = conditions.get(f"{prefix}{name}Match"), conditions.get(f"{prefix}{name}NotMatch")
        if match is not None and number(match) != actual:
            raise StorageApiError(412, UNMET)
        if differ is not None and number(differ) == actual:
            raise StorageApiError(412, UNMET)


def number(text: str) -> int:
    """Return a query parameter as int64."""
    try:
        return int(text)
    except ValueError as error:
        raise StorageApiError(400, f"Invalid value '{text}'. Values must be of type int64.") from error


def checksums(content: Path) -> dict[str, str]:
    """Return crc32c and md5Hash of a file as the API writes them."""
    crc32c, md5 = 0, hashlib.md5(usedforsecurity=False)
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc32c = google_crc32c.extend(crc32c, chunk)
            md5.update(chunk)
    return {
        "crc32c": base64.b64encode(crc32c.to_bytes(4, "big")).decode(),
        "md5Hash": base64.b64encode(md5.digest()).decode(),
    }


def compare_checksums(expected: Mapping[str, Any], actual: Mapping[str, str]) -> None:
    """Refuse an upload whose bytes are not those the client announced."""
    for field, title in (("crc32c", "CRC32C"), ("md5Hash", "MD5 hash")):
        wanted = expected.get(field)
        if wanted and wanted != actual[field]:
            message = f'Provided {title} "{wanted}" doesn\'t match calculated {title} "{actual[field]}".'
            raise StorageApiError(400, message)


def insert(
    state: State,
    bucket: str,
    name: str,
    content: Path,
    metadata: Mapping[str, Any],
    conditions: Mapping[str, str],
) -> Object:
    """Make `content` the live generation of an object, and return its resource.

    Args:
        state: Where it is kept.
        bucket: Name of the bucket.
        name: Name of the object.
        content: File with the bytes; it is moved away.
        metadata: The object's resource as the client sent it, with checksums if it computed them.
        conditions: Query parameters, with preconditions.

    Raises:
        StorageApiError: 404, no such bucket; 412, a precondition does not hold; 400, checksums differ.
    """
    require_bucket(state, bucket)
    actual = checksums(content)
    compare_checksums(metadata, actual)
    with state.transaction():
        previous = state.get(collection_of(bucket), name)
        check(conditions, previous)
        generation = next_generation(state)
        now = timestamp(state)
        written = {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "generation": generation,
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(content.stat().st_size),
            **actual,
            **writable(metadata),
            **dict.fromkeys(["timeCreated", "updated", "timeStorageClassUpdated", "timeFinalized"], now),
        }
        content.replace(content_of(state, written))
        put(state, written, metageneration=1)
    if previous:
        content_of(state, previous).unlink(missing_ok=True)
    return written


def writable(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a resource that a client sets, where they are set."""
    return {field: value for field, value in sent.items() if field in WRITABLE and value is not None}


def put(state: State, changed: Object, *, metageneration: int) -> None:
    """Keep an object's resource under a new metageneration."""
    generation = int(changed["generation"])
    etag = base64.b64encode(f"{generation}/{metageneration}".encode()).decode()
    changed |= {"metageneration": str(metageneration), "etag": etag}
    changed["id"] = f"{changed['bucket']}/{changed['name']}/{generation}"
    state.put(collection_of(changed["bucket"]), changed["name"], changed)


def patch(state: State, found: Object, changes: Mapping[str, Any]) -> Object:
    """Change the writable fields of an object; null removes one, and `metadata` is merged key by key."""
    for field, value in changes.items():
        if field == "metadata" and value is not None:
            merged = found.get("metadata", {}) | value
            found["metadata"] = {key: text for key, text in merged.items() if text is not None}
        elif field in WRITABLE:
            found[field] = value
    kept = {field: value for field, value in found.items() if value not in (None, {})}
    kept["updated"] = timestamp(state)
    put(state, kept, metageneration=int(found["metageneration"]) + 1)
    return kept


def delete(state: State, found: Object) -> None:
    """Forget an object and its bytes."""
    state.delete(collection_of(found["bucket"]), found["name"])
    content_of(state, found).unlink(missing_ok=True)


def next_generation(state: State) -> str:
    """Return a number above all before it: microseconds of real time, as the service does."""
    folder = state.folder / "objects"
    folder.mkdir(exist_ok=True)
    with state.transaction():
        last = state.get("counters", "generation") or {"value": 0}
        value = max(last["value"] + 1, time.time_ns() // 1000)
        state.put("counters", "generation", {"value": value})
    return str(value)


def timestamp(state: State) -> str:
    """Return now as Cloud Storage writes it: milliseconds."""
    return state.clock.timestamp()[:-4] + "Z"
