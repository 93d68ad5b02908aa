"""JSON of requests and answers, held against Google's published protos."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor


def unknown(body: Any, message: Descriptor, path: str = "") -> Iterator[str]:
    """Paths of the fields in `body` that the message does not have."""
    fields = {name: field for field in message.fields for name in (field.name, field.json_name)}
    for name, value in body.items():
        field, inner = fields.get(name), f"{path}{name}"
        if field is None:
            yield inner
        elif field.message_type and not field.message_type.GetOptions().map_entry:
            for item in value if isinstance(value, list) else [value]:
                # Well-known types such as Timestamp and Struct have JSON forms of their own.
                if isinstance(item, dict) and not field.message_type.full_name.startswith("google.protobuf."):
                    yield from unknown(item, field.message_type, f"{inner}.")


def compare(body: dict[str, Any], message: Any) -> set[str]:
    """Check the JSON types of all known fields, and return the unknown ones."""
    empty = message.pb()()
    json_format.ParseDict(body, empty, ignore_unknown_fields=True)
    return set(unknown(body, empty.DESCRIPTOR))
