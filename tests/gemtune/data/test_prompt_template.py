"""A template makes the prompt from columns, and says so when it cannot."""

from typing import Any

import pytest

from gemtune.data.conversion import Converter
from gemtune.data.prompt_template import PromptTemplate
from gemtune.errors import DataError, SpecError


def converter(prompt_template: str) -> Converter:
    given: dict[str, Any] = {"data_format": "auto", "system_instruction": "", "is_test": False}
    return Converter(uri="gs://b/a.jsonl", prompt_template=prompt_template, **given)


def test_a_template_makes_the_prompt_from_any_columns() -> None:
    raw = {"title of it": "T", "input_text": "{body}", "output_text": "answer", "n": 1}
    example = converter("{{Summarise}} {title of it}:\n{input_text}").convert(raw).example
    assert example["contents"][0]["parts"] == [{"text": "{Summarise} T:\n{body}"}]


def test_a_column_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(DataError) as error:
        converter("{artikel}").convert({"article": "x", "completion": "y"})
    assert "`artikel`" in str(error.value)
    assert "columns `article`, `completion`, did you mean `article`?" in str(error.value)


def test_a_template_that_does_not_apply_is_warned_about_once() -> None:
    file = converter("{x}")
    raw = {"messages": [{"role": role, "content": "x"} for role in ("user", "model")], "id": 1}
    assert [warning.rule for warning in file.convert(raw).warnings] == ["unknown_key", "template_not_used"]
    assert file.convert(raw).warnings == []


@pytest.mark.parametrize("text", ["{", "{}", "{a!r}", "{a:>3}", "no column"])
def test_a_template_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="prompt_template"):
        PromptTemplate(text)


def test_an_attribute_in_a_template_is_only_a_column_name() -> None:
    assert PromptTemplate("{a.__class__}").columns == ["a.__class__"]
