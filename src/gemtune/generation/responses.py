"""What a GenerateContentResponse amounts to: one outcome, the text, the counts of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.generation.predictions import Prediction

# What the service stops for on its own account. Source: google.genai.types.FinishReason.
_BLOCKING = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "LANGUAGE"})


def read_response(response: Mapping[str, Any], *, latency_ms: int, attempts: int) -> Prediction:
    """Return what a GenerateContentResponse amounts to.

    Thinking can use up the token limit and leave a candidate without text, and a blocked prompt has no candidate:
    neither is an error, both are outcomes. A field of another type than it should have counts as absent.

    Args:
        response: The answer's JSON, as a request or a line of a batch job gets it.
        latency_ms: Time of the last attempt.
        attempts: Requests it took.
    """
    usage = _object(response.get("usageMetadata"))
    candidate = _object(next(iter(_list(response.get("candidates"))), None))
    finish_reason = str(candidate.get("finishReason") or "")
    block_reason = str(_object(response.get("promptFeedback")).get("blockReason") or "")
    outcome, text = _outcome(_text(candidate), finish_reason, block_reason, has_candidate=bool(candidate))
    return Prediction(
        outcome=outcome,
        text=text,
        finish_reason=finish_reason,
        block_reason=block_reason,
        model_version=str(response.get("modelVersion") or ""),
        prompt_tokens=_count(usage.get("promptTokenCount")),
        output_tokens=_count(usage.get("candidatesTokenCount")),
        thinking_tokens=_count(usage.get("thoughtsTokenCount")),
        latency_ms=latency_ms,
        attempts=attempts,
    )


def _outcome(text: str, finish_reason: str, block_reason: str, *, has_candidate: bool) -> tuple[str, str]:
    if (block_reason and not has_candidate) or finish_reason.removeprefix("IMAGE_") in _BLOCKING:
        return "blocked", ""
    if finish_reason == "MAX_TOKENS":
        return "truncated", text
    return ("answered" if text else "empty"), text


def _text(candidate: Mapping[str, Any]) -> str:
    """Join the text parts; a thought is not part of the answer."""
    parts = map(_object, _list(_object(candidate.get("content")).get("parts")))
    return "".join(str(part["text"]) for part in parts if part.get("text") and not part.get("thought"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
