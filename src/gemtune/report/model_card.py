"""The model card: what was tuned, on what, how well it does and where that ends, in one page of Markdown.

Follows the sections of Mitchell et al. 2019, https://arxiv.org/abs/1810.03993, as far as a run can know them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from gemtune.metrics.definitions import METRICS, TASKS
from gemtune.report.examples import visible
from gemtune.report.page import decimal, money, p_value, signed


def render(comparison: Mapping[str, Any]) -> str:
    """Return the model card as Markdown.

    Args:
        comparison: `comparison.json`.
    """
    verdict, reason = comparison["verdict"].capitalize(), _text(comparison["reasons"][0])
    cost = comparison["cost"]["actual"]
    sections = [
        f"# {_text(comparison['spec'].get('name') or comparison['models']['candidate'])}",
        f"**{verdict}**: {reason}. Decision: **{comparison['decision']}**.",
        *(f"> {_text(notice)}" for notice in comparison["notices"]),
        "## Model",
        _table(("", "Value"), _model_rows(comparison)),
        "## Training data",
        "Splits are cut before tuning; the tuned model never saw the test split.",
        _table(("Split", "Read", "Used", "Sampled out", "Rejected"), _ledger_rows(comparison["ledger"])),
        *_list("Sources:", [f"{uri} ({kind})" for uri, kind in comparison["sources"].items()]),
        *_list("Dropped by the service:", _dropped(comparison["tuning"])),
        "## Evaluation",
        f"Decided by {METRICS[comparison['primary_metric']].title}, declared before the run, "
        f"over {comparison['metrics'][0]['n']} examples; {comparison['metrics'][0]['unscored']} more have no score. "
        f"Scored by `{comparison['signature']}`.",
        _table(("Metric", "Baseline", "Candidate", "Difference", "95 % interval", "p"), _metric_rows(comparison)),
        *_list("Guards:", _guards(comparison["guards"])),
        *_list(
            "Not alike on both sides:", [each for guard in comparison.get("fairness", []) for each in guard["problems"]]
        ),
        "What became of the prompts:",
        _table(("Outcome", "Baseline", "Candidate"), _outcome_rows(comparison["sides"])),
        "## Limits",
        "- Figures hold for prompts like those of the test split, with the generation settings below.\n"
        f"- {TASKS[comparison['task']].limits}\n"
        "- A tuned model retires with its base model.",
        "## Cost",
        f"{money(cost['total'])} at the catalogue's prices{_unknown(cost)}.",
        "## Reproduce",
        _fenced(
            json.dumps(
                {key: comparison[key] for key in ("job", "digests", "selection", "spec")}, indent=1, sort_keys=True
            )
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _model_rows(comparison: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    tuning = comparison["tuning"]
    keys = {
        "Tuned model": "model",
        "Tuning job": "tuning_job",
        "Epoch count": "epoch_count",
        "Adapter size": "adapter_size",
        "Learning-rate multiplier": "learning_rate_multiplier",
        "Billable tokens, one epoch": "billable_tokens",
    }
    return [
        ("Task", comparison["task"]),
        ("Base model", comparison["models"]["base_model"] or "unknown"),
        ("Baseline", comparison["models"]["baseline"]),
        ("Candidate", comparison["models"]["candidate"]),
        *((name, tuning[key]) for name, key in keys.items() if tuning.get(key)),
        *_checkpoint_row(comparison["selection"]),
        *(
            (f"Served version, {name}", ", ".join(side["model_versions"]) or "none")
            for name, side in comparison["sides"].items()
        ),
    ]


def _checkpoint_row(selection: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    if not selection:
        return []
    rule = {"validation": "earliest within one standard error of the best on the validation split"}
    checkpoint = selection["checkpoint_id"] or "of the model"
    return [("Checkpoint", f"{checkpoint}, epoch {selection['epoch']}: {rule.get(selection['rule'], 'the last one')}")]


def _dropped(tuning: Mapping[str, Any]) -> list[str]:
    count = tuning.get("dropped_example_count")
    return [f"{count} of {tuning['example_count']} training examples, too long or truncated"] if count else []


def _guards(guards: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"{METRICS[guard['name']].title} {'kept' if guard['passed'] else 'not kept'}: "
        f"the low end of its gain must not be under {signed(guard['limit'])}"
        for guard in guards
    ]


def _outcome_rows(sides: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    counts = [sides[name]["outcomes"] for name in ("baseline", "candidate")]
    return [(outcome, *(each.get(outcome, 0) for each in counts)) for outcome in sorted(counts[0] | counts[1])]


def _list(head: str, items: Iterable[str]) -> list[str]:
    """Return a heading and its points as paragraphs; nothing if there are none."""
    lines = [f"- {_text(item)}" for item in items]
    return [head, "\n".join(lines)] if lines else []


def _ledger_rows(ledger: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (split, entry["read"], entry["used"], entry["sampled_out"], sum(entry["rejected"].values()))
        for split, entry in ledger.items()
    ]


def _metric_rows(comparison: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            METRICS[metric["name"]].title,
            decimal(metric["baseline"]),
            decimal(metric["candidate"]),
            signed(metric["difference"]),
            f"{signed(metric['low'])} to {signed(metric['high'])}",
            p_value(metric["p_adjusted"]),
        )
        for metric in comparison["metrics"]
    ]


def _unknown(cost: Mapping[str, Any]) -> str:
    missing = ", ".join(cost["unknown"])
    return f" (no price is known for {missing}; the rest comes to {money(cost['known'])})" if missing else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: Any) -> str:
    """Return a value as Markdown shows it literally, on one line: names and messages come from outside."""
    line = " ".join(str(visible(str(value))).split())
    return re.sub(r"([\\`*_\[\]<>|#&!~])", r"\\\1", line)


def _fenced(text: str) -> str:
    """Return a code block whose fence is longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"
