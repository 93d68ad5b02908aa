"""YAML as people expect it: the plain values of YAML 1.2, no surprises, and the line of every key.

PyYAML speaks YAML 1.1, where `no` is false, `1:30` is 90, `010` is 8, `1e-5` is text, and a repeated key wins silently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import yaml

from gemtune.errors import SpecError

Lines: TypeAlias = dict[tuple[str, ...], int]
"""Line, counted from 1, of each key by its path from the top."""

_TAG = "tag:yaml.org,2002:"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_LARGEST = 2**63 - 1


class _Loader(yaml.SafeLoader):
    """Composes nodes; aliases are refused, since a short text could unfold to gigabytes or contain itself."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", event.start_mark)
        return super().compose_node(parent, index)


# An own, empty table: else the resolvers of YAML 1.1 are inherited. The first that matches counts.
_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(rf"(?:{_FLOAT})\Z"), list("-+0123456789."))


def read_yaml(text: str, where: str) -> tuple[Any, Lines]:
    """Return the value of a YAML text, and where its keys stand.

    Args:
        text: One YAML document.
        where: Name of its source, for messages.

    Raises:
        SpecError: The text is not YAML, or uses aliases, tags, repeated keys, or keys that are not text.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", "not readable")
        place = f"{where}:{mark.line + 1}" if mark else where
        raise SpecError(
            f"{place}: not YAML ({reason})", next="check indentation, and quote text that has `: `"
        ) from error
    except RecursionError:
        raise SpecError(f"{where}: nested too deeply, expected keys and values") from None
    lines: Lines = {}
    return None if node is None else _value(node, (), lines, where), lines


def _value(node: yaml.Node, path: tuple[str, ...], lines: Lines, where: str) -> Any:
    if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
        return _mapping(node, path, lines, where)
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
        return [_value(item, (*path, str(index)), lines, where) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, where)
    _fail(node, where, f"tag {node.tag} is not supported")


def _mapping(node: yaml.MappingNode, path: tuple[str, ...], lines: Lines, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _value(key_node, path, {}, where)
        if not isinstance(key, str):
            _fail(key_node, where, f"key {str(key)[:40]} is no text, expected a name: put it in quotes")
        if key in found:
            _fail(key_node, where, f"{key}: given twice, expected once")
        lines[*path, key] = key_node.start_mark.line + 1
        found[key] = _value(value_node, (*path, key), lines, where)
    return found


def _scalar(node: yaml.ScalarNode, where: str) -> Any:
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    try:
        # Half of a pair of `\u` escapes is no character: it could not be written anywhere.
        text.encode()
        return _READ[kind](text)
    except KeyError:
        _fail(node, where, f"tag {node.tag} is not supported")
    except ValueError:
        _fail(node, where, f"{text[:40]!r} cannot be read as {kind}")


def _null(text: str) -> None:
    return None


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        _refuse()
    return text.lower() == "true"


def _int(text: str) -> int:
    number = int(text)
    return number if abs(number) <= _LARGEST else _refuse()


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse()


_READ: dict[str, Callable[[str], Any]] = {"null": _null, "bool": _bool, "int": _int, "float": _float, "str": str}


def _refuse() -> NoReturn:
    raise ValueError


def _fail(node: yaml.Node, where: str, problem: str) -> NoReturn:
    raise SpecError(f"{where}:{node.start_mark.line + 1}: {problem}")
