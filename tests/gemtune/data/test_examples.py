"""What an example is known by: its prompt, its reference, its keys and its id; and how messages quote it."""

from typing import Any

from gemtune.data.examples import example_id, prompt_key, prompt_of, reference_of, turns_key
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


def test_white_space_does_not_make_another_prompt_but_the_system_instruction_does() -> None:
    one, two = {"contents": [user("a  b\n"), model()]}, {"contents": [user("a b"), model("x")]}
    told = {**two, "systemInstruction": SYSTEM}
    assert prompt_key(one) == prompt_key(two) != prompt_key(told)
    assert turns_key(one) == turns_key(told)
    assert turns_key(one) != turns_key({"contents": [user("ab"), model()]})


def test_an_id_is_that_of_prompt_and_reference() -> None:
    prompt = prompt_of({"contents": [user(), model()]})
    assert example_id(prompt, "answer") == example_id({"contents": [dict(reversed(user().items()))]}, "answer")
    assert len({example_id(prompt, "answer"), example_id(prompt, "other"), example_id({"contents": []}, "answer")}) == 3


def test_a_quote_of_the_data_is_short_and_on_one_line() -> None:
    assert cut("a\nb") == "`a b`"
    assert len(cut("x" * 1000)) == LONGEST_QUOTE
