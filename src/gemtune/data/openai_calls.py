"""Function calls as OpenAI's chat format writes them, in Gemini's words.

Sources: https://platform.openai.com/docs/api-reference/chat/create (tool_calls, tools, and the older function_call,
functions) and https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/function-calling
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from gemtune.data.examples import Part, Turn
from gemtune.data.findings import Rejection, cut, kind

CALLS = ("tool_calls", "function_call")
TOOLS = ("tools", "functions")
"""Keys of a record that declare functions."""

ANSWERS = ("tool", "function")
"""Roles of what a function returned."""

_SCHEMA = frozenset(
    {"type", "format", "title", "description", "nullable", "default", "items", "minItems", "maxItems", "enum"}
    | {"properties", "propertyOrdering", "required", "minimum", "maximum", "minLength", "maxLength"}
    | {"minProperties", "maxProperties", "pattern", "anyOf", "example"}
)
"""Keys of the API's Schema, which has fewer than JSON Schema:
https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/Schema"""


class Calls:
    """The calls of one record: an answer names the call that it belongs to, not the function.

    Args:
        left_out: Takes the paths of keys that are not carried over.
    """

    def __init__(self, left_out: set[str]) -> None:
        self._names: dict[str, str] = {}
        self._left_out = left_out

    def parts_of(self, message: Mapping[str, Any], path: str) -> list[Part]:
        """Return a message's calls as parts; none if it calls nothing.

        Raises:
            Rejection: A call has another form.
        """
        parts: list[Part] = []
        called = message.get("tool_calls") or []
        if not isinstance(called, list):
            raise Rejection("wrong_type", kind(called), "a list", "correct it", f"{path}.tool_calls")
        for index, call in enumerate(called):
            where = f"{path}.tool_calls[{index}]"
            function = call.get("function") if isinstance(call, dict) else None
            parts.append(_call(function, where))
            if isinstance(call.get("id"), str):
                self._names[call["id"]] = parts[-1]["functionCall"]["name"]
        if message.get("function_call"):
            parts.append(_call(message["function_call"], f"{path}.function_call"))
        return parts

    def add_answer(self, message: Mapping[str, Any], path: str, turns: list[Turn]) -> None:
        """Add what a function returned: to the answers before it, as the service wants all of a turn in one content.

        Raises:
            Rejection: It belongs to no call.
        """
        name = message.get("name") or self._names.get(str(message.get("tool_call_id")))
        if not isinstance(name, str):
            found = f"an answer to the call {cut(message.get('tool_call_id'))}"
            raise Rejection("unknown_part", found, "the id of a call before it, or a name", "correct it", path)
        text = message.get("content")
        response = {"output": text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)}
        part = {"functionResponse": {"name": name, "response": response}}
        if turns and "role" not in turns[-1].content:
            turns[-1].content["parts"].append(part)
        else:
            turns.append(Turn(path, {"parts": [part]}))

    def tools_of(self, raw: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """Return the declared functions as Gemini's tools; None if there are none.

        Raises:
            Rejection: A declaration has another form.
        """
        found = []
        for key in TOOLS:
            declared = raw.get(key) or []
            if not isinstance(declared, list):
                raise Rejection("wrong_type", kind(declared), "a list", "correct it", f"$.{key}")
            for index, tool in enumerate(declared):
                function = tool.get("function", tool) if isinstance(tool, dict) else None
                found.append(self._declaration(function, f"$.{key}[{index}]"))
        return [{"functionDeclarations": found}] if found else None

    def _declaration(self, function: Any, path: str) -> dict[str, Any]:
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Rejection("unknown_part", kind(function), "a function with a name", "correct it", path)
        self._leave_out(function.keys() - {"name", "description", "parameters"})
        result = {key: function[key] for key in ("name", "description") if key in function}
        if parameters := function.get("parameters"):
            result["parameters"] = self._schema(parameters)
        return result

    def _schema(self, schema: Any) -> Any:
        """Return a JSON Schema as the API's Schema: its types are upper-case, and `null` is no type."""
        if not isinstance(schema, dict):
            return schema
        self._leave_out(schema.keys() - _SCHEMA)
        found = {key: value for key, value in schema.items() if key in _SCHEMA}
        if "type" in found:
            types = found["type"] if isinstance(found["type"], list) else [found["type"]]
            named = [str(each).upper() for each in types if each != "null"]
            del found["type"]
            found |= {"type": named[0]} if len(named) == 1 else {"anyOf": [{"type": each} for each in named]}
            found |= {"nullable": True} if "null" in types else {}
        if isinstance(found.get("properties"), dict):
            found["properties"] = {name: self._schema(each) for name, each in found["properties"].items()}
        if "items" in found:
            found["items"] = self._schema(found["items"])
        if isinstance(found.get("anyOf"), list):
            found["anyOf"] = [self._schema(each) for each in found["anyOf"]]
        return found

    def _leave_out(self, keys: Collection[str]) -> None:
        self._left_out |= {f"$.tools.{cut(key)[1:-1]}" for key in keys}


def _call(function: Any, path: str) -> Part:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Rejection("unknown_part", kind(function), "a function with name and arguments", "correct it", path)
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        expected = "a JSON object as text"
        raise Rejection("unknown_part", "other arguments", expected, "correct it", f"{path}.arguments")
    return {"functionCall": {"name": function["name"], "args": arguments}}
