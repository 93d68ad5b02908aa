from typing import Any

import pytest

from gemtune.errors import SpecError
from gemtune.yaml_reader import read_yaml


@pytest.mark.parametrize(
    "text", ["no", "on", "Yes", "1:30", "2026-01-01", "1_000", "0x1f", "=", ".inf", "'12'", "!!str 12"]
)
def test_text_that_only_looks_like_something_else_stays_text(text: str) -> None:
    assert read_yaml(f"key: {text}", "f")[0] == {"key": text.strip("'").removeprefix("!!str ")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3", -3),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("[1, a]", [1, "a"]),
        ("!!float 1", 1.0),
    ],
)
def test_values_are_what_they_look_like(text: str, value: Any) -> None:
    found = read_yaml(f"key: {text}", "f")[0]["key"]
    assert (found, type(found)) == (value, type(value))


def test_every_key_has_its_line() -> None:
    text = "# comment\na: 1\nb:\n  c: 2\n  d:\n    - e: 3\n"
    assert read_yaml(text, "f")[1] == {("a",): 2, ("b",): 3, ("b", "c"): 4, ("b", "d"): 5, ("b", "d", "0", "e"): 6}


@pytest.mark.parametrize("text", ["a: !!int x", "a: !!bool 2", "a: 9223372036854775808", "a: 1e999", 'a: "\\ud800"'])
def test_a_scalar_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(SpecError, match=r"^f:1: .* cannot be read as (int|bool|float|str)$"):
        read_yaml(text, "f")


def test_a_text_that_would_unfold_to_gigabytes_is_refused() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(SpecError, match=r"f:2: not YAML .aliases are not supported"):
        read_yaml("\n".join(lines), "f")
