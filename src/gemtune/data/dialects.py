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
from gemtune.data.openai_calls import ANSWERS, CALLS, TOOLS, Calls
from gemtune.data.prompt_template import PromptTemplate

Raw: TypeAlias = Mapping[str, Any]

LANGUAGE_KEYS = ("language", "lang")
"""Keys that any dialect may have; they say what language the example is in."""

_ROLES = {"user": "user", "assistant": "model", "model": "model"}
_SHAREGPT_ROLES = {**_ROLES, "human": "user", "gpt": "model", "chatgpt": "model", "bing": "model", "bard": "model"}


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


class ChatNames(NamedTuple):
    """What a chat dialect calls things."""

    pairs: tuple[tuple[str, str], ...]
    """Names of role and content in a message; the first that fit count."""
    system: tuple[str, ...] = ()
    """Names of a system instruction beside the messages."""
    has_calls: bool = False
    """Functions are declared, called and answered as OpenAI's API does."""

    def of(self, message: Raw) -> tuple[str, str]:
        """Return the names that a message uses."""
        for pair in self.pairs:
            if pair[0] in message:
                return pair
        return self.pairs[0]


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


def _from_chat(
    raw: Raw, template: PromptTemplate, left_out: set[str], *, key: str, names: ChatNames, roles: Mapping[str, str]
) -> Draft:
    """Chat: a list of messages of a role each; content is text or a list of parts. The first ones may be `system`."""
    if len(raw) > 1:
        _leave_out(raw, {key, *names.system, *(TOOLS if names.has_calls else ())}, "$", left_out)
    turns: list[Turn] = []
    calls = Calls(left_out) if names.has_calls else None
    system = [part for name in names.system if raw.get(name) for part in _text_parts(raw[name], f"$.{name}")]
    for index, message in enumerate(_list(raw.get(key), f"$.{key}", "missing_contents")):
        path = f"$.{key}[{index}]"
        if type(message) is not dict:
            message = _object(message, path)
        role_key, text_key = names.of(message)
        if calls and message.get("role") in ANSWERS:
            calls.add_answer(message, path, turns)
            continue
        called = calls.parts_of(message, path) if calls and len(message) > 1 else []
        if len(message) > 2 or role_key not in message:
            _check_message(message, path, left_out, {role_key, text_key}, f"$.{key}[*]", is_call=bool(called))
        role, text = message.get(role_key), message.get(text_key)
        if called:
            parts = [*_text_parts(text, f"{path}.{text_key}"), *called] if text else called
        else:
            parts = [{"text": text}] if type(text) is str else _text_parts(text, f"{path}.{text_key}")
        if role == "system" and not turns:
            system += parts
        elif type(role) is str and role in roles:
            turns.append(Turn(path, {"role": roles[role], "parts": parts}))
        else:
            found = "role `system` after the first turn" if role == "system" else f"role is {cut(role)}"
            raise Rejection("bad_role", found, _either(roles), _next_for(role), f"{path}.{role_key}")
    return Draft(turns, system, calls.tools_of(raw) if calls else None)


def _check_message(message: Raw, path: str, left_out: set[str], kept: set[str], parent: str, *, is_call: bool) -> None:
    """Refuse what would change the conversation if it were left out."""
    for key in CALLS:
        if message.get(key) and not is_call:
            raise _call(f"`{key}`", f"{path}.{key}")
    if "author" in message and "role" not in message:
        raise Rejection("legacy_key", "`author`", "`role`", "rename it: this is PaLM's format", f"{path}.author")
    _leave_out(message, {*kept, *CALLS}, parent, left_out)


def _call(found: str, path: str) -> Rejection:
    expected = "text: function calls are read from the formats `contents` and `messages` only"
    return Rejection("unknown_part", found, expected, "write the example as contents with functionCall parts", path)


def _next_for(role: object) -> str:
    if role in ("tool", "function", "function_call", "observation"):
        return "write examples with function calls in the format contents"
    return "correct the role"


def _either(roles: Mapping[str, str]) -> str:
    *first, last = (f"`{role}`" for role in list(roles)[:4])
    return f"{', '.join(first)} or {last}"


def _from_alpaca(raw: Raw, template: PromptTemplate, left_out: set[str]) -> Draft:
    """Instruction, input (may be empty) and output; some datasets add a `system` column."""
    if template.columns:
        return _from_columns(raw, template, left_out, prompt="instruction", reference="output")
    _leave_out(raw, {"instruction", "input", "output", "system"}, "$", left_out)
    context = _text(raw, "input") if raw.get("input") is not None else ""
    asked = "\n\n".join(text for text in (_text(raw, "instruction"), context) if text.strip())
    return Draft(
        _two_turns("instruction", asked, "output", _text(raw, "output")),
        [{"text": _text(raw, "system")}] if raw.get("system") else [],
    )


def _from_columns(raw: Raw, template: PromptTemplate, left_out: set[str], *, prompt: str, reference: str) -> Draft:
    """One column asks, one column answers; or a template asks, with any columns."""
    _leave_out(raw, {*(template.columns or [prompt]), reference}, "$", left_out)
    asked = template.render(lambda column: _text(raw, column)) if template.columns else _text(raw, prompt)
    return Draft(_two_turns(prompt, asked, reference, _text(raw, reference)), system=[])


def _two_turns(prompt: str, asked: str, reference: str, answer: str) -> list[Turn]:
    return [
        Turn(f"$.{prompt}", {"role": "user", "parts": [{"text": asked}]}),
        Turn(f"$.{reference}", {"role": "model", "parts": [{"text": answer}]}),
    ]


DIALECTS = {
    "contents": Dialect(frozenset({"contents"}), _from_contents),
    "messages": Dialect(
        frozenset({"messages"}),
        partial(_from_chat, key="messages", names=ChatNames((("role", "content"),), has_calls=True), roles=_ROLES),
    ),
    "sharegpt": Dialect(
        frozenset({"conversations"}),
        partial(
            _from_chat,
            key="conversations",
            names=ChatNames((("from", "value"), ("role", "content")), ("system",)),
            roles=_SHAREGPT_ROLES,
        ),
    ),
    "alpaca": Dialect(frozenset({"instruction", "output"}), _from_alpaca, True),
    "input_output": Dialect(
        frozenset({"output_text"}), partial(_from_columns, prompt="input_text", reference="output_text"), True
    ),
    "prompt_completion": Dialect(
        frozenset({"completion"}), partial(_from_columns, prompt="prompt", reference="completion"), True
    ),
}
"""By name, in the order in which they are tried on the first record of a file."""


def _leave_out(found: Raw, kept: Collection[str], path: str, left_out: set[str]) -> None:
    for key in found:
        if key not in kept and key not in LANGUAGE_KEYS:
            left_out.add(f"{path}.{cut(key)[1:-1]}")


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
