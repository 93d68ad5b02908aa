"""What is wrong with a tuning spec, in words: ``spec.yaml:7: key: what was found, what was expected: what next``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gemtune.errors import SpecError, did_you_mean, shown

Path = tuple[str, ...]
"""A key by its path from the top of the spec."""

_QUOTE = "put it in quotes"
_GIVE = "give a value, or remove the line"
_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_long": "at most {max_length} of them",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "some text",
}


def describe(error: ValidationError, kind: type[BaseModel], places: Mapping[Path, str], where: str) -> list[str]:
    """Return one line for each problem, in the order of the file.

    Args:
        error: What pydantic found.
        kind: The model that was validated; its descriptions say what a key is for.
        places: Where each given key stands, such as ``spec.yaml:7``.
        where: Where a key would stand that was not given.
    """
    order = list(places)
    found = []
    for problem in error.errors(include_url=False):
        path = tuple(str(part) for part in problem["loc"])
        key = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in places), None)
        line = _line(problem, path, kind, where if key is None else places[key])
        found.append((len(order) if key is None else order.index(key), line))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def _line(problem: Any, path: Path, kind: type[BaseModel], place: str) -> str:
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        return f"{place}: {cause}"
    return ": ".join(part for part in (place, ".".join(path), _words(problem, path, kind)) if part)


def _words(problem: Any, path: Path, kind: type[BaseModel]) -> str:
    """Return what was found, what was expected, and what next."""
    name, found, context = problem["type"], problem["input"], problem.get("ctx", {})
    if name == "extra_forbidden" and path[0] != path[-1] in kind.model_fields:
        return f"unknown key here: `{path[-1]}` is a key of the spec itself, outside {path[0]}"
    if name == "extra_forbidden":
        return f"unknown key{did_you_mean(path[-1], _model_of(path, kind).model_fields)}"
    if name == "missing":
        return f"missing, expected {_help(path, kind)}"
    if name == "value_error":
        return f"{shown(found)}, expected {context['error']}" if path else str(context["error"])
    if name == "literal_error":
        return f"{shown(found)}, expected one of {_choices(context)}{_close(found, context)}"
    limits = {key: f"{value:.0f}" if str(value).endswith(".0") else value for key, value in context.items()}
    expected = _EXPECTED[name].format(**limits) if name in _EXPECTED else problem["msg"]
    remedy = _GIVE if found is None else _QUOTE if name == "string_type" else _help(path, kind)
    return f"{shown(found)}, expected {expected}: {remedy}"


def _choices(context: Mapping[str, Any]) -> str:
    """Return pydantic's ``'a', 'b' or 'c'`` without quotes, but for the empty text."""
    choices = str(context["expected"]).replace(" or ", ", ").split(", ")
    return ", ".join(choice if choice == "''" else choice.strip("'") for choice in choices)


def _close(found: object, context: Mapping[str, Any]) -> str:
    return did_you_mean(found, _choices(context).split(", ")) if isinstance(found, str) else ""


def _model_of(path: Path, kind: type[BaseModel]) -> type[BaseModel]:
    """Return the model that the last key of a path belongs to."""
    for part in path[:-1]:
        field = kind.model_fields.get(part)
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            kind = field.annotation
    return kind


def _help(path: Path, kind: type[BaseModel]) -> str:
    """Return the description of the innermost key that has one."""
    for length in range(len(path), 0, -1):
        field = _model_of(path[:length], kind).model_fields.get(path[length - 1])
        if field is not None and field.description:
            return field.description.rstrip(".")
    return "see `gemtune schema`"
