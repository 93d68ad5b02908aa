"""What a run will cost, before anything is paid: a number for each term, and the terms that have none.

Every term is priced as if nothing were kept from an earlier run. Where a quantity is not known beforehand it has a
band: its upper end is what a cap is held against, because a cap is a promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from gemtune.catalog import Catalog
from gemtune.data.token_count import DatasetTokens, TokenCount
from gemtune.errors import BudgetError
from gemtune.prices import BATCH_PRICE, PipelinePrices

TERMS = ("tuning", "selection", "baseline", "candidate", "pipeline")
"""Of an estimate; all but the last are also those of the actual cost in comparison.json. `selection` is there only if
checkpoints are tried."""

MOST_CHECKPOINTS = 10
"""A tuned model has one for each epoch, but at most ten or so:
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning-checkpoints"""

REMEDIES = {
    "tuning": "set epoch_count, and catalog_overrides for a price that is missing",
    "selection": "set epoch_count, and give the tuned model's prices in catalog_overrides",
    "baseline": "name a baseline_model with a price, or give one in catalog_overrides",
    "candidate": "give the tuned model's prices in catalog_overrides",
    "pipeline": "give prices under `pipeline` in catalog_overrides",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides the cost beside the data."""

    base_model: str
    epoch_count: int
    """Passes over the training examples; 0 = the service chooses, unless the catalogue knows its choice."""
    max_output_tokens: int
    baseline_model: str
    """Id of the base model that the baseline is, or comes from; empty if nothing tells."""
    baseline_is_tuned: bool = False
    last_checkpoint_only: bool = False
    """Only one checkpoint is kept, so that there is one to try."""
    in_batch: bool = False
    """Both sides are asked by batch jobs; checkpoints never are."""


class Term(NamedTuple):
    """One term in USD; None where something that it depends on is not known."""

    value: float | None
    low: float | None
    high: float | None
    note: str
    """How it comes about, or why it is not known."""

    def times(self, factor: float) -> Term:
        """Return the term so many times."""
        value, low, high = (None if each is None else factor * each for each in self[:3])
        return Term(value, low, high, self.note)


def estimate(tokens: DatasetTokens, plan: Plan, catalog: Catalog) -> dict[str, Any]:
    """Return what the run will cost, as the JSON artifact `cost_estimate` has it.

    Args:
        tokens: What the dataset comes to.
        plan: What else decides.
        catalog: The prices.

    Returns:
        USD by term (`TERMS`), `for_tokens` (all but the pipeline run) and `total`, None if a term is unknown; `known`,
        `unknown`, `low` and `high` of the known terms together, `ranges` and `notes` by term, and the quantities:
        `tokens`, `epochs`.
    """
    epochs = _epochs(plan, catalog)
    share = BATCH_PRICE if plan.in_batch else 1.0
    test = tokens.prompts, tokens.references, plan.max_output_tokens
    terms = {
        "tuning": _tuning(tokens.train, plan.base_model, epochs, catalog),
        "selection": _trials(tokens, plan, epochs, catalog),
        "baseline": _answers(*test, plan.baseline_model, catalog, tuned=plan.baseline_is_tuned).times(share),
        "candidate": _answers(*test, plan.base_model, catalog, tuned=True).times(share),
        "pipeline": _pipeline(catalog.pipeline),
    }
    if tokens.trial_prompts is None:
        del terms["selection"]
    unknown = [name for name, term in terms.items() if term.value is None]
    known = sum(term.value or 0.0 for term in terms.values())
    for_tokens = [term.value for name, term in terms.items() if name != "pipeline"]
    model = catalog.find(plan.base_model)
    return {
        "currency": "USD",
        **{name: term.value for name, term in terms.items()},
        "for_tokens": None if None in for_tokens else sum(value or 0.0 for value in for_tokens),
        "total": None if unknown else known,
        "known": known,
        "low": sum(term.low or 0.0 for term in terms.values()),
        "high": sum(term.high or 0.0 for term in terms.values()),
        "unknown": unknown,
        "ranges": {name: [term.low, term.high] for name, term in terms.items()},
        "notes": {name: term.note for name, term in terms.items()},
        "tokens": {
            name: {**found._asdict(), "method": found.method} for name, found in tokens._asdict().items() if found
        },
        "epochs": epochs or None,
        "prices_seen": str(model.seen) if model and model.seen else None,
    }


def check_budget(found: Mapping[str, Any], max_cost_usd: float) -> None:
    """Stop a run that is not allowed to cost as much as it may.

    Args:
        found: What `estimate` returned.
        max_cost_usd: The most that the run may cost, in USD; 0 = no limit.

    Raises:
        BudgetError: A term is unknown, or the upper end of the estimate is above the limit.
    """
    if max_cost_usd <= 0:
        return
    if found["unknown"]:
        missing = "; ".join(f"{name} ({found['notes'][name]})" for name in found["unknown"])
        raise BudgetError(
            f"estimated cost: unknown for want of {missing}; the rest is {usd(found['known'])} USD, "
            f"expected a known cost of at most {usd(max_cost_usd)} USD (max_cost_usd)",
            next="; ".join(REMEDIES[name] for name in found["unknown"]) + "; or set max_cost_usd to 0",
        )
    if found["high"] > max_cost_usd:
        raise BudgetError(
            f"estimated cost: {usd(found['total'])} USD, up to {usd(found['high'])} USD, expected at most "
            f"{usd(max_cost_usd)} USD (max_cost_usd); nothing was paid",
            next=f"raise max_cost_usd to {ceil(found['high'] * 100) / 100:.2f}, or lower epoch_count, "
            "max_train_examples, max_test_examples or max_output_tokens",
        )


def is_within(found: Mapping[str, Any], max_cost_usd: float) -> bool:
    """Tell whether a run with this estimate would be let through."""
    try:
        check_budget(found, max_cost_usd)
    except BudgetError:
        return False
    return True


def usd(amount: float) -> str:
    """Return an amount in USD; four decimals below one dollar, because answers cost fractions of a cent.

    >>> usd(0.01234), usd(12.5)
    ('0.0123', '12.50')
    """
    return f"{amount:,.2f}" if abs(amount) >= 1 else f"{amount:.4f}"


def _epochs(plan: Plan, catalog: Catalog) -> int:
    """Return the epoch count, that of the service where it is known, or 0."""
    model = catalog.find(plan.base_model)
    return plan.epoch_count or (model.default_epoch_count if model else None) or 0


def _tuning(train: TokenCount, base_model: str, epochs: int, catalog: Catalog) -> Term:
    """Billed are the tokens of the training dataset times the epochs; that validation is billed is nowhere said."""
    cost = catalog.training_cost(base_model, train.tokens, epochs)
    low, high = (catalog.training_cost(base_model, number, epochs) for number in (train.low, train.high))
    if cost is not None:
        return Term(cost, low, high, f"{train.tokens:,} tokens x {epochs} epoch{'s' if epochs > 1 else ''}")
    one = catalog.training_cost(base_model, train.tokens, 1)
    if one is None:
        return Term(None, None, None, f"no training price of {base_model} is known")
    return Term(None, None, None, f"epoch_count is 0: the service chooses; {usd(one)} USD for each epoch")


def _answers(
    prompts: TokenCount, references: TokenCount, max_output_tokens: int, model: str, catalog: Catalog, *, tuned: bool
) -> Term:
    """Expected are answers as long as the references; the longest possible ones are the upper end, thinking included.

    A prompt is sent once; what is sent again after an error is not billed.
    """
    longest = prompts.examples * max_output_tokens
    expected = min(references.tokens, longest)
    cost, low, high = (
        catalog.inference_cost(model, asked, answered, tuned=tuned)
        for asked, answered in ((prompts.tokens, expected), (prompts.low, 0), (prompts.high, longest))
    )
    if cost is None:
        name = f"{'tuned ' if tuned else ''}{model or 'the baseline'}"
        return Term(None, None, None, f"no price of {name} is known")
    return Term(cost, low, high, f"{prompts.tokens:,} tokens in, about {expected:,} out")


def _trials(tokens: DatasetTokens, plan: Plan, epochs: int, catalog: Catalog) -> Term:
    """Every checkpoint is asked the validation prompts, one request each."""
    if tokens.trial_prompts is None or tokens.trial_references is None:
        return Term(0.0, 0.0, 0.0, "no checkpoint is tried")
    one = _answers(
        tokens.trial_prompts, tokens.trial_references, plan.max_output_tokens, plan.base_model, catalog, tuned=True
    )
    number = checkpoint_count(epochs, last_only=plan.last_checkpoint_only)
    if one.value is None:
        return one
    if not number:
        note = f"epoch_count is 0: the service chooses; {usd(one.value)} USD for each checkpoint"
        return Term(None, None, None, note)
    return one.times(number)._replace(note=f"{number} checkpoint{'s' if number > 1 else ''} x {one.note}")


def checkpoint_count(epochs: int, *, last_only: bool) -> int:
    """Return how many checkpoints a tuned model will have; 0 if that is not known."""
    return 1 if last_only else min(epochs, MOST_CHECKPOINTS)


def _pipeline(prices: PipelinePrices) -> Term:
    """Price the run itself, and the machines of its steps; one of them does nothing but wait for the tuning job."""
    if prices.run is None or prices.machine_hour is None:
        return Term(None, None, None, "no price of the pipeline run is known")
    hours = (prices.tuning_hours, prices.tuning_hours_low, prices.tuning_hours_high)
    cost, low, high = (prices.run + prices.machine_hour * (prices.step_hours + waiting) for waiting in hours)
    return Term(cost, low, high, f"run {usd(prices.run)}, {prices.step_hours + prices.tuning_hours:g} machine hours")
