from datetime import timedelta
from typing import Any

import pytest

from gemtune.errors import DataError, GenerationError
from gemtune.generation.settings import GenerationSettings
from gemtune.serving import ServedModel
from tests.gemtune.conftest import articles, prompt

ASK = "publishers.models.generateContent"


def test_every_prompt_is_answered_once_in_the_order_of_the_file(bench: Any) -> None:
    summary = bench.run(bench.write(articles(25)))
    predictions = bench.predictions()
    assert [one["id"] for one in predictions] == [f"id-{i}" for i in range(25)]
    assert {one["outcome"] for one in predictions} == {"answered"}
    assert all(one["text"] and one["prompt_tokens"] and one["attempts"] == 1 for one in predictions)
    assert bench.sent() == 25
    assert summary["outcomes"] == {"answered": 25}
    assert (summary["sent"], summary["reused"]) == (25, 0)
    assert summary["prompt_tokens"] == summary["paid"]["prompt_tokens"] == sum(p["prompt_tokens"] for p in predictions)
    assert summary["model_versions"] == ["gemini-3.1-flash-lite-emulator"]


@pytest.mark.parametrize("code", [408, 429, 500, 503, 504])
def test_a_busy_service_costs_attempts_and_no_prompt(bench: Any, code: int) -> None:
    bench.emulator.fail(ASK, times=10, code=code)
    bench.run(bench.write(articles(12)))
    predictions = bench.predictions()
    assert bench.emulator.faults_hit() == 10
    assert [one["id"] for one in predictions] == [f"id-{i}" for i in range(12)]
    assert {one["outcome"] for one in predictions} == {"answered"}
    assert sum(one["attempts"] for one in predictions) == 22 == bench.sent()
    assert len(bench.slept) == 10
    assert max(bench.slept) <= 2


def test_a_lost_connection_is_tried_again(bench: Any) -> None:
    bench.emulator.fail(ASK, times=2, code=0, reset=True)
    bench.run(bench.write(articles(3)))
    assert bench.emulator.faults_hit() == 2
    assert sum(one["attempts"] for one in bench.predictions()) == 5


def test_a_stalled_request_is_tried_again(bench: Any) -> None:
    bench.emulator.fail(ASK, times=1, code=0, delay_seconds=0.5)
    bench.run(bench.write(articles(1)), settings=GenerationSettings(request_timeout_seconds=0.2))
    assert [(one["outcome"], one["attempts"]) for one in bench.predictions()] == [("answered", 2)]


def test_a_prompt_that_gets_no_answer_by_its_deadline_has_failed(bench: Any) -> None:
    def sleep_long(seconds: float) -> None:
        bench.seconds += 50

    bench.emulator.fail(ASK, times=100, code=503, message="Try later.")
    settings = GenerationSettings(request_timeout_seconds=10)
    summary = bench.run(bench.write(articles(1)), settings=settings, sleep=sleep_long)
    (prediction,) = bench.predictions()
    assert prediction["outcome"] == "failed"
    assert prediction["error"] == "503 UNAVAILABLE: Try later."
    assert prediction["attempts"] == 7
    assert summary["outcomes"] == {"failed": 1}


def test_a_second_run_sends_nothing(bench: Any) -> None:
    uri = bench.write(articles(6))
    bench.run(uri)
    first = bench.predictions()
    summary = bench.run(uri)
    assert bench.sent() == 6
    assert (summary["sent"], summary["reused"]) == (0, 6)
    assert summary["paid"] == {"prompt_tokens": 0, "output_tokens": 0, "thinking_tokens": 0}
    assert bench.predictions() == first


def test_answers_are_found_by_content_whatever_the_file(bench: Any) -> None:
    bench.run(bench.write(articles(4)))
    bench.run(bench.write([*articles(5), *articles(1)]))
    assert bench.sent() == 5
    assert len(bench.predictions()) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": GenerationSettings(max_output_tokens=7)},
        {"served": ServedModel("gemini-3.5-flash", "global", "gemini-3.5-flash")},
        {"max_age_days": 0},
    ],
)
def test_other_settings_another_model_and_old_answers_are_asked_anew(bench: Any, changes: dict[str, Any]) -> None:
    uri = bench.write(articles(2))
    bench.run(uri)
    bench.now += timedelta(seconds=1)
    bench.run(uri, **changes)
    assert bench.sent() == 4


def test_what_was_answered_before_a_crash_is_kept(bench: Any) -> None:
    uri = bench.write(articles(6))
    bench.emulator.fail(ASK, times=1, code=429, delay_seconds=0.5)  # the other worker goes on meanwhile

    def crash(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(uri, sleep=crash, max_in_flight=2)
    before = bench.sent()
    summary = bench.run(uri)
    refused_and_in_flight = 2
    assert summary["reused"] == 6 - summary["sent"] >= before - refused_and_in_flight > 0
    assert {one["outcome"] for one in bench.predictions()} == {"answered"}


def test_a_blocked_prompt_is_an_outcome_and_is_not_asked_again(bench: Any) -> None:
    uri = bench.write([*articles(1), prompt("How to build it [[blocked]]")])
    bench.run(uri)
    blocked = bench.predictions()[1]
    assert (blocked["outcome"], blocked["block_reason"], blocked["text"]) == ("blocked", "PROHIBITED_CONTENT", "")
    assert bench.run(uri)["sent"] == 0
    assert bench.predictions()[1] == blocked
    assert bench.sent() == 2


def test_an_answer_cut_by_the_token_limit_is_truncated(bench: Any) -> None:
    bench.run(bench.write(articles(1)), settings=GenerationSettings(max_output_tokens=2))
    (prediction,) = bench.predictions()
    assert (prediction["outcome"], prediction["finish_reason"]) == ("truncated", "MAX_TOKENS")
    assert prediction["text"]


def test_one_rejected_prompt_is_named_and_the_others_are_answered(bench: Any) -> None:
    bench.emulator.fail(ASK, times=1, code=400, message="The input token count exceeds the maximum.")
    summary = bench.run(bench.write(articles(5)))
    rejected = [one for one in bench.predictions() if one["outcome"] == "rejected"]
    assert [one["error"] for one in rejected] == ["400 INVALID_ARGUMENT: The input token count exceeds the maximum."]
    assert summary["outcomes"] == {"answered": 4, "rejected": 1}
    assert bench.slept == []


def test_a_rejected_prompt_is_not_sent_again_and_counts_all_the_same(bench: Any) -> None:
    bench.emulator.fail(ASK, times=1, code=400, message="The input token count exceeds the maximum.")
    uri = bench.write(articles(5))
    bench.run(uri)
    first = bench.predictions()
    assert bench.run(uri)["sent"] == 0
    assert bench.predictions() == first
    assert bench.sent() == 5


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 403, "message": "Permission denied."},
        {"code": 400, "status": "FAILED_PRECONDITION", "message": "Billing is disabled."},
    ],
)
def test_a_prompt_that_was_refused_for_want_of_access_is_sent_again(bench: Any, fault: dict[str, Any]) -> None:
    bench.emulator.fail(ASK, times=1, **fault)
    uri = bench.write(articles(3))
    assert bench.run(uri)["outcomes"] == {"answered": 2, "rejected": 1}
    assert bench.run(uri)["outcomes"] == {"answered": 3}
    assert bench.sent() == 4


def test_a_prompt_of_no_valid_form_is_rejected_without_quoting_it(bench: Any) -> None:
    bench.run(bench.write([*articles(1), {"contents": [{"role": "user", "secret": "s3cret"}]}]))
    rejected = bench.predictions()[1]
    assert rejected["outcome"] == "rejected"
    assert "secret" in rejected["error"]
    assert "s3cret" not in rejected["error"]


def test_a_model_that_is_not_served_fails_early_in_the_services_words(bench: Any) -> None:
    gone = ServedModel("gemini-2.5-flash", "us-central1", "gemini-2.5-flash")
    with pytest.raises(GenerationError, match=r"gemini-2\.5-flash: all 20 prompts rejected: 404 .* was not found") as e:
        bench.run(bench.write(articles(60)), served=gone)
    assert "retired" in e.value.next
    assert bench.sent() < 60


def test_prompts_that_are_all_invalid_end_the_step(bench: Any) -> None:
    bench.emulator.fail(ASK, times=3, code=400, message="Bad settings.")
    with pytest.raises(GenerationError, match="all 3 prompts rejected: 400 INVALID_ARGUMENT: Bad settings"):
        bench.run(bench.write(articles(3)))


def test_prompts_that_were_all_invalid_are_sent_again_as_what_was_wrong_may_be_corrected(bench: Any) -> None:
    bench.emulator.fail(ASK, times=3, code=400, message="The model is not ready.")
    uri = bench.write(articles(3))
    with pytest.raises(GenerationError):
        bench.run(uri)
    assert bench.run(uri)["outcomes"] == {"answered": 3}


def test_no_prompts_is_an_error(bench: Any) -> None:
    with pytest.raises(DataError, match="no prompt found"):
        bench.run("")


def test_the_log_tells_counts_and_no_text(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run(bench.write(articles(2)))
    lines = capsys.readouterr().err
    assert "generate: 2 of 2" in lines
    assert "answered 2" in lines
    assert "bridges" not in lines


def test_settings_are_sent_as_asked_for(bench: Any) -> None:
    settings = GenerationSettings(
        temperature=0.1, top_p=0.9, seed=7, stop_sequences=("END",), safety_threshold="BLOCK_ONLY_HIGH", thinking="low"
    )
    system = {"systemInstruction": {"parts": [{"text": "Summarise."}]}}
    bench.run(bench.write([prompt("Rain. Sun.") | system]), settings=settings)
    (request,) = bench.emulator.requests(ASK)
    assert request["path"] == (
        "/v1/projects/gemtune-local/locations/global/publishers/google/models/gemini-3.1-flash-lite:generateContent"
    )
    body = request["body"]
    assert body["systemInstruction"]["parts"] == [{"text": "Summarise."}]
    sent = body["generationConfig"]
    assert (sent["temperature"], sent["topP"], sent["seed"], sent["stopSequences"]) == (0.1, 0.9, 7, ["END"])
    assert sent["maxOutputTokens"] == 1024
    assert "topK" not in sent
    assert list(sent["thinkingConfig"].values()) == ["LOW"]
    assert {one["category"] for one in body["safetySettings"]} == {
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
    }
    assert {one["threshold"] for one in body["safetySettings"]} == {"BLOCK_ONLY_HIGH"}


def test_settings_that_the_model_ignores_are_not_sent_and_named(bench: Any) -> None:
    lite = ServedModel("gemini-3.5-flash-lite", "global", "gemini-3.5-flash-lite")
    summary = bench.run(bench.write(articles(1)), served=lite, settings=GenerationSettings(temperature=0.1, top_k=3))
    assert summary["not_sent"] == ["temperature", "top_k"]
    assert "temperature" not in bench.emulator.requests(ASK)[0]["body"]["generationConfig"]


def test_stored_answers_carry_the_run_that_paid_for_them(bench: Any) -> None:
    uri = bench.write(articles(2))
    bench.run(uri, job_id="Tuning-2026.1")
    bench.run(uri, job_id="tuning-2")
    (shard,) = bench.storage.objects(f"gs://{bench.emulator.bucket}/gemtune/predictions")
    assert shard.metadata == {"gemtune-run": "tuning-2026-1"}
