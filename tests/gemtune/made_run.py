"""A small made-up run: records of both sides as the steps would hand them to the comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from gemtune.catalog import load
from gemtune.comparison.decision import Limits
from gemtune.comparison.document import build
from gemtune.comparison.sides import Side
from gemtune.generation.predictions import TOKEN_COUNTS
from gemtune.metrics.scoring import score
from gemtune.records import Record

ENDPOINT = "projects/123456789012/locations/us/endpoints/222"
LIMITS = Limits(max_truncated_share=1.0, max_blocked_share=1.0, max_unscored_share=1.0)
REFERENCES = [
    "rinse the rice",
    "boil the water",
    "cover the pot",
    "wait ten minutes",
    "fluff with a fork",
    "serve warm",
]
TUNING: dict[str, Any] = {
    "tuning_job": "projects/123456789012/locations/us-central1/tuningJobs/4422",
    "model": "projects/123456789012/locations/us/models/77@1",
    "endpoint": ENDPOINT,
    "base_model": "gemini-3.1-flash-lite",
    "checkpoints": [{"checkpoint_id": "1", "epoch": 1, "step": 10, "endpoint": ENDPOINT}],
    "billable_tokens": 100_000,
    "epoch_count": 3,
    "example_count": 500,
    "token_distributions": {
        "input": {"min": 60.0, "p5": 120.0, "median": 410.0, "mean": 467.2, "p95": 1100.0, "max": 2100.0},
        "output": {},
    },
    "dropped_example_count": 0,
    "dropped_example_indices": [],
    "dropped_example_reasons": [],
    "reused": False,
}
SELECTION: dict[str, Any] = {
    "schema": "gemtune.selection/1",
    "rule": "last",
    "checkpoint_id": "1",
    "epoch": 1,
    "step": 10,
    "endpoint": ENDPOINT,
    "checkpoints": [],
    "paid": {"prompt_tokens": 0, "output_tokens": 0, "thinking_tokens": 0},
}
CURVES: list[Record] = [
    {"metric": f"/{name}", "step": step, "epoch": 1, "value": 1 / step, "wall_time": 0.0}
    for name in ("train_total_loss", "eval_total_loss", "train_fraction_of_correct_next_step_preds")
    for step in range(1, 11)
]


def examples(references: Sequence[str] = REFERENCES, prompt: str = "Sum up.") -> list[Record]:
    """Return records of `test.jsonl`."""
    return [
        {
            "id": f"e{number:03}",
            "prompt": {"contents": [{"role": "user", "parts": [{"text": prompt}]}]},
            "reference": reference,
            "language": "en",
            "source": {"uri": "gs://b/test.jsonl", "line": number + 1},
        }
        for number, reference in enumerate(references)
    ]


def prediction(id: str, text: str | None, outcome: str = "answered", version: str = "gemini-3.1-flash-lite") -> Record:
    """Return one record of `predictions.jsonl`."""
    return {
        "id": id,
        "outcome": outcome,
        "text": text,
        "finish_reason": "STOP",
        "block_reason": "",
        "model_version": version,
        "prompt_tokens": 100,
        "output_tokens": 10,
        "thinking_tokens": 1,
        "latency_ms": 5,
        "attempts": 1,
        "error": "",
    }


def side(
    records: Sequence[Record],
    answers: Sequence[str | None],
    *,
    model: str = ENDPOINT,
    outcomes: Mapping[int, str] | None = None,
    version: str = "gemini-3.1-flash-lite",
    task: str = "summarization",
    **known: Any,
) -> Side:
    """Return one side whose answers are given in the order of the examples."""
    predictions = [
        prediction(record["id"], answer, (outcomes or {}).get(number, "answered"), version)
        for number, (record, answer) in enumerate(zip(records, answers, strict=True))
    ]
    scores, signature = score(records, predictions, task=task, rouge_profile="auto")
    paid = {name: sum(each[name] for each in predictions) for name in TOKEN_COUNTS}
    return Side(model, predictions, scores, signature, paid, task, **known)


def compare(records: Sequence[Record], baseline: Side, candidate: Side, **changes: Any) -> dict[str, Any]:
    """Return the comparison of two sides."""
    inputs: dict[str, Any] = {
        "limits": LIMITS,
        "ledger": {"train": {"read": 10, "used": 8, "sampled_out": 0, "rejected": {"empty reference": 2}}},
        "tuning": TUNING,
        "selection": SELECTION,
        "spec": {"name": "rice", "base_model": "gemini-3.1-flash-lite", "epoch_count": 3},
        "job": "projects/123456789012/locations/us-central1/pipelineJobs/gemini-tuning-1",
        "digests": {"train": "a" * 64},
        "catalog": load(),
    }
    return build(examples=records, baseline=baseline, candidate=candidate, **{**inputs, **changes})


def worse_and_better(records: Sequence[Record]) -> tuple[Side, Side]:
    """Return a baseline that answers something else, and a candidate that answers the references, nearly."""
    baseline = side(records, ["something else"] * len(records), model="gemini-3.1-flash-lite")
    return baseline, side(records, [f"{record['reference']} x{n}" for n, record in enumerate(records)])
