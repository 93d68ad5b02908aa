"""Every fault of a service, ordered in a counted number: no example is lost, and each has the outcome it should."""

from collections import Counter
from typing import Any

import pytest

from gemtune.errors import GenerationError, StorageError
from gemtune.generation.settings import GenerationSettings
from tests.gemtune.conftest import articles, prompt

ASK = "publishers.models.generateContent"


def outcomes(bench: Any) -> Counter[str]:
    predictions = bench.predictions()
    assert [one["id"] for one in predictions] == [f"id-{at}" for at in range(len(predictions))]
    return Counter(one["outcome"] for one in predictions)


def test_with_three_in_ten_calls_refused_every_prompt_is_answered(bench: Any) -> None:
    bench.emulator.fail(ASK, times=10_000, code=429, share=0.3)
    bench.run(bench.write(articles(70)), max_in_flight=16)
    assert outcomes(bench) == {"answered": 70}
    assert bench.emulator.faults_hit() == bench.sent() - 70 == 29


def test_a_minute_of_503_is_waited_out(bench: Any) -> None:
    def sleep(seconds: float) -> None:
        bench.sleep(seconds)
        bench.emulator.advance(seconds)

    bench.emulator.fail(ASK, times=10_000, code=503, seconds=60)
    bench.run(bench.write(articles(20)), sleep=sleep)
    assert outcomes(bench) == {"answered": 20}
    assert bench.emulator.faults_hit() == bench.sent() - 20 > 20
    assert 58 < bench.seconds < 75, "nobody waits much longer than the outage"


def test_connections_that_break_are_opened_again(bench: Any) -> None:
    bench.emulator.fail(ASK, times=9, code=0, reset=True)
    bench.run(bench.write(articles(30)), max_in_flight=8)
    assert outcomes(bench) == {"answered": 30}
    assert bench.emulator.faults_hit() == 9 == bench.sent() - 30


def test_answers_that_come_too_late_are_asked_for_again(bench: Any) -> None:
    bench.emulator.fail(ASK, times=3, code=0, delay_seconds=2.0)
    bench.run(bench.write(articles(6)), settings=GenerationSettings(request_timeout_seconds=0.8))
    assert outcomes(bench) == {"answered": 6}
    assert bench.emulator.faults_hit() == 3
    assert sum(one["attempts"] > 1 for one in bench.predictions()) >= 1


@pytest.mark.parametrize("body", ['{"candidates": [{"content": {"par', "<html>busy</html>", "[1, 2]"])
def test_what_is_no_answer_at_all_is_asked_for_again(bench: Any, body: str) -> None:
    bench.emulator.fail(ASK, times=4, code=0, body=body)
    bench.run(bench.write(articles(5)))
    assert outcomes(bench) == {"answered": 5}
    assert bench.emulator.faults_hit() == 4 == bench.sent() - 5


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ('{"candidates": []}', "empty"),
        ('{"candidates": [{"finishReason": "MAX_TOKENS", "content": {"role": "model"}}]}', "truncated"),
        ('{"candidates": [{"finishReason": "MAX_TOKENS"}]}', "truncated"),
        ('{"candidates": [{"finishReason": "SAFETY"}]}', "blocked"),
        ('{"promptFeedback": {"blockReason": "SAFETY"}}', "blocked"),
        ('{"candidates": "none", "usageMetadata": 3, "promptFeedback": []}', "empty"),
    ],
)
def test_an_answer_without_text_is_an_outcome_of_its_own(bench: Any, body: str, outcome: str) -> None:
    bench.emulator.fail(ASK, times=2, code=0, body=body)
    bench.run(bench.write(articles(5)))
    assert outcomes(bench) == {"answered": 3, outcome: 2}
    assert bench.emulator.faults_hit() == 2 == bench.sent() - 3
    assert {one["text"] for one in bench.predictions() if one["outcome"] == outcome} == {""}


def test_blocked_prompts_are_counted_beside_the_others(bench: Any) -> None:
    marked = [prompt(f"Tell me [[blocked]] {at}") for at in range(3)]
    bench.run(bench.write([*articles(4), *marked]))
    assert outcomes(bench) == {"answered": 4, "blocked": 3}


def test_a_token_that_expired_is_renewed(bench: Any) -> None:
    bench.emulator.fail(ASK, times=1, code=401)
    bench.run(bench.write(articles(3)))
    assert outcomes(bench) == {"answered": 3}
    assert bench.emulator.faults_hit() == 1


def test_a_service_that_answers_nobody_any_more_ends_the_step_and_keeps_what_it_has(bench: Any) -> None:
    bench.run(bench.write(articles(5)))
    uri = bench.write(articles(60))
    bench.emulator.fail(ASK, times=100_000, code=503)

    def sleep_long(seconds: float) -> None:
        bench.seconds += 150

    with pytest.raises(GenerationError, match="prompts in a row got no answer in time: 503 UNAVAILABLE") as ended:
        bench.run(uri, sleep=sleep_long)
    assert "kept" in ended.value.next
    bench.emulator.state.faults.clear()
    assert bench.run(uri)["reused"] == 5


def test_after_the_steps_deadline_nothing_is_sent_and_every_prompt_is_accounted_for(bench: Any) -> None:
    bench.emulator.fail(ASK, times=1, code=503)

    def sleep_long(seconds: float) -> None:
        bench.seconds += 3700

    summary = bench.run(bench.write(articles(9)), sleep=sleep_long, deadline_hours=1, max_in_flight=1)
    assert summary["outcomes"].keys() <= {"answered", "failed"}
    assert sum(summary["outcomes"].values()) == 9 and summary["outcomes"]["failed"] >= 1
    assert bench.sent() <= 9


def test_a_quota_fails_no_prompt_while_others_are_answered(bench: Any) -> None:
    # 2 of 3 calls are refused, and each wait is as long as a third of a prompt's deadline.
    def sleep_long(seconds: float) -> None:
        bench.seconds += 100

    bench.emulator.fail(ASK, times=10_000, code=429, share=0.67)
    bench.run(bench.write(articles(30)), sleep=sleep_long)
    assert outcomes(bench) == {"answered": 30}


def test_answers_that_cannot_be_kept_end_the_step(bench: Any) -> None:
    uri = bench.write(articles(4))
    bench.emulator.fail("storage.objects.insert", times=1, code=403)
    with pytest.raises(StorageError, match=r"gemtune/predictions/.*: not allowed to write it"):
        bench.run(uri)
    assert bench.emulator.faults_hit() == 1
