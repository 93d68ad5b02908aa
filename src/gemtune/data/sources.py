"""Sources: the user's raw files, copied once to names made of their content.

A pipeline that reads `gs://data/train.jsonl` cannot tell that the object changed since the last run. A name that
contains the sha256 of the bytes can: equal bytes have one name wherever they came from, changed bytes another.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gemtune.data.splits import SPLITS
from gemtune.errors import SpecError, StorageError
from gemtune.storage import Storage


def stage(patterns: Mapping[str, str], *, bucket: str, storage: Storage) -> str:
    """Copy every source to ``gs://BUCKET/gemtune/sources/SHA256/NAME`` unless it is there, and list them in a manifest.

    The manifest, too, is named after its content: the same sources with the same bytes give the same URI.

    Args:
        patterns: Per split (train, validation, test), ``gs://`` URIs or wildcards separated by commas; may be empty.
        bucket: Bucket of the copies, without ``gs://``.
        storage: Where the sources are read and the copies written.

    Returns:
        URI of the manifest ``{split: [{"uri", "staged", "bytes"}]}``, which names every split.

    Raises:
        StorageError: A source is missing or unreadable, or a wildcard matches nothing.
    """
    manifest = {
        split: [_stage_source(uri, bucket, storage) for uri in _find_all(patterns.get(split, ""), storage)]
        for split in SPLITS
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    uri = f"{_folder(bucket)}/{hashlib.sha256(text.encode()).hexdigest()}.json"
    storage.create_text(uri, text)
    return uri


def upload_local(value: str, *, folder: Path, bucket: str, storage: Storage) -> str:
    """Upload the local files among sources, and return the sources with ``gs://`` URIs in their place.

    Args:
        value: Sources separated by commas: local paths, local wildcards (``*``, ``**``, ``?``) or ``gs://`` URIs.
        folder: What local paths are relative to: the folder of the tuning spec.
        bucket: Bucket to upload to, without ``gs://``; the names are those that `stage` gives.
        storage: Where the files are uploaded.

    Raises:
        SpecError: A path is no file, or a wildcard matches none.
    """
    uris: list[str] = []
    for item in _items(value):
        if item.startswith("gs://"):
            uris.append(item)
        else:
            uris += [_upload(path, path.name, bucket, storage) for path in _local_files(item, folder)]
    return ", ".join(dict.fromkeys(uris))


def find_sources(
    value: str, *, folder: Path, storage: Storage, copies: Mapping[str, Path] = MappingProxyType({})
) -> list[str]:
    """Return every source once, as local path or ``gs://`` URI, and copy nothing.

    Args:
        value: Sources separated by commas, as `upload_local` takes them.
        folder: What local paths are relative to.
        storage: Where URIs are looked up.
        copies: Local files that stand in for URIs.

    Raises:
        SpecError: A path is no file, or a wildcard matches none.
        StorageError: An object is missing or unreadable.
    """
    found: list[str] = []
    for item in _items(value):
        if item in copies:
            found.append(str(copies[item]))
        elif item.startswith("gs://"):
            found += _find_all(item, storage)
        else:
            found += map(str, _local_files(item, folder))
    return list(dict.fromkeys(found))


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _folder(bucket: str) -> str:
    return f"gs://{bucket}/gemtune/sources"


def _find_all(value: str, storage: Storage) -> list[str]:
    """Return every source once, in the order they are named."""
    found: dict[str, None] = {}
    for pattern in _items(value):
        uris = storage.find(pattern)
        if not uris:
            missing = "no object matches this wildcard" if re.search(r"[*?]", pattern) else "there is no such object"
            raise StorageError(f"{pattern}: {missing}, expected a source file", next="correct the name, or upload it")
        found.update(dict.fromkeys(uris))
    return list(found)


def _stage_source(uri: str, bucket: str, storage: Storage) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "source")
        storage.download(uri, path)
        # The hashed bytes are uploaded, not the object copied: it could change between the two.
        staged = _upload(path, uri.rpartition("/")[2], bucket, storage)
        return {"uri": uri, "staged": staged, "bytes": path.stat().st_size}


def _upload(path: Path, name: str, bucket: str, storage: Storage) -> str:
    # A comma separates sources, and a wildcard in a name would match other objects.
    return storage.upload_by_content(path, _folder(bucket), "/" + re.sub(r"[,*?]", "_", name))


def _local_files(item: str, folder: Path) -> list[Path]:
    path = folder / Path(item).expanduser()
    if path.is_file():
        return [path]
    if re.search(r"[*?]", item):
        found = sorted(each for each in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if each.is_file())
        if found:
            return found
        raise SpecError(f"{path}: no file matches this wildcard", next="correct it, or name a gs:// URI")
    found_text = "is a folder" if path.is_dir() else "there is no such file"
    raise SpecError(f"{path}: {found_text}, expected a local file or a gs:// URI", next="correct the path")
