from datetime import datetime
from typing import Any

import httpx
import pytest
from google.genai import types
from google.genai.errors import ClientError

from emulator.publisher_models import BASE_MODELS
from tests.conftest import Emulator
from tests.emulator.tuning import BASE_MODEL, article, at, call, client

FLASH_LITE = "gemini-3.5-flash-lite"
LEADING = "Many people own a lamp and never think about it. The 1 shops in town sell one. It was invented long ago."


def ask(
    emulator: Emulator, text: str = article(1), *, model: str = BASE_MODEL, location: str = "global", **config: Any
) -> types.GenerateContentResponse:
    vertex = client(emulator, location, "v1")
    settings = types.GenerateContentConfig.model_validate(config)
    return vertex.models.generate_content(model=model, contents=text, config=settings)


def turns(*texts: str) -> list[dict[str, object]]:
    return [{"role": ("user", "model")[at % 2], "parts": [{"text": text}]} for at, text in enumerate(texts)]


def post(emulator: Emulator, body: object, *, model: str = BASE_MODEL) -> httpx.Response:
    name = f"{at(emulator, 'global')}/publishers/google/models/{model}"
    return call(emulator, "POST", f"{name}:generateContent", body)


def test_a_base_model_answers_and_says_that_it_is_not_gemini(emulator: Emulator) -> None:
    answer = ask(emulator)
    assert answer.text == LEADING
    assert answer.model_version == "gemini-3.1-flash-lite-emulator"
    assert answer.candidates[0].finish_reason == "STOP"
    assert answer.candidates[0].avg_logprobs < 0
    assert len(answer.candidates[0].safety_ratings) == 4
    assert answer.response_id and answer.create_time
    used = answer.usage_metadata
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count
    assert used.candidates_tokens_details[0].token_count == used.candidates_token_count


def test_the_same_prompt_gets_the_same_answer_whatever_the_temperature(emulator: Emulator) -> None:
    assert ask(emulator, temperature=2.0, seed=1).text == ask(emulator, temperature=0.0, top_k=1).text


def test_counted_tokens_are_the_prompt_s(emulator: Emulator) -> None:
    vertex = client(emulator, "global")
    counted = vertex.models.count_tokens(model=BASE_MODEL, contents=article(1))
    assert counted.total_tokens == ask(emulator).usage_metadata.prompt_token_count > 50


def test_the_system_instruction_costs_tokens(emulator: Emulator) -> None:
    plain, told = (ask(emulator, **config) for config in ({}, {"system_instruction": "Summarise in one word."}))
    assert told.text == plain.text
    assert told.usage_metadata.prompt_token_count > plain.usage_metadata.prompt_token_count


def test_an_instruction_line_is_not_summarised(emulator: Emulator) -> None:
    assert ask(emulator, f"Summarise the article below:\n\n{article(1)}").text == LEADING


def test_the_last_user_turn_is_what_is_summarised(emulator: Emulator) -> None:
    answer = post(emulator, {"contents": turns("Old text.", "Old answer.", article(1))}).json()
    assert answer["candidates"][0]["content"] == {"role": "model", "parts": [{"text": LEADING}]}


def test_an_answer_is_cut_at_the_token_limit(emulator: Emulator) -> None:
    answer = ask(emulator, max_output_tokens=5)
    assert answer.candidates[0].finish_reason == "MAX_TOKENS"
    assert LEADING.startswith(answer.text)
    assert answer.usage_metadata.candidates_token_count == 5


def test_an_answer_ends_before_a_stop_sequence(emulator: Emulator) -> None:
    answer = ask(emulator, stop_sequences=["shops", "never"])
    assert (answer.text, answer.candidates[0].finish_reason) == ("Many people own a lamp and ", "STOP")


def test_an_answer_without_text_has_no_parts(emulator: Emulator) -> None:
    candidate = post(emulator, {"contents": turns("\n")}).json()["candidates"][0]
    assert (candidate["content"], candidate["finishReason"]) == ({"role": "model"}, "STOP")


def test_a_marked_prompt_is_blocked(emulator: Emulator) -> None:
    answer = ask(emulator, "Tell me [[blocked]] things.")
    assert answer.candidates is None
    assert answer.prompt_feedback.block_reason == "PROHIBITED_CONTENT"
    assert answer.usage_metadata.prompt_token_count == answer.usage_metadata.total_token_count


@pytest.mark.parametrize("text", ["你好。今天天气很好。", "\ud800", "👩‍👩‍👧", "a" * 100_000], ids=ascii)
def test_any_text_is_answered(emulator: Emulator, text: str) -> None:
    assert post(emulator, {"contents": turns(text)}).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Unable to submit request because at least one contents field is required."),
        ({"contents": []}, "Unable to submit request because at least one contents field is required."),
        ({"contents": [{"role": "user"}]}, "it must include at least one parts field"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "Please use a valid role: user, model."),
        ({"contents": [{"parts": [{"text": "x"}]}]}, "Please use a valid role: user, model."),
        ({"contents": turns("x"), "config": {}}, 'Unknown name "config": Cannot find field.'),
        (
            {"contents": [{"role": "user", "parts": [{"txt": "x"}]}]},
            "Unknown name \"txt\" at 'contents[0].parts[0]': Cannot find field.",
        ),
        ({"contents": "x"}, "Invalid value at 'contents'"),
        (
            {"contents": turns("x"), "generationConfig": {"maxOutputTokens": "many"}},
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32)",
        ),
        ({"contents": turns("x"), "generation_config": {"temperature": 3}}, "it has a temperature value of 3"),
        ({"contents": turns("x"), "generationConfig": {"maxOutputTokens": 0}}, "it has a maxOutputTokens value of 0"),
        (
            {
                "contents": turns("x"),
                "generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "thinkingLevel": "LOW"}},
            },
            "only one of thinking budget and thinking level",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_request_is_refused(emulator: Emulator, body: object, message: str) -> None:
    answer = post(emulator, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"contents": turns("Text.", "Begin")},
        {"contents": turns("Text."), "generationConfig": {"presencePenalty": 0.5}},
        {"contents": turns("Text."), "generationConfig": {"frequencyPenalty": -1.0}},
    ],
    ids=["last turn is the model's", "presence penalty", "frequency penalty"],
)
def test_flash_lite_3_5_refuses_what_older_models_take(emulator: Emulator, body: object) -> None:
    assert post(emulator, body, model=FLASH_LITE).status_code == 400
    assert post(emulator, body).status_code == 200


@pytest.mark.parametrize(
    ("model", "location"),
    [
        ("gemini-3.1-flash-lite", "us-central1"),
        ("gemini-3.1-flash-lite", "us"),
        ("gemini-3.5-flash", "europe-west4"),
        ("gemini-2.5-flash", "us-central1"),
        ("gemini-9", "global"),
    ],
)
def test_a_model_that_is_not_served_here_is_not_found(emulator: Emulator, model: str, location: str) -> None:
    with pytest.raises(ClientError) as error:
        ask(emulator, model=model, location=location)
    name = f"projects/123456789012/locations/{location}/publishers/google/models/{model}"
    assert (error.value.code, error.value.status) == (404, "NOT_FOUND")
    assert f"Publisher Model `{name}` was not found or your project does not have access to it." in str(error.value)


@pytest.mark.parametrize(("model", "location"), [("gemini-3.5-flash", "us"), ("gemini-3.5-flash-lite", "eu")])
def test_newer_models_are_served_in_multi_regions(emulator: Emulator, model: str, location: str) -> None:
    assert ask(emulator, model=model, location=location).model_version == f"{model}-emulator"


@pytest.mark.parametrize("location", ["global", "us-central1"])
def test_a_model_answers_until_the_day_it_is_retired(emulator: Emulator, location: str) -> None:
    emulator.today(datetime(2026, 10, 19, 12))
    assert ask(emulator, model="gemini-2.5-flash", location=location).text == LEADING
    emulator.advance(86_400)
    with pytest.raises(ClientError, match="was not found"):
        ask(emulator, model="gemini-2.5-flash", location=location)


def test_a_model_is_described_while_it_is_served(emulator: Emulator) -> None:
    emulator.today(datetime(2026, 11, 21))
    vertex = client(emulator, "global")
    described = vertex.models.get(model=BASE_MODEL)
    assert described.name == "publishers/google/models/gemini-3.1-flash-lite"
    with pytest.raises(ClientError, match="was not found"):
        vertex.models.get(model="gemini-2.5-pro")


def test_every_known_model_is_retired_after_its_release() -> None:
    assert all(model.released < model.retired for model in BASE_MODELS.values())


@pytest.mark.parametrize("method", ["generateContent", "countTokens"])
def test_a_registry_name_is_malformed_for_generation(emulator: Emulator, method: str) -> None:
    answer = call(emulator, "POST", f"{at(emulator)}/models/77@1:{method}", {"contents": turns("x")})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "The Model name projects/123456789012/locations/us-central1/models/77@1 is malformed and it should be "
        "in form of projects/{project}/locations/{location}/publishers/google/models/{model}"
    )


def test_an_unknown_endpoint_is_not_found(emulator: Emulator) -> None:
    with pytest.raises(ClientError) as error:
        ask(emulator, model=f"{at(emulator, 'us')}/endpoints/1", location="us")
    assert error.value.code == 404
    assert error.value.message == "Endpoint `projects/123456789012/locations/us/endpoints/1` not found."


def test_faults_are_named_after_the_method(emulator: Emulator) -> None:
    emulator.fail("publishers.models.generateContent", code=429)
    with pytest.raises(ClientError, match="Resource exhausted"):
        ask(emulator)
    assert emulator.faults_hit() == 1
    assert ask(emulator).text == LEADING
