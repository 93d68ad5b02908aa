"""Dialects: the known forms of raw records, each a small function from a record to turns.

To add one, write its function and a row of DIALECTS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from gemtune.data.examples import Part, Turn
from gemtune.data.findings import Rejection, cut, kind
from gemtune.data.prompt_template import PromptTemplate

Raw: TypeAlias = Mapping[str, Any]

LANGUAGE_KEYS = ("language", "lang")
"""Keys that any dialect may have; they say what language the example is in."""

_ROLES = {"user": "user", "assistant": "model", "model": "model"}


class Draft(NamedTuple):
    """What a dialect makes of a record, before the rules of examples are checked."""

    turns: list[Turn]
    system: list[Part]
    tools: list[Any] | None = None


class Dialect(NamedTuple):
    """A known form of raw records."""

    marks: frozenset[str]
    """Keys that a record of this dialect has."""
    convert: Callable[[Raw, PromptTemplate, set[str]], Draft]
    """(record, template, paths of keys left out: to be added to) -> draft; raises Rejection."""
    has_columns: bool = False
    """The prompt is built from columns, so a template applies."""


def _from_contents(raw: Raw, template: PromptTemplate, left_out: set[str]) -> Draft:
    """Gemini's own form; parts stay as they are."""
    _leave_out(raw, {"contents", "systemInstruction", "system_instruction", "tools"}, "$", left_out)
    turns = []
    for index, content in enumerate(_list(raw.get("contents"), "$.contents", "missing_contents")):
        path = f"$.contents[{index}]"
        content = _object(content, path)
        _leave_out(content, {"role", "parts"}, "$.contents[*]", left_out)
        parts = [_object(part, path) for part in _list(content.get("parts"), f"{path}.parts", "empty_part")]
        role = {} if content.get("role") is None else {"role": content["role"]}
        turns.append(Turn(path, {**role, "parts": parts}))
    system: Any = raw.get("systemInstruction") or raw.get("system_instruction") or ""
    path = "$.systemInstruction"
    if not isinstance(system, str):
        system = _object(system, path).get("parts")
    tools = raw.get("tools")
    return Draft(turns, _text_parts(system, path), _list(tools, "$.tools", "wrong_type") if tools else None)


def _from_messages(raw: Raw, template: PromptTemplate, left_out: set[str]) -> Draft:
    """Chat form: role system, user, assistant or model; content is text or a list of parts."""
    _leave_out(raw, {"messages"}, "$", left_out)
    turns: list[Turn] = []
    system: list[Part] = []
    for index, message in enumerate(_list(raw.get("messages"), "$.messages", "missing_contents")):
        path = f"$.messages[{index}]"
        message = _object(message, path)
        _leave_out(message, {"role", "content"}, "$.messages[*]", left_out)
        role, parts = message.get("role"), _text_parts(message.get("content"), f"{path}.content")
        if role == "system" and not turns:
            system += parts
        elif isinstance(role, str) and role in _ROLES:
            turns.append(Turn(path, {"role": _ROLES[role], "parts": parts}))
        else:
            found = "role `system` after the first turn" if role == "system" else f"role is {cut(role)}"
            raise Rejection("bad_role", found, "`user`, `assistant` or `model`", "correct the role", f"{path}.role")
    return Draft(turns, system)


def _from_columns(raw: Raw, template: PromptTemplate, left_out: set[str], *, prompt: str, reference: str) -> Draft:
    """One column asks, one column answers; or a template asks, with any columns."""
    _leave_out(raw, {*(template.columns or [prompt]), reference}, "$", left_out)
    asked = template.render(lambda column: _text(raw, column)) if template.columns else _text(raw, prompt)
    return Draft(
        [
            Turn(f"$.{prompt}", {"role": "user", "parts": [{"text": asked}]}),
            Turn(f"$.{reference}", {"role": "model", "parts": [{"text": _text(raw, reference)}]}),
        ],
        system=[],
    )


DIALECTS = {
    "contents": Dialect(frozenset({"contents"}), _from_contents),
    "messages": Dialect(frozenset({"messages"}), _from_messages),
    "input_output": Dialect(
        frozenset({"output_text"}), partial(_from_columns, prompt="input_text", reference="output_text"), True
    ),
    "prompt_completion": Dialect(
        frozenset({"completion"}), partial(_from_columns, prompt="prompt", reference="completion"), True
    ),
}
"""By name, in the order in which they are tried on the first record of a file."""


def _leave_out(found: Raw, kept: Collection[str], path: str, left_out: set[str]) -> None:
    left_out.update(f"{path}.{cut(key)[1:-1]}" for key in found if key not in kept and key not in LANGUAGE_KEYS)


def _list(value: Any, path: str, rule_if_empty: str) -> list[Any]:
    if value is None or value == []:
        found = "nothing" if value is None else "an empty list"
        raise Rejection(rule_if_empty, found, "a list with content", "fill it, or remove the example", path)
    if not isinstance(value, list):
        raise Rejection("wrong_type", kind(value), "a list", "correct it", path)
    return value


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Rejection("wrong_type", kind(value), "an object", "correct it", path)
    return value


def _text_parts(value: Any, path: str) -> list[Part]:
    """Return parts from text or from a list of texts, {type: text, text} and parts in Gemini's form."""
    if isinstance(value, str):
        return [{"text": value}]
    if not isinstance(value, list):
        raise Rejection("wrong_type", kind(value), "text or a list of parts", "correct it", path)
    return [_text_part(part, f"{path}[{index}]") for index, part in enumerate(value)]


def _text_part(part: Any, path: str) -> Part:
    if isinstance(part, str):
        return {"text": part}
    found = {key: item for key, item in _object(part, path).items() if key != "type" or item != "text"}
    if "type" in found:
        raise Rejection("unknown_part", f"a part of type {cut(found['type'])}", "text, fileData, …", "convert it", path)
    if not isinstance(found.get("text", ""), str):
        raise Rejection("wrong_type", kind(found["text"]), "text", "correct it", f"{path}.text")
    return found


def _text(raw: Raw, column: str) -> str:
    """Return a column's value as the prompt or the reference holds it."""
    value, path = raw.get(column), f"$.{column}"
    if value is None:
        raise Rejection("missing_field", "nothing", "text", "fill it, or remove the example", path)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    raise Rejection("wrong_type", kind(value), "text", "correct it", path)
