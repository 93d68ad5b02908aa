"""What is known about each model: where it is tuned and served, its limits, prices and dates (see catalog.toml).

A catalogue ages. So every fact can be overridden, prices may be unknown, and an id that is not listed is passed on
with a warning: the service decides.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gemtune.errors import SpecError, did_you_mean, shown
from gemtune.prices import PipelinePrices, Prices
from gemtune.tables import read_table

MINIMAL = "minimal"
"""The thinking setting that means the least the model can do: tuned models are trained on direct answers."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """The facts about one base model; catalog.toml explains each. Empty and None mean unknown."""

    id: str
    stage: str = ""
    tuning_regions: tuple[str, ...] = ()
    base_serving_locations: tuple[str, ...] = ()
    tuned_serving: Mapping[str, str] = field(default_factory=dict)
    max_tokens_per_example: int | None = None
    max_training_examples: int | None = None
    max_multimodal_examples: int | None = None
    max_training_file_bytes: int | None = None
    max_validation_examples: int | None = None
    max_validation_share: float | None = None
    validation_share_from: int | None = None
    media_types: tuple[str, ...] = ()
    refused_parts: tuple[str, ...] = ()
    adapter_sizes: tuple[int, ...] = ()
    default_adapter_size: int | None = None
    default_epoch_count: int | None = None
    thinking: str = "level"
    thinking_levels: tuple[str, ...] = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
    thinking_budgets: tuple[int, int] = (0, 32_768)
    ignored_parameters: tuple[str, ...] = ()
    refused_parameters: tuple[str, ...] = ()
    cmek: bool | None = None
    prices: Prices = field(default_factory=Prices)
    released: date | None = None
    retires: date | None = None
    source: str = ""
    seen: date | None = None

    @property
    def thinking_minimal(self) -> str | int:
        """Return the lowest level, or the smallest budget in tokens."""
        return self.thinking_budgets[0] if self.thinking == "budget" else self.thinking_levels[0]


class Catalog:
    """Facts by model id. Made by `load`."""

    def __init__(self, models: Mapping[str, Model], pipeline: PipelinePrices) -> None:
        self.models = dict(models)
        self.pipeline = pipeline

    def find(self, model_id: str) -> Model | None:
        """Return what is known about a base model, or None.

        Args:
            model_id: An id, also as ``google/ID``, as a publisher model's name, or with a version as ``ID@default``.
        """
        return self.models.get(base_id(model_id))

    def tuning_location(self, model_id: str, wanted: str = "", default: str = "us-central1") -> str:
        """Return the region to create the tuning job in.

        Args:
            model_id: Base model.
            wanted: Region that the spec asks for; taken as it is, except `global`, which the service refuses.
            default: Region of the pipeline; taken if the model can be tuned there, else a region of the same
                continent if there is one.

        Raises:
            SpecError: `global` was asked for.
        """
        regions = self._known_or_assumed(model_id).tuning_regions
        if wanted == "global":
            raise SpecError("tuning_location: global, expected a region", next="Gemini is not tuned in `global`")
        if wanted:
            return wanted
        continent = default.partition("-")[0]
        near = [region for region in regions if region.partition("-")[0] == continent]
        return default if default in regions or not regions else (near or regions)[0]

    def serving_location(self, model_id: str, wanted: str = "", default: str = "us-central1") -> str:
        """Return where the base model answers: as asked, or `global` for Gemini 3, or the given region before it."""
        locations = self._known_or_assumed(model_id).base_serving_locations
        if wanted:
            return wanted
        return default if default in locations or not locations else locations[0]

    def thinking_config(self, model_id: str, thinking: str) -> dict[str, str | int]:
        """Return ``generationConfig.thinkingConfig`` for a spec's `thinking`, which differs by generation of models.

        Args:
            model_id: Base model, also of a tuned model.
            thinking: `default` (says nothing), `minimal`, a level, or a budget in tokens as digits.

        Raises:
            SpecError: The model has no such level or budget.
        """
        model = self._known_or_assumed(model_id)
        if thinking == "default":
            return {}
        if model.thinking == "budget":
            return {"thinkingBudget": model.thinking_minimal if thinking == MINIMAL else _budget(thinking, model)}
        return {"thinkingLevel": model.thinking_minimal if thinking == MINIMAL else _level(thinking, model)}

    def warnings(self, model_id: str, today: date, *, tuning_location: str | None = None) -> list[str]:
        """Return what a person should know before paying for this model; nothing here stops a run.

        Args:
            model_id: Base model.
            today: The day to judge on.
            tuning_location: Region of the tuning job; None if the model is only asked, not tuned.
        """
        model = self.find(model_id)
        if model is None:
            hint = did_you_mean(base_id(model_id), self.models)
            return [f"{model_id}: not in the catalogue: limits and prices are unknown, the service decides{hint}"]
        found = _retirement(model, today)
        if tuning_location is not None and not model.tuning_regions:
            found.append(f"{model.id}: no tuning of it is known, expected one of {', '.join(self._tunable())}")
        elif tuning_location and tuning_location not in model.tuning_regions:
            regions = ", ".join(model.tuning_regions)
            found.append(f"{model.id}: tuning in {tuning_location} is not known to work, expected one of {regions}")
        return found

    def training_cost(self, model_id: str, tokens: int, epochs: int) -> float | None:
        """Return the price of a tuning job in USD; None if the price, or the epoch count (0), is not known.

        Billed tokens are the tokens of the training dataset times the epoch count.
        Source: https://cloud.google.com/products/gemini-enterprise-agent-platform/pricing

        Args:
            model_id: Base model.
            tokens: Tokens of the training dataset, once through.
            epochs: Passes over it; 0 = left to the service.
        """
        price = (self.find(model_id) or Model(id=model_id)).prices.training
        return None if price is None or epochs < 1 else price * tokens * epochs / 1e6

    def inference_cost(self, model_id: str, prompt_tokens: int, output_tokens: int, *, tuned: bool) -> float | None:
        """Return the price of generated answers in USD; None if a price is not known.

        Args:
            model_id: Base model, also of a tuned model.
            prompt_tokens: Tokens sent.
            output_tokens: Tokens received, thinking included.
            tuned: Whether a tuned model answers: from Gemini 3 on that costs more.
        """
        prices = (self.find(model_id) or Model(id=model_id)).prices
        price_in = prices.tuned_input if tuned else prices.base_input
        price_out = prices.tuned_output if tuned else prices.base_output
        if price_in is None or price_out is None:
            return None
        return (price_in * prompt_tokens + price_out * output_tokens) / 1e6

    def _known_or_assumed(self, model_id: str) -> Model:
        return self.find(model_id) or _build(base_id(model_id), {})

    def _tunable(self) -> list[str]:
        return [model.id for model in self.models.values() if model.tuning_regions]


def load(overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Catalog:
    """Read the catalogue.

    Args:
        overrides: ``{model id: {key: value}}``, laid over the entries key by key (within `prices` and
            `tuned_serving`, too); a new id becomes a new entry, and ``pipeline`` is the pipeline run.

    Raises:
        SpecError: An override has an unknown key, or a value of the wrong kind.
    """
    tables = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    for model_id, changes in (overrides or {}).items():
        if not isinstance(changes, Mapping):
            raise SpecError(f"catalog_overrides: {model_id}: {shown(changes)}, expected keys and values")
        table = tables.setdefault(base_id(model_id), {})
        for key, value in changes.items():
            is_nested = isinstance(value, Mapping) and isinstance(table.get(key), Mapping)
            table[key] = {**table[key], **value} if is_nested else value
    pipeline = read_table(PipelinePrices, tables.pop("pipeline"), "catalog_overrides: pipeline")
    return Catalog({model_id: _build(model_id, table) for model_id, table in tables.items()}, pipeline)


def base_id(model_id: str) -> str:
    """Return a model's bare id.

    >>> base_id("publishers/google/models/gemini-3.5-flash@default")
    'gemini-3.5-flash'
    """
    name = model_id.strip().rpartition("publishers/google/models/")[2]
    return name.removeprefix("google/").partition("@")[0]


def _build(model_id: str, table: Mapping[str, Any]) -> Model:
    """Make an entry; what it does not say is assumed from the generation that the id names."""
    is_old = re.match(r"gemini-[12](\.|-|$)", model_id)
    assumed = {"thinking": "budget"} if is_old else {"thinking": "level", "base_serving_locations": ["global"]}
    return read_table(Model, {**assumed, **table, "id": model_id}, f"catalog_overrides: {model_id}")


def _budget(thinking: str, model: Model) -> int:
    low, high = model.thinking_budgets
    if thinking.isdecimal() and low <= int(thinking) <= high:
        return int(thinking)
    raise SpecError(f"thinking: {thinking}, expected default, minimal, or {low} to {high} tokens for {model.id}")


def _level(thinking: str, model: Model) -> str:
    if thinking.upper() in model.thinking_levels:
        return thinking.upper()
    levels = ", ".join(dict.fromkeys(["default", MINIMAL, *(level.lower() for level in model.thinking_levels)]))
    raise SpecError(f"thinking: {thinking}, expected one of {levels} for {model.id}")


def _retirement(model: Model, today: date) -> list[str]:
    """Say whether the model may be gone.

    Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions
    """
    if model.retires is None or today < model.retires - timedelta(days=30):
        return []
    if today < model.retires:
        return [f"{model.id}: may be retired from {model.retires} on, and new projects are refused a month before"]
    known = f"retired on {model.retires} according to the catalogue of {model.seen}"
    return [f"{model.id}: {known}: passed on all the same, dates get extended and the service decides"]
