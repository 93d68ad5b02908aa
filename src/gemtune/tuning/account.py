"""What a tuning job and the choice of its checkpoint amount to: what they cost, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemtune.catalog import Catalog

SHOWN_ROWS = 20


def tuning_costs(
    tuning: Mapping[str, Any], selection: Mapping[str, Any], base_model: str, catalog: Catalog
) -> dict[str, float | None]:
    """Return what this run pays for tuning and for trying checkpoints, in USD; None where a price is not known.

    A job that an earlier run paid for costs nothing. The term `selection` is there only if checkpoints were tried.

    Args:
        tuning: The finished tuning job, as `gemtune.tuning.tune.tune` returns it; empty if nothing was tuned.
        selection: `gemtune.selection/1`; empty likewise.
        base_model: Base model id.
        catalog: Where prices are known.
    """
    terms: dict[str, float | None] = {"tuning": 0.0}
    if tuning and not tuning.get("reused"):
        terms["tuning"] = training_cost(tuning, base_model, catalog)
    if selection.get("checkpoints"):
        paid = selection["paid"]
        output_tokens = paid["output_tokens"] + paid["thinking_tokens"]
        terms["selection"] = catalog.inference_cost(base_model, paid["prompt_tokens"], output_tokens, tuned=True)
    return terms


def training_cost(tuning: Mapping[str, Any], base_model: str, catalog: Catalog) -> float | None:
    """Return the price of a tuning job in USD, whoever paid it; None if price, tokens or epochs are not known."""
    tokens, epochs = int(tuning.get("billable_tokens") or 0), int(tuning.get("epoch_count") or 0)
    return catalog.training_cost(base_model, tokens, epochs) if tokens else None


def tuning_notices(tuning: Mapping[str, Any], paid: Sequence[Mapping[str, int]]) -> list[str]:
    """Return what a reader must know of the tuning.

    Args:
        tuning: The finished tuning job.
        paid: Tokens that each side's answers cost this run.
    """
    notices = dropped_examples(tuning)
    if tuning.get("reused"):
        notices.append(
            "The tuning job was adopted from an earlier run with the same data and settings: nothing was paid for it "
            "again"
        )
        if not any(count for side in paid for count in side.values()):
            notices.append("Nothing has changed since that run: no tuning job was created and no tokens were sent")
    return notices


def dropped_examples(tuning: Mapping[str, Any]) -> list[str]:
    """Return a warning with row numbers if the service truncated or dropped examples; else nothing.

    That rows are counted from 1 is an assumption: the documentation only calls them indices.
    """
    count = int(tuning.get("dropped_example_count") or 0)
    if not count and not tuning.get("dropped_example_reasons"):
        return []
    rows = list(tuning.get("dropped_example_indices") or [])
    shown = ", ".join(str(row) for row in rows[:SHOWN_ROWS]) + (" and more" if len(rows) > SHOWN_ROWS else "")
    reasons = "; ".join(dict.fromkeys(tuning.get("dropped_example_reasons") or []))
    where = f": row {shown} of the training split" if rows else ""
    why = f" ({reasons.rstrip('.')})" if reasons else ""
    out_of = f"{count or len(rows) or 'Some'} of {tuning.get('example_count', 0)}"
    return [f"{out_of} training examples were truncated or dropped by the service{where}{why}"]
