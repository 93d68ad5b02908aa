"""Listing objects: prefix, delimiter, range, glob and pages.

Faithful: order by UTF-8 bytes, prefixes count as entries of a page.
Not modelled: versions, folders, soft-deleted objects.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.errors import StorageApiError
from emulator.state import LAST_CHARACTER, State
from emulator.storage_objects import Object, collection_of, number

PAGE_SIZE = 1000
GLOB_PARTS = re.compile(r"\*\*|\[[^\]]+\]|.")
GLOB_TOKENS = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}


def list_page(state: State, bucket: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page: `items`, `prefixes` and nextPageToken, each only where there is any.

    Args:
        state: Where the objects are.
        bucket: Name of an existing bucket.
        query: prefix, delimiter, startOffset, endOffset, matchGlob, maxResults, pageToken.
    """
    limit = min(number(query.get("maxResults", "0")) or PAGE_SIZE, PAGE_SIZE)
    page: dict[str, Any] = {}
    for count, (name, found) in enumerate(entries(state, bucket, query)):
        if count == limit:
            page["nextPageToken"] = base64.urlsafe_b64encode(name.encode()).decode()
            break
        page.setdefault("items" if found else "prefixes", []).append(found or name)
    return page


def entries(state: State, bucket: str, query: Mapping[str, str]) -> Iterator[tuple[str, Object | None]]:
    """Yield what a listing shows, in order: an object, or a prefix that stands for all objects below it."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    glob = re.compile(glob_pattern(query["matchGlob"])) if "matchGlob" in query else None
    collapsed = None
    for found in objects(state, bucket, query):
        name = found["name"]
        if (collapsed and name.startswith(collapsed)) or (glob and not glob.fullmatch(name)):
            continue
        head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        collapsed = prefix + head + cut if cut else None
        yield (collapsed, None) if collapsed else (name, found)


def objects(state: State, bucket: str, query: Mapping[str, str]) -> Iterator[Object]:
    """Yield the objects that have the prefix, between the offsets, from where the page starts.

    They are read in batches: a page of a large bucket costs no more than one of a small bucket.
    """
    prefix = query.get("prefix", "")
    first = max(prefix, query.get("startOffset", ""), page_start(query.get("pageToken", "")))
    end = min(prefix + LAST_CHARACTER, query.get("endOffset", "") or LAST_CHARACTER)
    while batch := state.between(collection_of(bucket), first, end, PAGE_SIZE):
        yield from batch
        first = batch[-1]["name"] + "\0"


def page_start(token: str) -> str:
    """Return the name that a page starts with."""
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError as error:
        raise StorageApiError(400, "Invalid argument.") from error


def glob_pattern(glob: str) -> str:
    r"""Return the regular expression of a matchGlob. That `a/**/b` does not match `a/b` is not verified live.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob.

    >>> glob_pattern("data/**.{json,csv}")
    'data/.*\\.(?:json|csv)'
    """
    pattern, depth = "", 0
    for part in GLOB_PARTS.findall(glob):
        depth += (part == "{") - (part == "}")
        if part.startswith("[") and part.endswith("]"):
            pattern += part.replace("[!", "[^")
        elif part == "," and not depth:
            pattern += ","
        else:
            pattern += GLOB_TOKENS.get(part) or re.escape(part)
    return pattern
