"""Say what a run of a tuning spec would use, create and cost. Nothing is paid and nothing is written.

    gemtune plan samples/quickstart.yaml --target emulator
    gemtune plan SPEC --target vertex --json
    gemtune plan SPEC --set epoch_count=2,4,8      what a sweep costs in all; likewise for several specs

Reads the sources, prepares them in a temporary folder, and has the service count tokens, which is free of charge.
The table goes to stdout. Exit code 0: a run may start; 3: it would stop at its data, or at max_cost_usd.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gemtune.catalog import Catalog
from gemtune.catalog import load as load_catalog
from gemtune.data.preview import Preview
from gemtune.data.splits import SPLITS
from gemtune.errors import BudgetError, DataError, GemtuneError, SpecError
from gemtune.runs.cost import TERMS, check_budget, usd
from gemtune.runs.plan import check_spec, known_tuning, locations, request_of, resources
from gemtune.spec import TuningSpec
from scripts.estimate import counted_tokens, estimate_sweep, priced, sweep_lines
from scripts.screen import folded, printable, report_error, say, table
from scripts.spec_arguments import read_spec, spec_parser, target_of
from scripts.spec_data import look_at
from scripts.submit import today
from scripts.sweep import add_more_specs, variants_of
from scripts.target import Target, open_target

NAMES = {
    "tuning": "tuning",
    "selection": "checkpoint trials",
    "baseline": "baseline answers",
    "candidate": "tuned answers",
    "pipeline": "pipeline run",
}


def main(argv: list[str] | None = None) -> int:
    """Plan, print it, and return the exit code."""
    parser = spec_parser("gemtune plan", __doc__ or "")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_more_specs(parser)
    arguments = parser.parse_intermixed_args(argv)
    target = None
    try:
        variants = variants_of(arguments)
        target = open_target(target_of(variants[0].arguments))
        say("target", target.describe())
        if len(variants) > 1:
            try:
                cost = estimate_sweep(variants, target)
            except DataError as error:
                report_error(error)
                return 3
            print(json.dumps(cost, indent=1) if arguments.json else "\n".join(sweep_lines(cost)))
            return 0 if all(each["within"] for each in cost["runs"]) else 3
        spec = read_spec(variants[0].arguments, target)
        with TemporaryDirectory() as scratch:
            found = plan(spec, Path(arguments.spec).parent, Path(scratch), target)
        print(json.dumps(found, indent=1) if arguments.json else "\n".join(lines(found)))
        return 3 if found["problems"] else 0
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def plan(spec: TuningSpec, folder: Path, scratch: Path, target: Target) -> dict[str, Any]:
    """Return what a run would use, create and cost, and what would stop it.

    Args:
        spec: What to run.
        folder: What its local paths are relative to.
        scratch: Empty folder for the prepared data.
        target: Where it would run.
    """
    catalog = load_catalog(spec.catalog_overrides)
    shown = look_at(spec, folder, scratch, target)
    estimated = priced(spec, counted_tokens(spec, shown, catalog), catalog)
    request = request_of(spec, shown.train, shown.validation)
    where = locations(spec, catalog)
    known = None if shown.error else known_tuning(spec, request, where["tuning"])
    return {
        "name": spec.name,
        "target": target.name,
        "project": spec.project,
        "bucket": spec.bucket,
        "ledger": {split: shown.ledger[split] for split in SPLITS},
        "cost": estimated,
        "max_cost_usd": spec.max_cost_usd,
        "locations": where,
        "resources": resources(spec, where, estimated["epochs"], known),
        "warnings": warnings(spec, catalog, shown, where["tuning"]),
        "problems": problems(spec, catalog, shown, estimated),
    }


def warnings(spec: TuningSpec, catalog: Catalog, shown: Preview, tuning_location: str) -> list[str]:
    """Return what a person should know before paying."""
    found = catalog.warnings(spec.base_model, today(), tuning_location=tuning_location)
    found += [f"{each['uri']}: {each['found']}, expected {each['expected']}: {each['next']}" for each in _whole(shown)]
    counts = shown.counts()
    dropped, warned = (
        sum(number for (action, _), number in counts.items() if action == wanted) for wanted in ("dropped", "warned")
    )
    if dropped:
        found.append(f"{dropped:,} examples are left out: see `gemtune check`")
    if warned > len(_whole(shown)):
        found.append(f"{warned - len(_whole(shown)):,} warnings about examples: see `gemtune check`")
    return found


def problems(
    spec: TuningSpec,
    catalog: Catalog,
    shown: Preview,
    estimated: dict[str, Any],
) -> list[str]:
    """Return what would stop the run before anything is paid."""
    found = [f"data: {shown.error}"] if shown.error else []
    try:
        check_spec(spec, catalog)
    except SpecError as error:
        found.append(str(error))
    try:
        check_budget(estimated, spec.max_cost_usd)
    except BudgetError as error:
        found.append(str(error))
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Return the plan for people."""
    made = [(each["kind"], each["count"] or "", each["where"], each["note"]) for each in found["resources"]]
    result = [
        f"{found['name']}: project {found['project']}, bucket {found['bucket']}, on {found['target']}",
        "",
        *example_lines(found),
        "",
        *cost_lines(found["cost"]),
        *folded(_limit(found), indent=0),
        "",
        *table(("happens in", "location"), list(found["locations"].items()), text=("location",)),
        "",
        *table(("created", "number", "where", ""), made, text=("where", "")),
    ]
    if found["warnings"]:
        result += ["", *(line for text in found["warnings"] for line in folded(printable(text), first="warning: "))]
    result += ["", *(line for text in found["problems"] for line in problem_lines(text))]
    return result if found["problems"] else [*result, "ready: nothing above would stop the run"]


def problem_lines(text: str) -> list[str]:
    """Return what stops a run, which may name several findings, one a line."""
    first, *more = map(printable, text.splitlines())
    return [*folded(first, first="stops: "), *(line for each in more for line in folded(each, first="       "))]


def example_lines(found: dict[str, Any]) -> list[str]:
    """Return the account of every split, and the tokens."""
    rows = [
        (split, account["read"], account["used"], account["sampled_out"], sum(account["rejected"].values()))
        for split, account in found["ledger"].items()
    ]
    result = [*table(("split", "read", "used", "sampled out", "rejected"), rows), ""]
    tokens = [
        (
            name.replace("_", " "),
            each["examples"],
            each["tokens"],
            f"{each['low']:,} to {each['high']:,}" if each["low"] < each["high"] else "-",
            each["method"],
        )
        for name, each in found["cost"]["tokens"].items()
    ]
    return [*result, *table(("tokens of", "examples", "tokens", "band", "how"), tokens, text=("how",))]


def cost_lines(cost: dict[str, Any]) -> list[str]:
    """Return the cost by term."""
    rows = []
    for name in (term for term in TERMS if term in cost["ranges"]):
        high = cost["ranges"][name][1]
        rows.append((NAMES[name], _amount(cost[name]), _amount(high), cost["notes"][name]))
    without = f"without {', '.join(cost['unknown'])}: {usd(cost['known'])}" if cost["unknown"] else ""
    rows.append(("total", _amount(cost["total"]), usd(cost["high"]), without))
    return table(("cost", "USD", "at most", "for"), rows, text=("for",))


def _limit(found: dict[str, Any]) -> str:
    dated = f"Prices as seen on {found['cost']['prices_seen']}" if found["cost"]["prices_seen"] else "No prices known"
    limit = f"max_cost_usd is {usd(found['max_cost_usd'])}" if found["max_cost_usd"] else "max_cost_usd sets no limit"
    billed = "; nothing is billed on the emulator" if found["target"] == "emulator" else ""
    return f"{dated}, as if nothing were kept from an earlier run{billed}. {limit}."


def _amount(value: float | None) -> str:
    return "unknown" if value is None else usd(value)


def _whole(shown: Preview) -> list[dict[str, Any]]:
    """Return the warnings about whole splits and files: advice, mostly."""
    return [each for each in shown.first_findings() if each["action"] == "warned" and not each["line"]]


if __name__ == "__main__":
    sys.exit(main())
