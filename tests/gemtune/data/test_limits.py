"""What a model does not take is named before it is paid for."""

import json
from typing import Any

import pytest

from gemtune import catalog
from gemtune.catalog import Model
from gemtune.data.findings import Rejection
from gemtune.data.limits import Limits, SplitSize, has_media

CATALOG = catalog.load()
GEMINI_3, GEMINI_2 = Limits(CATALOG.find("gemini-3.1-flash-lite")), Limits(CATALOG.find("gemini-2.5-flash"))
CALL = {"functionCall": {"name": "search"}}
IMAGE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}


def example(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}, {"role": "model", "parts": [{"text": "x"}]}]}


def check(limits: Limits, *parts: dict[str, Any]) -> list[Rejection]:
    line = json.dumps(example(*parts), ensure_ascii=False).encode()
    return limits.check_example(example(*parts), line, is_plain=all("text" in part for part in parts))


@pytest.mark.parametrize(
    ("part", "rule", "path"),
    [
        ({"fileData": {"mimeType": "application/zip", "fileUri": "gs://b/a"}}, "bad_media", ".fileData.mimeType"),
        ({"file_data": {"mime_type": "", "file_uri": "gs://b/a"}}, "bad_media", ".fileData.mimeType"),
        ({"fileData": {"mimeType": "image/png", "fileUri": "a.png"}}, "bad_media", ".fileData.fileUri"),
        ({"fileData": {"mimeType": "image/png"}}, "bad_media", ".fileData.fileUri"),
        ({"fileData": "gs://b/a.png"}, "bad_media", ".fileData"),
        ({"inlineData": {"mimeType": "x/y", "data": ""}}, "bad_media", ".inlineData.mimeType"),
    ],
)
def test_media_that_no_model_takes_is_named(part: dict[str, Any], rule: str, path: str) -> None:
    with pytest.raises(Rejection) as rejection:
        check(GEMINI_3, part)
    assert (rejection.value.rule, rejection.value.path) == (rule, "$.contents[0].parts[0]" + path)


@pytest.mark.parametrize("part", [IMAGE, {"file_data": {"mime_type": "application/pdf", "file_uri": "https://a/b"}}])
def test_media_that_models_take_passes(part: dict[str, Any]) -> None:
    assert check(GEMINI_3, part, {"text": "ask"}) == []


def test_function_calls_are_refused_where_the_model_refuses_them() -> None:
    assert check(GEMINI_3, CALL) == []
    with pytest.raises(Rejection) as rejection:
        check(GEMINI_2, {"function_call": {}})
    assert rejection.value.rule == "refused_part"
    corrected = catalog.load({"gemini-2.5-flash": {"refused_parts": []}}).find("gemini-2.5-flash")
    assert check(Limits(corrected), CALL) == []


def test_an_example_with_too_many_tokens_is_named_and_one_near_the_limit_is_warned_about() -> None:
    limits = Limits(Model(id="m", max_tokens_per_example=1000))
    assert check(limits, {"text": "word " * 590}) == []
    [warning] = check(limits, {"text": "word " * 780})
    assert (warning.rule, warning.found) == ("many_tokens", "about 975 tokens, perhaps 1,317")
    with pytest.raises(Rejection) as rejection:
        check(limits, {"text": "word " * 900})
    assert rejection.value.found == "about 1,125 tokens"


def test_a_split_is_measured_by_its_examples_and_bytes() -> None:
    def rules(*size: Any) -> list[str]:
        return [rejection.rule for rejection in GEMINI_3.check_train(SplitSize(*size))]

    assert rules(10_000_000, 10**9, False) == []
    assert rules(300_001, 1, False) == []
    assert rules(300_001, 1, True) == ["too_many_examples"]
    assert rules(10_000_001, 10**9 + 1, False) == ["too_many_examples", "file_too_large"]


@pytest.mark.parametrize(("train", "most"), [(0, 1000), (1000, 1000), (3334, 1000), (10_000, 3000), (100_000, 5000)])
def test_the_validation_split_may_be_5000_or_30_percent_if_that_is_more_than_1000(train: int, most: int) -> None:
    assert GEMINI_3.most_validation(train) == most


def test_of_an_unknown_model_nothing_is_checked() -> None:
    limits = Limits(None)
    assert check(limits, {"text": "word " * 900_000}, CALL) == []
    assert list(limits.check_train(SplitSize(10**9, 10**12, True))) == []
    assert limits.most_validation(1) is None


def test_media_are_seen_in_json_and_text_about_them_is_not() -> None:
    def line(part: dict[str, Any]) -> bytes:
        return json.dumps(example(part), separators=(",", ":")).encode()

    assert has_media(line(IMAGE))
    assert not has_media(line({"text": '{"fileData":1}'}))
