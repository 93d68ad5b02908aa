from typing import Any

import httpx
import pytest
from google.genai.errors import ClientError

from gemtune import catalog as catalogs
from gemtune.errors import SpecError
from gemtune.failures import failure_of, jittered
from gemtune.generation_settings import GenerationSettings, request_fields
from gemtune.responses import read_response

CATALOG = catalogs.load()


def test_thinking_is_a_level_or_a_budget_as_the_model_has_it() -> None:
    def thinking(text: str, model: str) -> Any:
        fields, _ = request_fields(GenerationSettings(thinking=text), model, CATALOG)
        return fields["generationConfig"].get("thinkingConfig")

    assert thinking("default", "gemini-3.5-flash") is None
    assert thinking("minimal", "gemini-3.5-flash") == {"thinkingLevel": "MINIMAL"}
    assert thinking("minimal", "gemini-2.5-pro") == {"thinkingBudget": 128}
    with pytest.raises(SpecError, match="thinking: 100, expected"):
        thinking("100", "gemini-3.5-flash")


@pytest.mark.parametrize(
    ("fields", "outcome", "text"),
    [
        ({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "a"}]}}]}, "answered", "a"),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, "truncated", ""),
        ({"candidates": [{"finishReason": "MAX_TOKENS", "content": {"parts": [{"text": "a"}]}}]}, "truncated", "a"),
        ({"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]}, "empty", ""),
        ({"candidates": [{"finishReason": "SAFETY", "content": {"parts": [{"text": "a"}]}}]}, "blocked", ""),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, "blocked", ""),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "blocked", ""),
        ({}, "empty", ""),
        (
            {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "b"}, {"text": "c"}]}}]},
            "answered",
            "bc",
        ),
    ],
)
def test_a_response_has_one_outcome(fields: dict[str, Any], outcome: str, text: str) -> None:
    prediction = read_response(fields, latency_ms=5, attempts=1)
    assert (prediction.outcome, prediction.text) == (outcome, text)


def test_tokens_of_thinking_are_counted_apart() -> None:
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 90}
    prediction = read_response({"usageMetadata": usage}, latency_ms=5, attempts=1)
    assert (prediction.prompt_tokens, prediction.output_tokens, prediction.thinking_tokens) == (7, 3, 90)


def quota_error(details: list[Any]) -> ClientError:
    return ClientError(429, {"error": {"code": 429, "message": "Quota", "status": "X", "details": details}})


def test_the_service_decides_when_to_come_back() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
    assert failure_of(quota_error([info])).delay_seconds == 17.5
    assert failure_of(quota_error([])).delay_seconds == 0
    later = ClientError(429, {"message": "Quota"}, httpx.Response(429, headers={"Retry-After": "3"}))
    assert failure_of(later).delay_seconds == 3


def test_waits_grow_and_stay_short() -> None:
    assert all(0.05 <= jittered(0) <= 0.25 for _ in range(200))
    assert all(0.05 <= jittered(1000) <= 2.0 for _ in range(200))
    assert max(jittered(8) for _ in range(500)) > 1.5
