"""Reads a JSON request as Google's servers do: into known fields of known types, camelCase or snake_case.

Faithful: unknown names and wrong types are refused with the real wording; null is as good as absent.
Not modelled: fields that only one of v1 and v1beta1 has; both versions take all of them.
Source of the rules: https://protobuf.dev/programming-guides/json/.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from emulator.errors import ApiError, invalid_argument

Schema: TypeAlias = "str | tuple[str, ...] | list[Schema] | Mapping[str, Schema]"
"""A message is a mapping of its fields, a repeated field a list of one schema, an enum a tuple of its values.

A scalar is its protobuf type, and "any" takes whatever it is given."""

_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "bool": (bool,),
    "int32": (int,),
    "int64": (int, str),
    "double": (float, int),
    "map": (dict,),
}


def read_fields(document: Any, schema: Schema, path: str = "") -> Any:
    """Return `document` with camelCase names, or refuse it.

    Args:
        document: Decoded JSON.
        schema: What it should be.
        path: Where it stands in the request, as error messages name it.

    Raises:
        ApiError: 400, with the path of what is unknown or of the wrong type.
    """
    if isinstance(schema, list):
        return [read_fields(item, schema[0], f"{path}[{at}]") for at, item in enumerate(_of_type(document, list, path))]
    if isinstance(schema, Mapping):
        return _read_message(_of_type(document, dict, path), schema, path)
    if isinstance(schema, tuple):
        return _read_enum(document, schema, path)
    return _read_scalar(document, schema, path)


def _read_message(document: dict[str, Any], schema: Mapping[str, Schema], path: str) -> dict[str, Any]:
    fields = {}
    for name, value in document.items():
        known = camel_case(name)
        if known not in schema:
            where = f" at '{path}'" if path else ""
            raise _refusal(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.', path)
        if value is not None:
            inner = ".".join(filter(None, [path, snake_case(known)]))
            fields[known] = read_fields(value, schema[known], inner)
    return fields


def _read_enum(value: Any, values: tuple[str, ...], path: str) -> str:
    if value not in values:
        raise _refusal(f"Invalid value at '{path}' (TYPE_ENUM), \"{value}\"", path)
    return str(value)


def _read_scalar(value: Any, kind: str, path: str) -> Any:
    if kind == "any":
        return value
    wrong = not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "bool")
    if wrong or (kind == "int64" and not re.fullmatch(r"-?\d+", str(value))):
        raise _refusal(f"Invalid value at '{path}' (TYPE_{kind.upper()}), {value!r}", path)
    return str(int(value)) if kind == "int64" else value


def _of_type(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        raise _refusal(f"Invalid value at '{path}' (TYPE_MESSAGE), {value!r}", path)
    return value


def _refusal(message: str, path: str) -> ApiError:
    return invalid_argument(message, path or "")


def camel_case(name: str) -> str:
    """Return a field's JSON name.

    >>> camel_case("kms_key_name"), camel_case("kmsKeyName")
    ('kmsKeyName', 'kmsKeyName')
    """
    return re.sub("_([a-z0-9])", lambda match: match[1].upper(), name)


def snake_case(name: str) -> str:
    """Return a field's name in the proto file, which error messages use.

    >>> snake_case("trainingDatasetUri")
    'training_dataset_uri'
    """
    return re.sub("([A-Z])", lambda match: "_" + match[1].lower(), name)
