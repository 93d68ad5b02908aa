"""What a run has cost, from the tokens that it paid for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gemtune.comparison.sides import Side, base_model_of, is_tuned_model
from gemtune.prices import BATCH_PRICE
from gemtune.tuning.account import tuning_costs

if TYPE_CHECKING:
    from gemtune.catalog import Catalog


def actual_cost(
    sides: Mapping[str, Side],
    tuning: Mapping[str, Any],
    selection: Mapping[str, Any],
    base_model: str,
    catalog: Catalog,
    *,
    in_batch: bool = False,
) -> dict[str, Any]:
    """Return what this run costs at the catalogue's prices, in USD, by term.

    A term without a known price is None and named in `unknown`; the total is None, then. A tuning job or an answer
    that was taken over from an earlier run costs this one nothing.

    Args:
        sides: `baseline` and `candidate`; each is priced by the base model behind it.
        tuning: The finished tuning job; empty if nothing was tuned.
        selection: Which checkpoint is the candidate; empty likewise.
        base_model: What was tuned: the price of the tuning, and of trying checkpoints.
        catalog: Where prices are known.
        in_batch: Both sides were asked by batch jobs.
    """
    terms = tuning_costs(tuning, selection, base_model, catalog)
    for name, side in sides.items():
        price = _answers(side, catalog)
        terms[name] = price * BATCH_PRICE if in_batch and price is not None else price
    known = [value for value in terms.values() if value is not None]
    unknown = [name for name, value in terms.items() if value is None]
    return {**terms, "total": None if unknown else sum(known), "known": sum(known), "unknown": unknown}


def _answers(side: Side, catalog: Catalog) -> float | None:
    """Return the price of the answers that this run paid for; what is not asked costs nothing, whatever its price."""
    if not any(side.paid.values()):
        return 0.0
    output_tokens = side.paid["output_tokens"] + side.paid["thinking_tokens"]
    tuned = is_tuned_model(side.model)
    return catalog.inference_cost(base_model_of(side), side.paid["prompt_tokens"], output_tokens, tuned=tuned)
