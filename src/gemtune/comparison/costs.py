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
    """
    terms = tuning_costs(tuning, selection, base_model, catalog)
    for name, side in sides.items():
        price = catalog.inference_cost(
            base_model_of(side, base_model),
            side.paid["prompt_tokens"],
            side.paid["output_tokens"] + side.paid["thinking_tokens"],
            tuned=is_tuned_model(side.model),
        )
        terms[name] = price * BATCH_PRICE if in_batch and price is not None else price
    known = [value for value in terms.values() if value is not None]
    unknown = [name for name, value in terms.items() if value is None]
    return {**terms, "total": None if unknown else sum(known), "known": sum(known), "unknown": unknown}
