"""What an example is known by: its prompt, its reference, its keys and its id; and how messages quote it."""

import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gemtune.data.examples import Keys, example_id, keys_of, prompt_of, reference_of, squeezed
from gemtune.data.findings import LONGEST_QUOTE, cut

SYSTEM = {"role": "system", "parts": [{"text": "Be brief."}]}


CALL = {"role": "model", "parts": [{"functionCall": {"name": "search", "args": {"q": "x"}}}]}


def user(text: str = "ask") -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text}]}


def model(text: str = "answer") -> dict[str, Any]:
    return {"role": "model", "parts": [{"text": text}]}


def test_a_reference_is_text_without_thoughts() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "an"}, {"text": "swer"}]
    assert reference_of({"contents": [user(), {"role": "model", "parts": parts}]}) == "answer"
    assert reference_of({"contents": [user(), CALL]}) is None


def keys(example: dict[str, Any]) -> Keys:
    return keys_of(example)


def test_white_space_does_not_make_another_prompt_but_the_system_instruction_does() -> None:
    one, two = {"contents": [user(" a  b\n"), model()]}, {"contents": [user("ab"), model("x")]}
    told = {**two, "systemInstruction": SYSTEM}
    assert keys(one).prompt == keys(two).prompt != keys(told).prompt
    assert keys(one).turns == keys(told).turns
    assert keys(two).turns != keys({"contents": [user("ac"), model()]}).turns
    assert keys(one).whole != keys(two).whole


@settings(deadline=None)
@given(text=st.text() | st.text(alphabet=" \t\n\v\f\r\x1c\x1fab\xa0", max_size=12))
def test_a_prompt_is_known_by_its_words(text: str) -> None:
    words = {"contents": [user(" ".join(text.split())), model()]}
    assert keys({"contents": [user(text), model()]}).prompt == keys(words).prompt


def test_where_a_turn_or_a_part_ends_makes_another_prompt() -> None:
    contents = [
        [user("ab"), model("c")],
        [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}, model("c")],
        [{"role": "model", "parts": [{"text": "ab"}]}, model("c")],
        [user('{"text":"ab"}'), model("c")],
        [{"role": "user", "parts": [{"text": "ab", "thought": True}]}, model("c")],
        [user("ab"), model("c"), user("ab"), model("c")],
    ]
    assert len({keys({"contents": each}).turns for each in contents}) == len(contents)


def test_the_order_of_keys_makes_no_other_example() -> None:
    call = {"name": "search", "args": {"q": "x", "n": 1}}
    turned = {"args": {"n": 1, "q": "x"}, "name": "search"}
    first, second = ({"contents": [user(), {"role": "model", "parts": [{"functionCall": c}]}]} for c in (call, turned))
    assert keys(first) == keys(second)
    asked = ({"contents": [*each["contents"], user(), model()]} for each in (first, second))
    assert len({keys(each) for each in asked}) == 1


def test_an_id_is_that_of_prompt_and_reference() -> None:
    prompt = prompt_of({"contents": [user(), model()]})
    assert example_id(prompt, "answer") == example_id({"contents": [dict(reversed(user().items()))]}, "answer")
    assert len({example_id(prompt, "answer"), example_id(prompt, "other"), example_id({"contents": []}, "answer")}) == 3


def test_a_quote_of_the_data_is_short_and_on_one_line() -> None:
    assert cut("a\nb") == "`a b`"
    assert len(cut("x" * 1000)) == LONGEST_QUOTE


def test_every_kind_of_white_space_is_left_out_of_a_key() -> None:
    spaces = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert len(spaces) > 20
    for letters in ("ab", "éb", "日本", "😀b"):
        assert {squeezed(space.join(letters)) for space in spaces} == {letters.encode()}
