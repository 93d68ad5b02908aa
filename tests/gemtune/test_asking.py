from typing import Any

import httpx
import pytest
from google.genai import types
from google.genai.errors import ClientError

from gemtune import catalog as catalogs
from gemtune.asking import failure_of, jittered, requested_delay
from gemtune.errors import SpecError
from gemtune.generation import GenerationSettings, request_config
from gemtune.predictions import read_response

CATALOG = catalogs.load()


def test_thinking_is_a_level_or_a_budget_as_the_model_has_it() -> None:
    def thinking(text: str, model: str) -> Any:
        return request_config(GenerationSettings(thinking=text), model, CATALOG)[0].get("thinking_config")

    assert thinking("default", "gemini-3.5-flash") is None
    assert thinking("minimal", "gemini-3.5-flash") == {"thinkingLevel": "MINIMAL"}
    assert thinking("minimal", "gemini-2.5-pro") == {"thinkingBudget": 128}
    with pytest.raises(SpecError, match="thinking: 100, expected"):
        thinking("100", "gemini-3.5-flash")


def response(**fields: Any) -> types.GenerateContentResponse:
    return types.GenerateContentResponse.model_validate(fields)


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
    prediction = read_response(response(**fields), latency_ms=5, attempts=1)
    assert (prediction.outcome, prediction.text) == (outcome, text)


def test_tokens_of_thinking_are_counted_apart() -> None:
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 90}
    prediction = read_response(response(usageMetadata=usage), latency_ms=5, attempts=1)
    assert (prediction.prompt_tokens, prediction.output_tokens, prediction.thinking_tokens) == (7, 3, 90)


def quota_error(details: list[Any]) -> ClientError:
    return ClientError(429, {"error": {"code": 429, "message": "Quota", "status": "X", "details": details}})


def test_the_service_decides_when_to_come_back() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
    assert requested_delay(quota_error([info])) == 17.5
    assert requested_delay(quota_error([])) == 0
    later = ClientError(429, {"message": "Quota"}, httpx.Response(429, headers={"Retry-After": "3"}))
    assert requested_delay(later) == 3
    assert failure_of(quota_error([info])).delay_seconds == 17.5


def test_waits_grow_and_stay_short() -> None:
    assert all(0.05 <= jittered(0) <= 0.25 for _ in range(200))
    assert all(0.05 <= jittered(1000) <= 2.0 for _ in range(200))
    assert max(jittered(8) for _ in range(500)) > 1.5
