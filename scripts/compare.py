"""Put two finished runs side by side.

    gemtune compare [SPEC] RUN RUN [--json]

RUN is the id or the resource name of a run. What `gemtune run` or `gemtune report` fetched is taken from runs/; other
runs are fetched, and SPEC says where from. The table says when the figures of the two do not compare.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gemtune.errors import GemtuneError
from gemtune.runs.cost import usd
from scripts.report import finished_runs
from scripts.screen import folded, report_error, table
from scripts.spec_arguments import add_spec_arguments
from scripts.table import print_json

CELL = 30
"""Widest cell: two of them and the names of the rows fit 80 columns."""


def main(argv: list[str] | None = None) -> int:
    """Compare, print it, and return the exit code."""
    parser = argparse.ArgumentParser(
        "gemtune compare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_spec_arguments(parser, required=False)
    parser.add_argument("runs", metavar="RUN", nargs=2, help="id or resource name of a finished run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_intermixed_args(argv)
    try:
        found = [read_run(folder) for folder in finished_runs(arguments.runs, arguments)]
    except GemtuneError as error:
        return report_error(error)
    differences = incomparable(*found)
    if arguments.json:
        print_json({"runs": [summary(run) for run in found], "differences": differences})
    else:
        print("\n".join(lines(found, differences)))
    return 0


def read_run(folder: Path) -> dict[str, Any]:
    """Return `comparison.json` of a fetched run."""
    return dict(json.loads((folder / "comparison.json").read_text(encoding="utf-8")))


def summary(run: dict[str, Any]) -> dict[str, Any]:
    """Return what of a run stands beside another one."""
    return {
        "run": run["job"].rpartition("/")[2],
        "spec": run["spec"].get("name", ""),
        "verdict": run["verdict"],
        "decision": run["decision"],
        "metric": primary(run),
        "guards": run["guards"],
        "cost_usd": run["cost"]["actual"]["total"],
        "models": run["models"],
        "test_sha256": run["digests"].get("test", ""),
        "signature": run["signature"],
    }


def primary(run: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the metric that decided."""
    return dict(next(metric for metric in run["metrics"] if metric["name"] == run["primary_metric"]))


def incomparable(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return why figures of two runs cannot be held against each other; empty if they can."""
    one, other = summary(first), summary(second)
    found = []
    if one["test_sha256"] != other["test_sha256"] or not one["test_sha256"]:
        digests = " and ".join(run["test_sha256"][:12] or "unknown" for run in (one, other))
        found.append(f"the test sets differ ({digests})")
    if one["metric"]["name"] != other["metric"]["name"]:
        found.append(f"the primary metrics differ ({one['metric']['name']} and {other['metric']['name']})")
    if one["signature"] != other["signature"]:
        found.append("the metrics were computed in different ways (signature in comparison.json)")
    return found


def lines(runs: list[dict[str, Any]], differences: list[str]) -> list[str]:
    """Return the two runs as a table of 80 columns, and whether their figures compare."""
    columns = [cells(summary(run)) for run in runs]
    names = {name: None for column in columns for name in column}  # as ordered as the rows
    rows = [(name, *(cut(column.get(name, "-")) for column in columns)) for name in names]
    verdict = (
        f"The figures do not compare: {'; '.join(differences)}."
        if differences
        else "Both were judged on the same test set by the same metric: the figures compare."
    )
    return [
        *(f"{letter}  {summary(run)['run']}" for letter, run in zip("AB", runs, strict=True)),
        "",
        *table(("", "A", "B"), rows, text=("A", "B")),
        "",
        *folded(verdict, indent=0),
    ]


def cells(run: dict[str, Any]) -> dict[str, str]:
    """Return name of the row → text for one run."""
    metric, models = run["metric"], run["models"]
    return {
        "spec": run["spec"] or "-",
        "verdict": run["verdict"],
        "decision": run["decision"],
        "metric": metric["name"],
        "baseline": number(metric["baseline"]),
        "candidate": number(metric["candidate"]),
        "difference": number(metric["difference"], "+"),
        "95 % interval": f"{number(metric['low'], '+')} to {number(metric['high'], '+')}",
        "examples": f"{metric['n']}, {metric['unscored']} unscored",
        **{f"guard {each['name']}": "passed" if each["passed"] else "failed" for each in run["guards"]},
        "cost, USD": "unknown" if run["cost_usd"] is None else usd(run["cost_usd"]),
        "baseline model": short(models["baseline"]),
        "candidate model": short(models["candidate"]),
        "base model": short(models["base_model"]),
        "test set": run["test_sha256"][:12] or "-",
    }


def number(value: float | None, sign: str = "") -> str:
    """Return a figure with four decimals, or a dash for none; zero is a figure."""
    return "-" if value is None else f"{value:{sign}.4f}"


def short(model: str) -> str:
    """Return a model without its project and location.

    >>> short("projects/1/locations/us/endpoints/2"), short("gemini-3.5-flash")
    ('endpoints/2', 'gemini-3.5-flash')
    """
    return "/".join(model.split("/")[-2:])


def cut(text: str) -> str:
    """Return a text that fits its cell."""
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
