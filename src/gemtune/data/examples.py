"""Examples: turns of user and model, the last of which is what tuning learns from and evaluation compares with.

The rules follow the service's documentation and its official samples:
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pydantic_core import to_json
from xxhash import xxh3_128

from gemtune.data.findings import Rejection, cut, kind

Example: TypeAlias = dict[str, Any]
"""{contents, systemInstruction?, tools?}: exactly what the tuning service reads."""

Part: TypeAlias = dict[str, Any]

CALLS = ("functionCall", "function_call")
RESPONSES = ("functionResponse", "function_response")


class Turn(NamedTuple):
    """One content of an example, and where in the raw record it came from."""

    path: str
    content: dict[str, Any]


def check_turns(turns: Sequence[Turn], *, is_test: bool) -> None:
    """Check that the turns are an example the service takes.

    Args:
        turns: Contents in order.
        is_test: The example is evaluated on: its last turn is the reference.

    Raises:
        Rejection: A rule is broken: bad_role, first_turn_not_user, roles_not_alternating, last_turn_not_model,
            wrong_type, empty_part, or empty_reference.
    """
    if _is_plain_conversation(turns):
        return
    if not turns:
        raise Rejection("missing_contents", "no turns", "at least one of `user` and one of `model`", "add them")
    roles = [_role(turn) for turn in turns]
    if roles[0] != "user":
        raise _order("first_turn_not_user", "first turn", turns[0], "user", "start with what the model is asked")
    for turn, role, before in zip(turns[1:], roles[1:], roles, strict=False):
        if role == before:
            other = "user" if role == "model" else "model"
            raise _order("roles_not_alternating", "turn after a turn of the same role", turn, other, "join the two")
    if roles[-1] != "model":
        raise _order("last_turn_not_model", "last turn", turns[-1], "model", "the model's turn is what tuning learns")
    for turn in turns[:-1]:
        _check_parts(turn, "empty_part")
    _check_parts(turns[-1], "empty_reference" if is_test else "empty_part")


def _is_plain_conversation(turns: Sequence[Turn]) -> bool:
    """Tell whether turns of text alternate: most examples do, and need not be checked rule by rule."""
    expected = "user"
    for _, content in turns:
        if content.get("role") != expected or not content["parts"]:
            return False
        for part in content["parts"]:
            text = part.get("text")
            if len(part) != 1 or type(text) is not str or not text or text.isspace():
                return False
        expected = "model" if expected == "user" else "user"
    return expected == "user" and len(turns) > 0


def _order(rule: str, what: str, turn: Turn, expected: str, next: str) -> Rejection:
    role = "user" if expected == "model" else "model"
    return Rejection(rule, f"{what} is `{role}`", f"`{expected}`", next, turn.path)


def _role(turn: Turn) -> str:
    role, parts = turn.content.get("role"), turn.content["parts"]
    if role in ("user", "model"):
        return str(role)
    # The answers of tools are a content without a role:
    # https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-function-calling
    if role is None and parts and all(any(key in part for key in RESPONSES) for part in parts):
        return "user"
    found = "no role" if role is None else f"role is {cut(role)}"
    raise Rejection("bad_role", found, "`user` or `model`", "correct the role", f"{turn.path}.role")


def _check_parts(turn: Turn, rule: str) -> None:
    parts = turn.content["parts"]
    for part in parts:
        if not isinstance(part.get("text", ""), str):
            raise Rejection("wrong_type", f"text is {kind(part['text'])}", "text", "correct it", turn.path)
    if any(part in ({}, {"text": ""}) for part in parts) or is_blank(parts):
        raise Rejection(rule, "a part without content", "text or another kind of part", "fill or remove it", turn.path)


def is_blank(parts: Sequence[Part]) -> bool:
    """Tell whether parts hold nothing but white space."""
    return all(set(part) == {"text"} and not part["text"].strip() for part in parts)


def prompt_of(example: Example) -> dict[str, Any]:
    """Return what the model is asked: the turns before the last one, and the system instruction if there is one."""
    prompt = {"contents": example["contents"][:-1]}
    if "systemInstruction" in example:
        prompt["systemInstruction"] = example["systemInstruction"]
    return prompt


def reference_of(example: Example) -> str | None:
    """Return the text of the last turn, without thoughts; None if that turn calls a function or has no text.

    >>> reference_of({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "search"}}]}]}) is None
    True
    """
    parts = example["contents"][-1]["parts"]
    if any(key in part for part in parts for key in CALLS):
        return None
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    return text if text.strip() else None


def example_id(prompt: Mapping[str, Any], reference: str) -> str:
    """Return the id under which prediction and scores of a test example are found: 16 hexadecimal digits."""
    return digest({"prompt": prompt, "reference": reference}).hex()[:16]


class Keys(NamedTuple):
    """What stands for an example where it is compared with others; 16 bytes each."""

    turns: bytes
    """The turns of the prompt, whatever their white space and system instruction.

    Decides split and sample: another system instruction moves no example.
    """
    prompt: bytes
    """The whole prompt, whatever its white space: equal in two splits, it leaks."""
    whole: bytes
    """Everything, the white space of the prompt aside: equal in one split, it is a repeat."""


def keys_of(example: Example) -> Keys:
    """Return the keys of an example: one hash, as it stands after each of its parts.

    XXH3 takes a sixth of the time of sha256. Keys are compared within one dataset, by its owner; what names stored
    content, where a forged collision would matter, is `digest`.
    """
    hashed = xxh3_128(_key_pieces(example["contents"][:-1]))
    turns = prompt = hashed.digest()
    if "systemInstruction" in example:
        hashed.update(b"\n" + _key_pieces([example["systemInstruction"]]))
        prompt = hashed.digest()
    answer = example["contents"][-1]["parts"]
    hashed.update(b"\n" + to_json(_sorted([answer, example["tools"]] if "tools" in example else answer)))
    return Keys(turns, prompt, hashed.digest())


def is_plain_text(example: Example) -> bool:
    """Tell whether an example holds text and nothing else."""
    for key, value in example.items():
        for content in (value,) if key == "systemInstruction" else value:
            for part in content.get("parts", ({},)):
                if len(part) != 1 or "text" not in part:
                    return False
    return True


def _key_pieces(contents: Sequence[Mapping[str, Any]]) -> bytes:
    pieces = []
    for content in contents:
        parts = content["parts"]
        pieces.append(b"%b %d" % (content.get("role", "").encode(), len(parts)))
        for part in parts:
            is_text = len(part) == 1 and "text" in part
            data = squeezed(part["text"]) if is_text else to_json(_sorted(part, _squeezed_text))
            pieces.append(b"%d%b" % (len(data), b"t" if is_text else b"j"))
            pieces.append(data)
    return b"\n".join(pieces)


def squeezed(text: str) -> bytes:
    """Return a text without its white space, in UTF-8."""
    # Deleting is several times as fast as leaving one space, and where the words begin makes no other prompt.
    data = text.encode().translate(None, _WHITE)
    if not text.isascii():
        for space in _OTHER_WHITE:
            if space in text:
                return "".join(data.decode().split()).encode()
    return data


_WHITE = b" \t\n\v\f\r\x1c\x1d\x1e\x1f"
_OTHER_WHITE = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What `str.split` takes for white space, too."""


def _squeezed_text(text: str) -> str:
    return squeezed(text).decode()


def _sorted(value: Any, convert: Callable[[str], str] = str) -> Any:
    """Return a value with the keys of its objects in order, and its texts converted."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, list):
        return [_sorted(item, convert) for item in value]
    return {key: _sorted(value[key], convert) for key in sorted(value)} if isinstance(value, dict) else value


def digest(value: Any) -> bytes:
    """Return the sha256 of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
