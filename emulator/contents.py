"""What a conversation says: the fields of Content, its text, its tokens, and the article to summarise."""

import json
import re
from typing import Any

from emulator import tokens
from emulator.json_fields import Schema

PART: Schema = {
    "text": "string",
    "inlineData": "any",
    "fileData": "any",
    "functionCall": "map",
    "functionResponse": "map",
    "executableCode": "any",
    "codeExecutionResult": "any",
    "videoMetadata": "any",
    "mediaResolution": "any",
    "thought": "bool",
    "thoughtSignature": "string",
}
CONTENT: Schema = {"role": "string", "parts": [PART]}
"""Source: google.cloud.aiplatform.v1beta1.Content."""

_INSTRUCTION = re.compile(r"\A\s*+[^\n]{1,300}:[ \t]*+\n++")


def text_of(content: dict[str, Any]) -> str:
    """Return a turn's text; what is called or returned by a function counts as JSON, files as nothing."""
    return "\n".join(filter(None, map(_text_of_part, content.get("parts", []))))


def _text_of_part(part: dict[str, Any]) -> str:
    # A lone surrogate is valid JSON, but no text: it could not be sent back.
    text = str(part.get("text", "")).encode("utf-8", "replace").decode()
    called = part.get("functionCall") or part.get("functionResponse")
    return text or (json.dumps(called) if called else "")


def count_tokens(contents: list[dict[str, Any]]) -> int:
    """Return the number of tokens of several turns."""
    return sum(tokens.count(text_of(content)) for content in contents)


def article_of(contents: list[dict[str, Any]]) -> str:
    r"""Return what is to be summarised: the last user turn, without an instruction before it.

    An instruction is a first line of at most 300 characters that ends in a colon.

    >>> article_of([{"role": "user", "parts": [{"text": "Summarise this:\n\nWater the plants."}]}])
    'Water the plants.'
    """
    turns = [content for content in contents if content.get("role", "user") == "user"]
    text = text_of(turns[-1]) if turns else ""
    return _INSTRUCTION.sub("", text) or text
