from datetime import date
from typing import Any

import pytest

from gemtune import catalog
from gemtune.errors import SpecError

TODAY = date(2026, 11, 21)
CATALOG = catalog.load()
TUNABLE = [model for model in CATALOG.models.values() if model.tuning_regions]


def test_the_default_base_model_can_be_tuned_today() -> None:
    assert CATALOG.warnings("gemini-3.1-flash-lite", TODAY, tuning_location="us-central1") == []


@pytest.mark.parametrize("model", CATALOG.models.values(), ids=lambda model: model.id)
def test_every_entry_says_where_and_when_it_was_seen(model: catalog.Model) -> None:
    assert model.source.startswith("https://docs.cloud.google.com/")
    assert model.seen and model.released and model.released < model.seen


@pytest.mark.parametrize("model", TUNABLE, ids=lambda model: model.id)
def test_every_model_that_can_be_tuned_has_its_limits(model: catalog.Model) -> None:
    limits = (model.max_tokens_per_example, model.max_training_examples, model.max_validation_examples)
    assert limits == (131_072, 10_000_000, 5_000)
    assert (model.max_validation_share, model.validation_share_from) == (0.3, 1_001)
    assert set(model.adapter_sizes) <= {1, 2, 4, 8, 16}


@pytest.mark.parametrize("model", TUNABLE, ids=lambda model: model.id)
def test_a_tuned_gemini_3_costs_half_as_much_again_and_an_older_one_no_more(model: catalog.Model) -> None:
    prices, factor = model.prices, 1.5 if model.id.startswith("gemini-3") else 1.0
    if prices.tuned_input is not None and prices.base_input is not None:
        assert prices.tuned_input == pytest.approx(factor * prices.base_input)
    if prices.tuned_output is not None and prices.base_output is not None:
        assert prices.tuned_output == pytest.approx(factor * prices.base_output)


@pytest.mark.parametrize(
    "name",
    [
        "gemini-3.5-flash",
        "google/gemini-3.5-flash",
        "publishers/google/models/gemini-3.5-flash",
        "projects/p/locations/global/publishers/google/models/gemini-3.5-flash",
        "gemini-3.5-flash@default",
        " gemini-3.5-flash ",
    ],
)
def test_a_model_is_found_by_any_of_its_names(name: str) -> None:
    model = CATALOG.find(name)
    assert model and model.id == "gemini-3.5-flash"


@pytest.mark.parametrize("name", ["gemini-3.5", "gemini-9-flash", "projects/p/locations/us/endpoints/1", ""])
def test_what_is_not_listed_is_not_found(name: str) -> None:
    assert CATALOG.find(name) is None


@pytest.mark.parametrize(
    ("model_id", "wanted", "default", "location"),
    [
        ("gemini-3.5-flash", "", "us-central1", "us-central1"),
        ("gemini-3.5-flash", "", "europe-west4", "europe-west4"),
        ("gemini-3.5-flash", "", "europe-west1", "europe-west4"),
        ("gemini-3.5-flash", "", "asia-east1", "us-central1"),
        ("gemini-3.5-flash", "us-east5", "us-central1", "us-east5"),
        ("gemini-9-flash", "", "asia-east1", "asia-east1"),
        ("gemini-9-flash", "us-east5", "asia-east1", "us-east5"),
    ],
)
def test_a_model_is_tuned_as_asked_or_near_the_pipeline(
    model_id: str, wanted: str, default: str, location: str
) -> None:
    assert CATALOG.tuning_location(model_id, wanted, default) == location


@pytest.mark.parametrize("model_id", ["gemini-3.5-flash", "gemini-9-flash"])
def test_nothing_is_tuned_in_global(model_id: str) -> None:
    with pytest.raises(SpecError, match="tuning_location: global, expected a region"):
        CATALOG.tuning_location(model_id, "global")


@pytest.mark.parametrize(
    ("model_id", "wanted", "default", "location"),
    [
        ("gemini-3.1-flash-lite", "", "us-central1", "global"),
        ("gemini-3.5-flash", "eu", "us-central1", "eu"),
        ("gemini-2.5-flash", "", "europe-west4", "europe-west4"),
        ("gemini-2.5-flash", "global", "europe-west4", "global"),
        ("gemini-9-flash", "", "europe-west4", "global"),
        ("gemini-flash-latest", "", "europe-west4", "global"),
        ("gemini-2.7-flash", "", "europe-west4", "europe-west4"),
    ],
)
def test_gemini_3_answers_from_global_and_older_ones_from_the_region(
    model_id: str, wanted: str, default: str, location: str
) -> None:
    assert CATALOG.serving_location(model_id, wanted, default) == location


@pytest.mark.parametrize(
    ("model_id", "thinking", "config"),
    [
        ("gemini-3.5-flash", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "high", {"thinkingLevel": "HIGH"}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "minimal", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "512", {"thinkingBudget": 512}),
        ("gemini-2.5-flash", "default", {}),
        ("gemini-9-flash", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-9-flash", "low", {"thinkingLevel": "LOW"}),
        ("gemini-2.7-flash", "minimal", {"thinkingBudget": 0}),
        ("gemini-2.7-flash", "9", {"thinkingBudget": 9}),
    ],
)
def test_thinking_is_set_by_level_or_by_budget(model_id: str, thinking: str, config: dict[str, Any]) -> None:
    assert CATALOG.thinking_config(model_id, thinking) == config


@pytest.mark.parametrize(
    ("model_id", "thinking", "expected"),
    [
        ("gemini-3.5-flash", "512", "one of default, minimal, low, medium, high for gemini-3.5-flash"),
        ("gemini-2.5-pro", "127", "128 to 32768"),
        ("gemini-2.5-pro", "32769", "128 to 32768"),
        ("gemini-2.5-pro", "high", "128 to 32768"),
        ("gemini-3.8-flash", "512", "one of default, minimal, low, medium, high for gemini-3.8-flash"),
        ("gemini-2.7-flash", "high", "0 to 32768 tokens for gemini-2.7-flash"),
    ],
)
def test_thinking_that_a_model_does_not_have_is_refused(model_id: str, thinking: str, expected: str) -> None:
    with pytest.raises(SpecError, match=rf"^thinking: {thinking}, expected (default, minimal, or )?{expected}"):
        CATALOG.thinking_config(model_id, thinking)


@pytest.mark.parametrize(
    ("today", "warning"),
    [
        (date(2026, 9, 19), ""),
        (date(2026, 9, 20), "may be retired from 2026-10-20 on"),
        (date(2026, 10, 19), "may be retired from 2026-10-20 on"),
        (date(2026, 10, 20), "retired on 2026-10-20 according to the catalogue of 2026-11-21"),
    ],
)
def test_a_model_is_warned_of_from_a_month_before_its_retirement(today: date, warning: str) -> None:
    warnings = CATALOG.warnings("gemini-2.5-flash", today)
    assert len(warnings) == bool(warning)
    assert warning in "".join(warnings)


def test_an_unknown_model_is_warned_of_with_a_suggestion() -> None:
    (warning,) = CATALOG.warnings("gemini-3.5-flsh", TODAY)
    assert "not in the catalogue" in warning and "did you mean `gemini-3.5-flash`?" in warning


def test_a_model_without_tuning_is_warned_of_only_where_it_is_tuned() -> None:
    assert CATALOG.warnings("gemini-3.8-flash", TODAY) == []
    (warning,) = CATALOG.warnings("gemini-3.8-flash", TODAY, tuning_location="")
    assert "no tuning of it is known, expected one of gemini-3.5-flash, gemini-3.5-flash-lite" in warning


def test_an_unlisted_tuning_region_is_warned_of() -> None:
    (warning,) = CATALOG.warnings("gemini-3.5-flash", TODAY, tuning_location="us-east5")
    assert "us-east5 is not known to work, expected one of us-central1, europe-west4" in warning


def test_training_costs_tokens_times_epochs() -> None:
    assert CATALOG.training_cost("gemini-3.1-flash-lite", 2_000_000, 4) == pytest.approx(24.0)


def test_inference_costs_by_direction_and_by_model() -> None:
    cost = CATALOG.inference_cost
    assert cost("gemini-3.1-flash-lite", 1_000_000, 2_000_000, tuned=False) == pytest.approx(0.25 + 3.0)
    assert cost("gemini-3.1-flash-lite", 1_000_000, 2_000_000, tuned=True) == pytest.approx(0.375 + 4.5)


def test_what_has_no_price_has_no_cost() -> None:
    assert CATALOG.training_cost("gemini-3.5-flash-lite", 1, 1) is None
    assert CATALOG.training_cost("gemini-9-flash", 1, 1) is None
    assert CATALOG.training_cost("gemini-3.5-flash", 1, epochs=0) is None
    assert CATALOG.inference_cost("gemini-3.5-flash-lite", 1, 1, tuned=True) is None
    assert CATALOG.inference_cost("gemini-9-flash", 1, 1, tuned=False) is None


def test_overrides_are_laid_over_an_entry_key_by_key() -> None:
    changed = catalog.load({"google/gemini-3.5-flash": {"prices": {"training": 4}, "retires": "2030-01-01"}})
    model, before = changed.find("gemini-3.5-flash"), CATALOG.find("gemini-3.5-flash")
    assert model and before
    assert (model.prices.training, model.prices.base_input) == (4.0, before.prices.base_input)
    assert model.retires == date(2030, 1, 1)
    assert model.tuning_regions == before.tuning_regions


def test_an_override_can_add_a_model() -> None:
    added = catalog.load({"gemini-9-flash": {"tuning_regions": ["us-east5"], "adapter_sizes": [4.0]}})
    model = added.find("gemini-9-flash")
    assert model and model.adapter_sizes == (4,)
    assert added.tuning_location("gemini-9-flash") == "us-east5"
    assert added.serving_location("gemini-9-flash") == "global"


def test_an_override_can_make_a_fact_unknown() -> None:
    assert catalog.load({"gemini-3.5-flash": {"retires": None}}).warnings("gemini-3.5-flash", date(2040, 1, 1)) == []


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"m": 3}, "m: 3, expected keys and values"),
        ({"m": {"tuning_region": ["us"]}}, "m: tuning_region: unknown key, did you mean `tuning_regions`?"),
        ({"m": {"prices": {"train": 1}}}, "m: prices: train: unknown key, did you mean `training`?"),
        ({"m": {"prices": 3}}, "m: prices: 3, expected keys and values"),
        ({"m": {"prices": {"training": "3"}}}, "m: prices: training: '3', expected a number"),
        ({"m": {"prices": {"training": True}}}, "m: prices: training: true, expected a number"),
        ({"m": {"prices": {"training": float("nan")}}}, "m: prices: training: nan, expected a number"),
        ({"m": {"tuning_regions": "us"}}, "m: tuning_regions: 'us', expected a list"),
        ({"m": {"thinking_budgets": [1]}}, "m: thinking_budgets: [1], expected a list of 2"),
        ({"m": {"adapter_sizes": [1.5]}}, "m: adapter_sizes: 1.5, expected a whole number"),
        ({"m": {"cmek": 1}}, "m: cmek: 1, expected true or false"),
        ({"m": {"stage": None}}, "m: stage: nothing, expected text"),
        ({"m": {"retires": "soon"}}, "m: retires: 'soon', expected a date such as 2026-11-21"),
        ({"m": {"tuned_serving": {"us-east5": 1}}}, "m: tuned_serving: us-east5: 1, expected text"),
    ],
)
def test_a_wrong_override_is_named(overrides: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError) as error:
        catalog.load(overrides)
    assert str(error.value) == f"catalog_overrides: {problem}"
