"""Cloud Storage as gemtune uses it: whole objects by URI, writes that happen once, errors that name the URI.

What must survive a kill, and what the tuning service reads, goes through here and not through a mounted folder.
The client follows ``STORAGE_EMULATOR_HOST`` by itself, so nothing here knows of an emulator.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gemtune.errors import StorageError
from gemtune.storage_errors import errors_of, is_bucket_missing

RETRY_SECONDS = 60.0

_WILDCARDS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name of a ``gs://`` URI; the name is empty for a bucket alone.

    Raises:
        StorageError: The text is not a ``gs://`` URI.

    >>> split_uri("gs://bucket/folder/train.jsonl")
    ('bucket', 'folder/train.jsonl')
    """
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket:
        raise StorageError(f"{uri!r} is no Cloud Storage URI, expected gs://BUCKET/NAME")
    return bucket, name


class StoredObject(NamedTuple):
    """What a listing tells of an object."""

    uri: str
    size: int
    """Bytes."""
    updated: datetime
    metadata: dict[str, str]


class Storage:
    """Objects in Cloud Storage, addressed by ``gs://`` URI.

    Every method raises StorageError when bucket or object is missing, access is denied, or the service stays out of
    reach for `retry_seconds`.

    Args:
        project: Google Cloud project that the calls belong to.
        retry_seconds: How long one call is retried when the service is busy or out of reach.
    """

    def __init__(self, project: str, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self.project = project
        self._retry_seconds = retry_seconds

    def read_bytes(self, uri: str) -> bytes:
        """Return the whole object."""
        with errors_of(uri, "read"):
            return bytes(self._blob(uri).download_as_bytes(retry=self._retry))

    def read_text(self, uri: str) -> str:
        """Return the whole object, decoded as UTF-8."""
        return _decode(uri, self.read_bytes(uri))

    def lines(self, uri: str) -> Iterator[bytes]:
        """Yield the object line by line, newlines kept, in constant memory.

        The object goes through a temporary file: only a whole download is checked against its checksum,
        and ranges of a gzip-encoded object are not what they seem.
        """
        with tempfile.TemporaryFile() as file:
            with errors_of(uri, "read"):
                self._blob(uri).download_to_file(file, retry=self._retry)
            file.seek(0)
            yield from file

    def exists(self, uri: str) -> bool:
        """Tell whether the object is there; False in a missing bucket, too."""
        with errors_of(uri, "read"):
            return bool(self._blob(uri).exists(retry=self._retry))

    def find(self, pattern_uri: str) -> list[str]:
        """Return the URIs that match, sorted; empty when none does.

        Args:
            pattern_uri: URI in which ``*`` and ``?`` stand for characters other than ``/``, and ``**`` for any.
        """
        bucket, pattern = split_uri(pattern_uri)
        prefix = re.split(r"[*?]", pattern)[0]
        if prefix == pattern:
            return [pattern_uri] if self.exists(pattern_uri) else []
        with errors_of(pattern_uri, "list"):
            names = [blob.name for blob in self._client.list_blobs(bucket, prefix=prefix, retry=self._retry)]
        parts = re.split(r"(\*\*|\*|\?)", pattern)
        expression = re.compile("".join(_WILDCARDS.get(part, re.escape(part)) for part in parts), re.DOTALL)
        # A name that ends in a slash is a folder made in the console, never data.
        return sorted(f"gs://{bucket}/{name}" for name in names if expression.fullmatch(name) and name[-1] != "/")

    def objects(self, folder_uri: str) -> Iterator[StoredObject]:
        """Yield what is stored below a folder, in order of the names; nothing where there is nothing."""
        bucket, folder = split_uri(folder_uri)
        with errors_of(folder_uri, "list"):
            for blob in self._client.list_blobs(bucket, prefix=f"{folder.rstrip('/')}/", retry=self._retry):
                uri = f"gs://{bucket}/{blob.name}"
                yield StoredObject(uri, int(blob.size), blob.updated, dict(blob.metadata or {}))

    def delete(self, uri: str) -> None:
        """Delete an object."""
        with errors_of(uri, "delete"):
            self._blob(uri).delete(retry=self._retry)

    def write_text(
        self, uri: str, text: str, content_type: str = "application/json", metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write the object, replacing what was there; metadata is kept beside it."""
        blob = self._blob(uri)
        blob.metadata = dict(metadata or {}) or None
        with errors_of(uri, "write"):
            blob.upload_from_string(text.encode(), content_type=content_type, retry=self._retry)

    def create_text(self, uri: str, text: str) -> bool:
        """Write the object unless there is one; return False, and change nothing, if there is."""
        return self._write_if(uri, text, generation=0)

    def read_versioned(self, uri: str) -> tuple[str, int] | None:
        """Return text and generation of the object, for `replace_text`; None if there is no object."""
        from google.api_core.exceptions import NotFound

        blob = self._blob(uri)
        with errors_of(uri, "read"):
            try:
                # The answer carries the generation of these very bytes (x-goog-generation).
                data = blob.download_as_bytes(retry=self._retry)
            except NotFound as error:
                if is_bucket_missing(error):
                    raise
                return None
        return _decode(uri, data), int(blob.generation)

    def replace_text(self, uri: str, text: str, generation: int) -> bool:
        """Write the object if it still has that generation; return False, and change nothing, if not."""
        return self._write_if(uri, text, generation=generation)

    def upload(self, path: Path, uri: str) -> None:
        """Copy a local file to an object."""
        with errors_of(uri, "write"):
            self._blob(uri).upload_from_filename(str(path), retry=self._retry)

    def download(self, uri: str, path: Path) -> None:
        """Copy an object to a local file; nothing is left there if it fails."""
        with errors_of(uri, "read"):
            self._blob(uri).download_to_filename(str(path), retry=self._retry)

    def copy(self, source: str, target: str) -> None:
        """Copy an object within Cloud Storage, of any size and between locations, without reading it."""
        token, blob = None, self._blob(target)
        with errors_of(source, "copy"):
            while True:
                token, *_ = blob.rewrite(self._blob(source), token=token, retry=self._retry)
                if token is None:
                    return

    def ensure_bucket(self, uri: str) -> None:
        """Create the bucket of a URI unless it is there."""
        with errors_of(uri, "create the bucket of"):
            bucket = self._client.bucket(split_uri(uri)[0])
            if not bucket.exists(retry=self._retry):
                bucket.create(retry=self._retry)

    def upload_by_content(self, path: Path, folder_uri: str, suffix: str) -> str:
        """Upload a file under the sha256 of its bytes unless it is there already, and return its URI.

        Args:
            path: Local file.
            folder_uri: ``gs://`` folder, with or without its last slash.
            suffix: End of the object's name, such as ``.jsonl``.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        uri = f"{folder_uri.rstrip('/')}/{digest}{suffix}"
        if not self.exists(uri):
            self.upload(path, uri)
        return uri

    def _write_if(self, uri: str, text: str, *, generation: int) -> bool:
        """Write while the generation holds.

        An answer can get lost after the write was done; the retry then meets its own object and is refused.
        A mark in the object's metadata tells that case from a write of somebody else.
        """
        from google.api_core.exceptions import PreconditionFailed

        blob, mark = self._blob(uri), uuid.uuid4().hex
        blob.metadata = {"gemtune-write": mark}
        with errors_of(uri, "write"):
            try:
                blob.upload_from_string(
                    text.encode(), content_type="application/json", if_generation_match=generation, retry=self._retry
                )
                return True
            except PreconditionFailed:
                found = blob.bucket.get_blob(blob.name, retry=self._retry)
                return bool(found and (found.metadata or {}).get("gemtune-write") == mark)

    @cached_property
    def _client(self) -> Any:
        from google.cloud import storage

        return storage.Client(project=self.project)

    @cached_property
    def _retry(self) -> Any:
        """The client's own retry, with an end that a waiting person can accept."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._retry_seconds).with_delay(initial=0.2, maximum=10.0)

    def _blob(self, uri: str) -> Any:
        bucket, name = split_uri(uri)
        if not name:
            raise StorageError(f"{uri}: found a bucket, expected an object gs://{bucket}/NAME")
        return self._client.bucket(bucket).blob(name)


def _decode(uri: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise StorageError(f"{uri}: byte {error.start} is not UTF-8, expected UTF-8 text") from error
