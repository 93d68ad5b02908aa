"""Conversion: a raw record in any known dialect becomes an example {contents, systemInstruction?, tools?}.

Nothing is lost silently: a key that is not carried over is named, once per key and file.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, cast

from pydantic_core import from_json, to_json

from gemtune.data.dialects import DIALECTS, LANGUAGE_KEYS, Dialect, Draft, Raw
from gemtune.data.examples import Example, Keys, check_turns, is_blank, is_plain_text, keys_of
from gemtune.data.findings import RawValue, Rejection, cut
from gemtune.data.limits import Limits
from gemtune.data.plain_chat import PlainChat, as_record, encode_plain_chat, encode_texts, plain_chat_keys
from gemtune.data.prompt_template import PromptTemplate
from gemtune.errors import DataError, did_you_mean

NO_LIMITS = Limits(None)

UNKNOWN_LANGUAGE = "und"
"""BCP 47: undetermined."""

DEEPEST = 90
"""Levels of lists and objects in an example; protobuf's JSON parsers refuse more than 100.

Source: google.protobuf.json_format.Parse, max_recursion_depth.
"""


_LEGACY = {
    "context": "a system instruction",
    "examples": "turns",
    "author": "`role`",
    "weight": "no weights: tuning Gemini has none",
    "generationConfig": "generation settings in the spec, not in examples",
    "generation_config": "generation settings in the spec, not in examples",
    "safetySettings": "safety_threshold in the spec, not in examples",
    "safety_settings": "safety_threshold in the spec, not in examples",
}
"""Keys of earlier formats, or of requests, and what took their place."""


class Converted(NamedTuple):
    """An example, and what the record says beside it."""

    line: bytes
    """The example as JSON in UTF-8, without spaces."""
    keys: Keys
    language: str
    warnings: list[Rejection]
    """What does not count (each once per file), or may be a problem; the example is used all the same."""

    @property
    def example(self) -> Example:
        """Return the example: read back, because few are looked at again."""
        return cast("Example", from_json(self.line))


class Converter:
    """Converts the records of one file, whose dialect is the one named or that of its first known record.

    Args:
        uri: The file, for messages.
        data_format: Name of a dialect, or auto.
        prompt_template: How columns become the prompt; empty to take the dialect's prompt column as it is.
        system_instruction: Given to every example that has none.
        is_test: The examples are evaluated on.
        limits: What the model takes.
    """

    def __init__(
        self,
        *,
        uri: str,
        data_format: str,
        prompt_template: str,
        system_instruction: str,
        is_test: bool,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self.uri, self.is_test, self.system_instruction, self.limits = uri, is_test, system_instruction, limits
        self.template = PromptTemplate(prompt_template)
        self.format = "" if data_format == "auto" else data_format
        """Name of the file's dialect; empty as long as it is not known."""
        self._reported: set[str] = set()
        self._is_template_used = not self.template.columns
        self._is_first = True
        self._may_be_plain = False

    def convert(self, raw: RawValue) -> Converted:
        """Convert one record.

        Raises:
            Rejection: The record cannot be used.
            DataError: It is the first, and has no column that the template names.
        """
        if isinstance(raw, tuple):
            if self._may_be_plain:
                return self._convert_plain_chat(raw)
            raw = as_record(raw)
        dialect = self._dialect(raw)
        left_out: set[str] = set()
        example = self._example(dialect.convert(raw, self.template, left_out))
        is_plain = is_plain_text(example)
        line = encode(example, is_plain=is_plain)
        warnings = self.limits.check_example(example, line, is_plain=is_plain)
        if left_out or not self._is_template_used:
            warnings += self._warnings(left_out, dialect)
        return Converted(line, keys_of(example), _language(raw), warnings)

    def _convert_plain_chat(self, texts: PlainChat) -> Converted:
        try:
            encoded = encode_texts(texts)
        except ValueError:
            _check_encodable(texts)  # which says what is wrong
            raise
        line = encode_plain_chat(encoded)
        warnings = [] if self.limits.is_short(line) else self.limits.check_example(from_json(line), line, is_plain=True)
        return Converted(line, plain_chat_keys(texts, encoded[-1]), UNKNOWN_LANGUAGE, warnings)

    def _example(self, draft: Draft) -> Example:
        check_turns(draft.turns, is_test=self.is_test)
        example: Example = {"contents": [turn.content for turn in draft.turns]}
        if draft.system or self.system_instruction:
            system = draft.system if not is_blank(draft.system) else [{"text": self.system_instruction}]
            if not is_blank(system):
                example["systemInstruction"] = {"role": "system", "parts": system}
        if draft.tools:
            example["tools"] = draft.tools
        return example

    def _warnings(self, left_out: set[str], dialect: Dialect) -> list[Rejection]:
        new = [_left_out(path) for path in sorted(left_out - self._reported)]
        if not self._is_template_used and not dialect.has_columns:
            expected = f"columns, but the format is {self.format}"
            new.append(Rejection("template_not_used", "a prompt_template", expected, "unset prompt_template"))
        self._is_template_used = True
        self._reported |= left_out
        return new

    def _dialect(self, raw: Raw) -> Dialect:
        if not self.format:
            self.format = next((name for name, dialect in DIALECTS.items() if dialect.marks <= raw.keys()), "")
        if not self.format:
            known = "; ".join(" and ".join(sorted(dialect.marks)) for dialect in DIALECTS.values())
            raise Rejection("unknown_format", _keys(raw), f"one of: {known}", "rename the keys, or set data_format")
        dialect = DIALECTS[self.format]
        self._may_be_plain = self.format == "messages" and not self.system_instruction and not self.template.columns
        if self._is_first and dialect.has_columns:
            self._check_columns(raw)
        self._is_first = False
        return dialect

    def _check_columns(self, raw: Raw) -> None:
        for column in self.template.columns:
            if column not in raw:
                columns = ", ".join(cut(key) for key in raw)
                raise DataError(
                    f"{self.uri}: prompt_template names `{column}`, expected one of the columns {columns}"
                    + did_you_mean(column, raw),
                    next="correct prompt_template",
                )


def encode(value: Any, *, is_plain: bool = False) -> bytes:
    """Return a value as JSON in UTF-8 that others can read, without spaces.

    Args:
        value: An example.
        is_plain: It is known to hold text only.

    Raises:
        Rejection: It is nested too deeply, holds a lone surrogate (from bytes that are not UTF-8, or an escape), or
            an infinite number.
    """
    try:
        line = to_json(value, inf_nan_mode="constants")
    except ValueError:
        line = b""
    if not is_plain or not line:
        _check_encodable(value)
    return line


def _check_encodable(value: Any) -> None:
    if _is_deeper(value, DEEPEST):
        raise Rejection("too_deep", f"more than {DEEPEST} levels", "flatter JSON", "flatten the function's arguments")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        found = f"the character U+{ord(error.object[error.start]):04X}"
        raise Rejection("not_utf8", found, "UTF-8", "save the file as UTF-8") from None
    except ValueError:
        raise Rejection("not_json", "a number out of range", "a JSON number", "correct it") from None


def _is_deeper(value: Any, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in items if isinstance(item, dict | list))


def _language(raw: Raw) -> str:
    """Return the record's own language tag; it must not spoil the record if it is none."""
    if raw.keys().isdisjoint(LANGUAGE_KEYS):
        return UNKNOWN_LANGUAGE
    named = (raw[key] for key in LANGUAGE_KEYS if isinstance(raw.get(key), str))
    tags = (tag.strip() for tag in named)
    return next((tag for tag in tags if tag.replace("-", "").isalnum() and tag.isascii()), UNKNOWN_LANGUAGE)


def _left_out(path: str) -> Rejection:
    key = path.rpartition(".")[2]
    if key in _LEGACY:
        found = f"`{key}`, which is not carried over"
        return Rejection("legacy_key", found, _LEGACY[key], "remove or convert it", path)
    return Rejection("unknown_key", "a key that is not carried over", "keys of its format", "nothing to do", path)


def _keys(raw: Raw) -> str:
    return "keys " + (", ".join(cut(key) for key in list(raw)[:8]) or "none") + (", …" if len(raw) > 8 else "")
