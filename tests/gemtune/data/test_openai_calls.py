"""Function calls of OpenAI's chat format become those of Gemini's, and what is none of them is named."""

import json
from typing import Any

import pytest

from gemtune.data.conversion import Converter
from gemtune.data.findings import Rejection

WEATHER = {
    "name": "weather",
    "description": "Weather of a town.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {
            "town": {"type": "string"},
            "days": {"type": ["integer", "null"], "minimum": 1},
            "units": {"type": "array", "items": {"type": "string", "enum": ["C", "F"]}},
        },
        "required": ["town"],
        "additionalProperties": False,
    },
}
ASK = {"role": "user", "content": "Rain in Ulm and Bonn?"}
END = {"role": "assistant", "content": "In Ulm only."}


def call(id: str, town: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "weather", "arguments": json.dumps({"town": town})}}


def answer(id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": text}


def converted(*messages: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[str]]:
    converter = Converter(uri="c.jsonl", data_format="auto", prompt_template="", system_instruction="", is_test=False)
    found = converter.convert({"messages": list(messages), **more})
    return found.example, [warning.path for warning in found.warnings]


def calling(function: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": function}]}


def part(town: str) -> dict[str, Any]:
    return {"functionCall": {"name": "weather", "args": {"town": town}}}


def response(text: str) -> dict[str, Any]:
    return {"functionResponse": {"name": "weather", "response": {"output": text}}}


def test_calls_answers_and_declarations_become_geminis() -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [call("a", "Ulm"), call("b", "Bonn")]}
    tools = [{"type": "function", "function": WEATHER}]
    example, _ = converted(ASK, calls, answer("b", "dry"), answer("a", "rain"), END, tools=tools)
    assert example["contents"] == [
        {"role": "user", "parts": [{"text": ASK["content"]}]},
        {"role": "model", "parts": [part("Ulm"), part("Bonn")]},
        {"parts": [response("dry"), response("rain")]},
        {"role": "model", "parts": [{"text": END["content"]}]},
    ]
    assert example["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Weather of a town.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {
                            "town": {"type": "STRING"},
                            "days": {"minimum": 1, "type": "INTEGER", "nullable": True},
                            "units": {"type": "ARRAY", "items": {"type": "STRING", "enum": ["C", "F"]}},
                        },
                        "required": ["town"],
                    },
                }
            ]
        }
    ]


def test_what_the_service_has_no_word_for_is_named_once() -> None:
    _, warned = converted(ASK, END, tools=[{"type": "function", "function": WEATHER}])
    assert warned == ["$.tools.additionalProperties", "$.tools.strict"]


def test_an_example_may_end_in_a_call_and_say_something_before_it() -> None:
    example, _ = converted(ASK, {"role": "assistant", "content": "Let me see.", "tool_calls": [call("a", "Ulm")]})
    assert example["contents"][-1] == {"role": "model", "parts": [{"text": "Let me see."}, part("Ulm")]}


def test_the_older_way_to_call_is_read_too() -> None:
    called = {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}}
    example, _ = converted(
        ASK, called, {"role": "function", "name": "weather", "content": "dry"}, END, functions=[WEATHER]
    )
    assert example["contents"][1]["parts"] == [{"functionCall": {"name": "weather", "args": {}}}]
    assert example["contents"][2] == {"parts": [response("dry")]}
    assert example["tools"][0]["functionDeclarations"][0]["name"] == "weather"


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        (
            [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}],
            "tool_calls[0].arguments",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}],
            "tool_calls[0].arguments",
        ),
        ([calling({})], "tool_calls[0]"),
        ([{"role": "assistant", "tool_calls": {"a": 1}}], "tool_calls"),
        ([{"role": "tool", "tool_call_id": "z", "content": "dry"}, END], ""),
    ],
)
def test_a_call_of_another_form_is_refused_by_its_place(messages: list[dict[str, Any]], path: str) -> None:
    with pytest.raises(Rejection) as refused:
        converted(ASK, *messages)
    assert refused.value.path == ".".join(filter(None, ["$.messages[1]", path]))
