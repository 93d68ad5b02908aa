"""Limits: what one model takes, checked before anything is sent; the service drops or refuses it, hours later.

Facts are the catalogue's; of a model that is not in it nothing is checked.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gemtune.catalog import Model
from gemtune.data.examples import Example, Part
from gemtune.data.findings import Rejection, cut
from gemtune.data.token_estimate import estimate_band, estimate_contents

_SNAKE = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "file_data": "fileData",
    "inline_data": "inlineData",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
}
"""The API takes both spellings."""
_MEDIA = ("fileData", "inlineData")
_MEDIA_MARKS = (b'"fileData":', b'"file_data":', b'"inlineData":', b'"inline_data":')


class SplitSize(NamedTuple):
    """What the limits of a split are compared with."""

    examples: int
    bytes: int
    has_media: bool


class Limits:
    """The limits of the model that is tuned.

    Args:
        model: What the catalogue knows; None for nothing.
    """

    def __init__(self, model: Model | None) -> None:
        self.model = model or Model(id="")

    def check_example(self, example: Example, line: bytes, *, is_plain: bool) -> list[Rejection]:
        """Check one example, and return what may be a problem.

        Args:
            example: What the service would read.
            line: The same as JSON.
            is_plain: All parts are text.

        Raises:
            Rejection: The model refuses a part of it (`refused_part`, `bad_media`), or it has too many tokens by
                estimate (`too_many_tokens`): the service leaves such examples out without failing.
        """
        if not is_plain:
            for path, part in _parts(example):
                self._check_part(part, path)
        most = self.model.max_tokens_per_example
        return [] if most is None or self.is_short(line) else self._check_tokens(example, most)

    def is_short(self, line: bytes) -> bool:
        """Tell whether an example's JSON is too short for too many tokens, as most are: none is shorter than a byte."""
        most = self.model.max_tokens_per_example
        return most is None or len(line) <= most

    def check_train(self, size: SplitSize) -> Iterator[Rejection]:
        """Yield what the service would refuse about the training split as a whole."""
        model = self.model
        most = model.max_multimodal_examples if size.has_media else model.max_training_examples
        if most is not None and size.examples > most:
            kind = "examples with media among them" if size.has_media else "examples"
            expected = f"at most {most:,} for {model.id}"
            yield Rejection("too_many_examples", f"{size.examples:,} {kind}", expected, "set max_train_examples")
        if model.max_training_file_bytes is not None and size.bytes > model.max_training_file_bytes:
            expected = f"at most {model.max_training_file_bytes:,} for {model.id}"
            yield Rejection("file_too_large", f"{size.bytes:,} bytes", expected, "set max_train_examples")

    def most_validation(self, train_examples: int) -> int | None:
        """Return how many validation examples the service takes beside a training split; None if that is unknown.

        >>> Limits(Model(id="m", max_validation_examples=5000, max_validation_share=0.3, validation_share_from=1001)
        ...     ).most_validation(10_000)
        3000
        """
        model = self.model
        if model.max_validation_examples is None:
            return None
        if model.max_validation_share is None or model.validation_share_from is None:
            return model.max_validation_examples
        by_share = max(int(train_examples * model.max_validation_share), model.validation_share_from - 1)
        return min(model.max_validation_examples, by_share)

    def _check_part(self, part: Part, path: str) -> None:
        part = {_SNAKE.get(key, key): value for key, value in part.items()}
        for kind in self.model.refused_parts:
            if kind in part:
                raise Rejection(
                    "refused_part",
                    f"a part `{kind}`",
                    f"parts that {self.model.id} is tuned on",
                    "choose another base_model, or correct refused_parts with catalog_overrides",
                    path,
                )
        for kind in _MEDIA:
            if kind in part:
                self._check_media(part[kind], f"{path}.{kind}", is_file=kind == "fileData")

    def _check_media(self, media: Any, path: str, *, is_file: bool) -> None:
        if not isinstance(media, Mapping):
            raise Rejection("bad_media", "no object", "mimeType and fileUri", "correct it", path)
        media = {_SNAKE.get(key, key): value for key, value in media.items()}
        mime_type, types = str(media.get("mimeType") or ""), self.model.media_types
        if not mime_type or (types and not mime_type.startswith(types)):
            expected = f"one of {', '.join(types)}" if types else "a type such as image/png"
            raise Rejection("bad_media", f"the type {cut(mime_type)}", expected, "convert it", f"{path}.mimeType")
        uri = media.get("fileUri")
        if is_file and not (isinstance(uri, str) and uri.startswith(("gs://", "https://", "http://"))):
            raise Rejection("bad_media", cut(uri), "a gs:// or https:// URI", "upload the file", f"{path}.fileUri")

    def _check_tokens(self, example: Example, most: int) -> list[Rejection]:
        system = [example["systemInstruction"]] if "systemInstruction" in example else []
        band = estimate_contents([*system, *example["contents"]])
        if example.get("tools"):
            band = band.plus(estimate_band(str(example["tools"])))
        expected = f"at most {most:,} for {self.model.id}, or the service leaves it out"
        if band.tokens > most:
            raise Rejection("too_many_tokens", f"about {band.tokens:,.0f} tokens", expected, "shorten it", "$")
        if band.high <= most:
            return []
        found = f"about {band.tokens:,.0f} tokens, perhaps {band.high:,.0f}"
        return [Rejection("many_tokens", found, expected, "shorten it to be safe", "$")]


def has_media(line: bytes) -> bool:
    """Tell whether an example, as JSON without spaces, has a part that is not text; a quote within text is escaped."""
    return any(mark in line for mark in _MEDIA_MARKS)


def _parts(example: Example) -> Iterator[tuple[str, Part]]:
    for turn, content in enumerate(example["contents"]):
        for index, part in enumerate(content["parts"]):
            yield f"$.contents[{turn}].parts[{index}]", part
