"""What things cost: the tables of prices in catalog.toml. None is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Prices:
    """USD per 1 million tokens; None is unknown."""

    training: float | None = None
    base_input: float | None = None
    base_output: float | None = None
    tuned_input: float | None = None
    tuned_output: float | None = None


BATCH_PRICE = 0.5
"""Share of a single request's price: https://cloud.google.com/products/gemini-enterprise-agent-platform/pricing"""


@dataclass(frozen=True, kw_only=True)
class PipelinePrices:
    """What the pipeline run itself costs, in USD and hours; catalog.toml explains each. None is unknown."""

    run: float | None = None
    machine_hour: float | None = None
    step_hours: float = 0.0
    tuning_hours: float = 0.0
    tuning_hours_low: float = 0.0
    tuning_hours_high: float = 0.0
    source: str = ""
    seen: date | None = None
