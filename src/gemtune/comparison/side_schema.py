"""What `comparison.json` says of one side; the rest of it is in `gemtune.comparison.schema`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Table(BaseModel):
    """An object of known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Settings(Table):
    """How a model was asked; -1 and empty are left to the service. Numbers may be whole or not."""

    temperature: float
    top_p: float
    top_k: float
    max_output_tokens: float
    seed: float
    stop_sequences: list[str]
    safety_threshold: str
    thinking: str


class Distribution(Table):
    """Where one side's scores in a metric lie; of a corpus statistic, the value alone."""

    n: Count
    mean: float | None
    sd: float | None
    min: float | None
    q1: float | None
    median: float | None
    q3: float | None
    max: float | None
    value: float | None
    """The figure: the mean, or the corpus statistic."""


class Tokens(Table):
    """Tokens of all answers of a side, also of those kept from an earlier run."""

    prompt: Count
    output: Count
    thinking: Count


class SideOfComparison(Table):
    """What one model did on the test split."""

    model: str
    """Base model id, or resource name of the endpoint that answered."""
    base_model: str
    """Id of the base model behind it; empty if unknown."""
    settings: Settings | Annotated[dict[str, Any], Field(max_length=0)]
    """How it was asked; empty if unknown."""
    prompts: str
    """Sha256 of the file of prompts that it answered; empty if unknown."""
    signature: str
    """How its answers were scored."""
    model_versions: dict[str, Count]
    """Served version → answers."""
    outcomes: dict[Literal["answered", "truncated", "empty", "blocked", "rejected", "failed"], Count]
    """Outcome → examples; every example has one."""
    causes: dict[Literal["zero", "unscored"], dict[str, Count]]
    """Why examples score zero, and why they have no score: cause → examples."""
    unscored: Count
    """Examples without a score on this side."""
    tokens: Tokens
    distributions: dict[str, Distribution]
    """Metric → where the scores lie."""
    chance: dict[str, float]
    """Metric → mean that the answers reach against the references of other examples."""
