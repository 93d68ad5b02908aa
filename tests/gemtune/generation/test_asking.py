import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from google.genai.errors import ClientError

from gemtune import catalog as catalogs
from gemtune.errors import SpecError
from gemtune.generation.asking import Asker
from gemtune.generation.failures import Failure, failure_of, jittered, refusal
from gemtune.generation.predictions import Prediction
from gemtune.generation.responses import read_response
from gemtune.generation.settings import GenerationSettings, request_fields

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


ANSWER: dict[str, Any] = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}


class Script:
    """A service that gives these answers one after another, then the last one for ever, on a clock of its own."""

    def __init__(self, *results: dict[str, Any] | Failure) -> None:
        self.results = list(results)
        self.sent_at: list[float] = []
        self.now = 0.0

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | Failure:
        self.sent_at.append(self.now)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answers(self, prompts: int = 1, **settings: Any) -> list[Prediction]:
        async def ask() -> list[Prediction]:
            fields: dict[str, Any] = {"max_in_flight": 1, "deadline_seconds": 300, **settings}
            asker = Asker(client=self, fields={}, clock=lambda: self.now, sleep=self.sleep, **fields)
            return list(await asyncio.gather(*(asker.answer({"contents": []}) for _ in range(prompts))))

        return asyncio.run(ask())


@pytest.mark.parametrize(
    ("details", "headers"), [([RETRY_INFO], {}), ([], {"retry-after": "17"})], ids=["RetryInfo", "Retry-After"]
)
def test_nothing_is_sent_before_the_service_wants_it(details: list[Any], headers: dict[str, str]) -> None:
    busy = refusal(429, {"error": {"message": "Quota", "details": details}}, headers)
    script = Script(busy, ANSWER)
    assert [one.outcome for one in script.answers(4)] == ["answered"] * 4
    first, *later = script.sent_at
    assert min(later) >= first + 17
    assert len(later) == 4


def test_a_prompt_has_a_deadline_of_its_own_when_others_are_answered() -> None:
    script = Script(*[refusal(503, {"message": "Down"}, {})] * 2, ANSWER)
    script.sleep = lambda seconds: setattr(script, "now", script.now + 200)  # type: ignore[method-assign]
    (prediction,) = script.answers()
    assert (prediction.outcome, prediction.attempts) == ("answered", 3)
    script = Script(refusal(503, {"message": "Down"}, {}))
    (prediction,) = script.answers()
    assert (prediction.outcome, prediction.error) == ("failed", "503 : Down")
    assert 290 < script.now <= 300


def test_nothing_is_sent_after_the_end_of_the_step() -> None:
    script = Script(refusal(429, {"message": "Quota"}, {}))
    predictions = script.answers(5, ends_at=10)
    assert {one.outcome for one in predictions} == {"failed"}
    assert max(script.sent_at) < 10


def test_waits_are_shorter_when_few_prompts_are_left() -> None:
    crowd, single = Script(refusal(429, {}, {})), Script(refusal(429, {}, {}))
    crowd.answers(64, max_in_flight=32, ends_at=2000)
    single.answers(1, max_in_flight=32, ends_at=2000)
    mean_of_crowd = crowd.now / len(crowd.sent_at)
    mean_of_single = single.now / len(single.sent_at)
    assert mean_of_single <= 0.25 < 0.4 < mean_of_crowd
