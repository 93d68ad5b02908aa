"""One raw record, in any dialect, becomes one example, or a rejection by a named rule."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtune.data.conversion import Converter
from gemtune.data.dialects import DIALECTS
from gemtune.data.findings import Rejection
from gemtune.data.plain_chat import read_plain_chat
from gemtune.parameters import Parameters


def user(text: str = "ask") -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text}]}


def model(text: str = "answer") -> dict[str, Any]:
    return {"role": "model", "parts": [{"text": text}]}


def converter(**given: Any) -> Converter:
    defaults: dict[str, Any] = {
        "data_format": "auto",
        "prompt_template": "",
        "system_instruction": "",
        "is_test": False,
    }
    return Converter(uri="gs://b/a.jsonl", **(defaults | given))


def convert(raw: dict[str, Any], **given: Any) -> dict[str, Any]:
    return converter(**given).convert(raw).example


SYSTEM = {"role": "system", "parts": [{"text": "Be brief."}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "search", "args": {"q": "x"}}}]}
RESULT = {"parts": [{"functionResponse": {"name": "search", "response": {"output": "True"}}}]}
FILE = {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://b/a.jpg"}}
TOOLS = [{"functionDeclarations": [{"name": "search"}]}]


@pytest.mark.parametrize(
    ("raw", "example"),
    [
        ({"contents": [user(), model()]}, {"contents": [user(), model()]}),
        (
            {"system_instruction": {"parts": [{"text": "Be brief."}]}, "contents": [user(), model()]},
            {"contents": [user(), model()], "systemInstruction": SYSTEM},
        ),
        (
            {"systemInstruction": "Be brief.", "contents": [user(), model()]},
            {"contents": [user(), model()], "systemInstruction": SYSTEM},
        ),
        (
            {"contents": [{"role": "user", "parts": [FILE, {"text": "ask"}]}, CALL, RESULT, model()], "tools": TOOLS},
            {"contents": [{"role": "user", "parts": [FILE, {"text": "ask"}]}, CALL, RESULT, model()], "tools": TOOLS},
        ),
        ({"contents": [user(), CALL]}, {"contents": [user(), CALL]}),
        (
            {"messages": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "answer"}]},
            {"contents": [user(), model()]},
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "ask"}, FILE]},
                    {"role": "model", "content": ["answer"]},
                ]
            },
            {
                "contents": [{"role": "user", "parts": [{"text": "ask"}, FILE]}, model()],
                "systemInstruction": SYSTEM,
            },
        ),
        ({"prompt": "ask", "completion": "answer"}, {"contents": [user(), model()]}),
        ({"input_text": "ask", "output_text": "answer"}, {"contents": [user(), model()]}),
        ({"input_text": "ask", "output_text": 7}, {"contents": [user(), model("7")]}),
        ({"instruction": "ask", "input": "", "output": "answer"}, {"contents": [user(), model()]}),
        (
            {"instruction": "Translate:", "input": "x", "output": "y"},
            {"contents": [user("Translate:\n\nx"), model("y")]},
        ),
        (
            {"system": "Be brief.", "instruction": "ask", "output": "answer"},
            {"contents": [user(), model()], "systemInstruction": SYSTEM},
        ),
        (
            {"conversations": [{"from": "human", "value": "ask"}, {"from": "gpt", "value": "answer"}]},
            {"contents": [user(), model()]},
        ),
        (
            {
                "system": "Be brief.",
                "conversations": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "answer"}],
            },
            {"contents": [user(), model()], "systemInstruction": SYSTEM},
        ),
        (
            {
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "human", "value": "ask"},
                    {"from": "gpt", "value": "answer"},
                ]
            },
            {"contents": [user(), model()], "systemInstruction": SYSTEM},
        ),
    ],
)
def test_every_dialect_becomes_an_example(raw: dict[str, Any], example: dict[str, Any]) -> None:
    assert convert(raw) == example


TURN = {"role": "user", "content": "ask"}


@pytest.mark.parametrize(
    ("raw", "rule", "path"),
    [
        ({"text": "x"}, "unknown_format", "$"),
        ({}, "unknown_format", "$"),
        ({"contents": []}, "missing_contents", "$.contents"),
        ({"contents": None}, "missing_contents", "$.contents"),
        ({"contents": "ask"}, "wrong_type", "$.contents"),
        ({"contents": [7]}, "wrong_type", "$.contents[0]"),
        ({"contents": [user(), {"role": "model", "parts": []}]}, "empty_part", "$.contents[1].parts"),
        ({"contents": [user(), {"role": "model"}]}, "empty_part", "$.contents[1].parts"),
        ({"contents": [user(), {"role": "model", "parts": [{}]}]}, "empty_part", "$.contents[1]"),
        ({"contents": [user(" \n"), model()]}, "empty_part", "$.contents[0]"),
        ({"contents": [user(), {"role": "model", "parts": [{"text": 7}]}]}, "wrong_type", "$.contents[1]"),
        ({"contents": [user(), {"role": "bot", "parts": [{"text": "x"}]}]}, "bad_role", "$.contents[1].role"),
        ({"contents": [user(), {"role": ["model"], "parts": [{"text": "x"}]}]}, "bad_role", "$.contents[1].role"),
        ({"contents": [{"parts": [{"text": "x"}]}, model()]}, "bad_role", "$.contents[0].role"),
        ({"contents": [user(), user(), model()]}, "roles_not_alternating", "$.contents[1]"),
        ({"contents": [model(), user(), model()]}, "first_turn_not_user", "$.contents[0]"),
        ({"contents": [user(), model(), user()]}, "last_turn_not_model", "$.contents[2]"),
        ({"contents": [user(), model()], "tools": {}, "systemInstruction": 7}, "wrong_type", "$.systemInstruction"),
        ({"contents": [user(), model()], "tools": "x"}, "wrong_type", "$.tools"),
        ({"messages": [TURN]}, "last_turn_not_model", "$.messages[0]"),
        ({"messages": [{"role": "system", "content": "x"}]}, "missing_contents", "$"),
        ({"messages": [TURN, {"role": "system", "content": "x"}]}, "bad_role", "$.messages[1].role"),
        ({"messages": [TURN, {"role": "assistant", "content": None}]}, "wrong_type", "$.messages[1].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "unknown_part",
            "$.messages[0].content[0]",
        ),
        ({"messages": [TURN, {"role": "tool", "content": "x"}]}, "unknown_part", "$.messages[1]"),
        (
            {"messages": [TURN, {"role": "assistant", "content": "x", "tool_calls": [{}]}]},
            "unknown_part",
            "$.messages[1].tool_calls[0]",
        ),
        ({"messages": [{"author": "user", "content": "x"}]}, "legacy_key", "$.messages[0].author"),
        ({"conversations": [{"from": "gpt", "value": "x"}]}, "first_turn_not_user", "$.conversations[0]"),
        ({"conversations": [{"from": "human", "value": None}]}, "wrong_type", "$.conversations[0].value"),
        ({"conversations": [{"from": "observation", "value": "x"}]}, "bad_role", "$.conversations[0].from"),
        ({"instruction": " ", "input": "", "output": "x"}, "empty_part", "$.instruction"),
        ({"instruction": "ask", "input": ["x"], "output": "x"}, "wrong_type", "$.input"),
        ({"completion": "answer"}, "missing_field", "$.prompt"),
        ({"prompt": "ask", "completion": None}, "missing_field", "$.completion"),
        ({"prompt": ["ask"], "completion": "answer"}, "wrong_type", "$.prompt"),
        ({"prompt": "ask", "completion": ""}, "empty_part", "$.completion"),
        ({"prompt": "ask", "completion": "\ud800"}, "not_utf8", "$"),
        ({"contents": [user(), {"role": "model", "parts": [{"functionCall": 1e999}]}]}, "not_json", "$"),
    ],
)
def test_a_record_that_cannot_be_used_is_named_by_rule_and_path(raw: dict[str, Any], rule: str, path: str) -> None:
    with pytest.raises(Rejection) as rejection:
        convert(raw)
    assert (rejection.value.rule, rejection.value.path) == (rule, path)


def test_a_blank_reference_has_its_own_rule_in_the_test_split() -> None:
    with pytest.raises(Rejection) as rejection:
        convert({"prompt": "ask", "completion": " "}, is_test=True)
    assert rejection.value.rule == "empty_reference"


def test_an_example_nested_too_deeply_for_others_is_rejected() -> None:
    args: Any = "x"
    for _ in range(200):
        args = [args]
    with pytest.raises(Rejection) as rejection:
        convert({"contents": [user(), {"role": "model", "parts": [{"functionCall": {"args": args}}]}]})
    assert rejection.value.rule == "too_deep"


def test_the_first_known_record_decides_the_dialect_of_a_file() -> None:
    file = converter()
    with pytest.raises(Rejection):
        file.convert({"text": "x"})
    file.convert({"prompt": "ask", "completion": "answer"})
    assert file.format == "prompt_completion"
    with pytest.raises(Rejection) as rejection:
        file.convert({"contents": [user(), model()]})
    assert rejection.value.rule == "missing_field"


def test_a_named_dialect_is_not_guessed() -> None:
    with pytest.raises(Rejection) as rejection:
        convert({"contents": [user(), model()]}, data_format="messages")
    assert (rejection.value.rule, rejection.value.path) == ("missing_contents", "$.messages")


def test_the_system_instruction_goes_to_examples_that_have_none() -> None:
    own = {"messages": [{"role": "system", "content": "Be brief."}, TURN, {"role": "model", "content": "x"}]}
    blank = {"messages": [{"role": "system", "content": " "}, TURN, {"role": "model", "content": "x"}]}
    assert convert(own, system_instruction="Be long.")["systemInstruction"] == SYSTEM
    assert convert(blank, system_instruction="Be brief.")["systemInstruction"] == SYSTEM
    assert "systemInstruction" not in convert(blank)


def test_keys_that_are_not_carried_over_are_named_once() -> None:
    file = converter()
    raw = {"contents": [{**user(), "weight": 1}, model()], "generationConfig": {}, "language": "de"}
    first, second = file.convert(raw), file.convert(raw | {"id": 7})
    assert first.example == {"contents": [user(), model()]}
    assert [(w.path, w.rule) for w in first.warnings] == [
        ("$.contents[*].weight", "legacy_key"),
        ("$.generationConfig", "legacy_key"),
    ]
    assert [warning.path for warning in second.warnings] == ["$.id"]


@pytest.mark.parametrize(
    ("raw", "language"),
    [
        ({"language": "de"}, "de"),
        ({"lang": "pt-BR"}, "pt-BR"),
        ({"lang": 7}, "und"),
        ({"lang": "?"}, "und"),
        ({}, "und"),
    ],
)
def test_a_record_may_say_its_language(raw: dict[str, Any], language: str) -> None:
    assert converter().convert({"prompt": "ask", "completion": "answer", **raw}).language == language


CALLED = ["role", "parts", "text", "content", "functionCall", "x", "tool_calls", "function", "function_call"]
CALLED += ["name", "arguments", "parameters", "type", "properties"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8)
    | st.sampled_from(["user", "model", "system"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(CALLED), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


KEYS = [
    "instruction",
    "output",
    "conversations",
    "contents",
    "messages",
    "prompt",
    "completion",
    "input_text",
    "output_text",
    "tools",
    "functions",
    "systemInstruction",
    "lang",
]


@settings(max_examples=300, deadline=None)
@given(raw=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), is_test=st.booleans())
def test_any_json_becomes_an_example_that_reads_back_or_a_rejection(raw: dict[str, Any], is_test: bool) -> None:
    try:
        example = convert(raw, is_test=is_test)
    except Rejection as rejection:
        assert all(len(text) < 300 for text in (rejection.found, rejection.expected, rejection.next))
        return
    text = json.dumps(example, ensure_ascii=False)
    assert json.loads(text.encode()) == example
    assert set(example) <= {"contents", "systemInstruction", "tools"}
    assert example["contents"][-1]["role"] == "model"
    assert convert(json.loads(text), is_test=is_test) == example


PART = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(str.strip).map(lambda text: {"text": text})


@settings(deadline=None)
@given(turns=st.lists(st.lists(PART, min_size=1, max_size=3), min_size=2, max_size=6).filter(lambda t: len(t) % 2 == 0))
def test_every_conversation_survives_as_it_is(turns: list[list[dict[str, Any]]]) -> None:
    contents = [{"role": ("user", "model")[index % 2], "parts": parts} for index, parts in enumerate(turns)]
    assert convert({"contents": contents}) == {"contents": contents}


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
NAMES = {"user": "human", "model": "gpt"}


def in_dialect(name: str, turns: list[tuple[str, str]], system: str) -> dict[str, Any]:
    """Write a conversation in a dialect."""
    first = [("system", system)] if system else []
    if name == "contents":
        contents = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
        return {"contents": contents, **({"system_instruction": {"parts": [{"text": system}]}} if system else {})}
    if name == "messages":
        return {
            "messages": [{"role": role.replace("model", "assistant"), "content": text} for role, text in first + turns]
        }
    return {"conversations": [{"from": NAMES.get(role, role), "value": text} for role, text in first + turns]}


@settings(deadline=None)
@given(texts=st.lists(WORDS, min_size=2, max_size=6).filter(lambda t: len(t) % 2 == 0), system=st.just("") | WORDS)
def test_a_conversation_is_the_same_in_every_chat_dialect(texts: list[str], system: str) -> None:
    turns = [(("user", "model")[place % 2], text) for place, text in enumerate(texts)]
    examples = [convert(in_dialect(name, turns, system)) for name in ("contents", "messages", "sharegpt")]
    assert examples[0] == examples[1] == examples[2]
    assert [(turn["role"], turn["parts"][0]["text"]) for turn in examples[0]["contents"]] == turns
    assert ("systemInstruction" in examples[0]) == bool(system)


@settings(deadline=None)
@given(asked=WORDS, answer=WORDS)
def test_a_question_is_the_same_in_every_column_dialect(asked: str, answer: str) -> None:
    pairs = [("prompt", "completion"), ("input_text", "output_text"), ("instruction", "output")]
    examples = [convert({prompt: asked, reference: answer}) for prompt, reference in pairs]
    assert all(example == {"contents": [user(asked), model(answer)]} for example in examples)


@settings(deadline=None)
@given(raw=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_the_keys_of_an_example_depend_on_its_content_alone(raw: dict[str, Any]) -> None:
    turned = json.loads(json.dumps(dict(reversed(raw.items())), indent=2, allow_nan=True))
    try:
        first, second = converter().convert(raw), converter().convert(turned)
    except Rejection:
        return
    assert first.keys == second.keys


def test_every_dialect_can_be_named() -> None:
    names = Parameters.model_fields["data_format"].annotation.__args__  # type: ignore[union-attr]
    assert set(names) == {"auto", *DIALECTS}


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "model", "system", "bot"]), "content": st.text(max_size=3)},
        optional={"name": st.just("x")},
    ),
    max_size=4,
)
FIRST = {"messages": [TURN, {"role": "assistant", "content": "x"}]}


@settings(max_examples=300, deadline=None)
@given(raw=st.fixed_dictionaries({"messages": MESSAGES | JSON}, optional={"lang": st.just("de")}))
def test_the_short_way_for_plain_chat_gives_what_the_rules_give(raw: dict[str, Any]) -> None:
    slow, rebuilt, fast = converter(), converter(), converter()
    fast.convert(FIRST)
    assert fast._may_be_plain and not slow._may_be_plain and not rebuilt._may_be_plain
    read = read_plain_chat(raw) or raw
    found: list[Any] = []
    for each, value in ((slow, raw), (rebuilt, read), (fast, read)):
        try:
            line, keys, language, warnings = each.convert(value)
            found.append((line, keys, language, [(warning.rule, warning.path) for warning in warnings]))
        except Rejection as rejection:
            found.append((rejection.rule, rejection.path))
    assert found[0] == found[1] == found[2]
