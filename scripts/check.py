"""Check a data file, or the data of a tuning spec, as a run would, without a run.

    gemtune check samples/howto/train.jsonl
    gemtune check samples/quickstart.yaml --json
    gemtune check rows.csv --set prompt_template='Sum up: {text}'

Local files need no account, no network and no emulator. A file is checked as training data; tokens are estimated.
The table goes to stdout. Exit code 0: a run would take the data, without what the spec says to drop; 3: it would stop.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from gemtune.catalog import load as load_catalog
from gemtune.data.advice import ADVICE
from gemtune.data.preview import Preview
from gemtune.data.splits import SPLITS
from gemtune.data.token_count import TokenCount, count
from gemtune.errors import GemtuneError, SpecError
from gemtune.records import read_records
from gemtune.runs.plan import check_spec
from gemtune.spec import TuningSpec, build, load
from scripts.screen import folded, printable, report_error, say, table
from scripts.spec_arguments import overrides_of
from scripts.spec_data import SOURCES, look_at
from scripts.target import Target, open_target

ANYTHING = {"project": "any", "bucket": "any"}
"""Stands in for keys that decide nothing about data."""

ALIKE = 3
"""Findings of one rule that are written out for people: the next is no news."""


class Checked(NamedTuple):
    """What a check found."""

    name: str
    splits: tuple[str, ...]
    shown: Preview
    tokens: dict[str, TokenCount]

    @property
    def problem(self) -> str:
        """Return why a run would stop; empty if it would go on."""
        if raised := self.findings("raised"):
            return f"{raised:,} finding{'s' if raised > 1 else ''}"
        # A file alone is no whole dataset: it has nothing to test on, and needs nothing.
        if self.shown.error and ("test" in self.splits or not self.shown.ledger["train"]["used"]):
            return str(self.shown.error)
        return ""

    def findings(self, wanted: str) -> int:
        """Return how many findings there are of an action."""
        return sum(number for (action, _), number in self.shown.counts().items() if action == wanted)

    @property
    def answer(self) -> str:
        """Return the answer in one line."""
        if self.problem:
            return f"failed: {self.problem}"
        if dropped := self.findings("dropped"):
            return f"passed; a run goes on without the {dropped:,} example{'s' if dropped > 1 else ''} that it drops"
        return "passed"


def main(argv: list[str] | None = None) -> int:
    """Check, print what was found, and return the exit code."""
    arguments = parser().parse_args(argv)
    target = None
    try:
        spec, folder, splits = read(arguments)
        if not spec.pre_tuned_model:  # which only the service knows
            check_spec(spec, load_catalog(spec.catalog_overrides))
        target = target_for(spec, arguments.target)
        with TemporaryDirectory() as scratch:
            checked = check(arguments.source, spec, folder, splits, Path(scratch), target)
            text = json.dumps(document(checked), indent=1) if arguments.json else "\n".join(lines(checked))
            print(text)
            return 3 if checked.problem else 0
    except GemtuneError as error:
        return report_error(error)
    finally:
        if target:
            target.stop()


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    found = argparse.ArgumentParser(
        "gemtune check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("source", metavar="FILE|SPEC", help="data file (also a wildcard or gs:// URI), or spec (.yaml)")
    found.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="set a key of the spec")
    found.add_argument("--target", choices=("emulator", "vertex"), help="where gs:// sources are read")
    found.add_argument("--json", action="store_true", help="print JSON")
    return found


def read(arguments: argparse.Namespace) -> tuple[TuningSpec, Path, tuple[str, ...]]:
    """Return the spec, the folder that its paths are relative to, and the splits to check."""
    path, overrides = Path(arguments.source), overrides_of(arguments)
    if path.suffix in (".yaml", ".yml"):
        return load(path, overrides, defaults=ANYTHING), path.parent, SPLITS
    values = {**ANYTHING, "name": "check", "train_data": arguments.source}
    values |= {"validation_fraction": 0.0, "test_fraction": 0.0}
    return build(values, overrides, path=Path("check")), Path(), ("train",)


def target_for(spec: TuningSpec, wanted: str | None) -> Target | None:
    """Return where gs:// sources are read; None if all sources are local.

    Raises:
        SpecError: There are such sources, and nothing says where.
    """
    if not any("gs://" in getattr(spec, key) for key in SOURCES):
        return None
    if name := wanted or spec.submission.target:
        target = open_target(name)
        say("target", target.describe())
        return target
    raise SpecError(
        "submission.target: found nothing, expected emulator or vertex, where gs:// sources are read",
        next="pass `--target vertex`; reading costs nothing there but traffic",
    )


def check(
    name: str, spec: TuningSpec, folder: Path, splits: tuple[str, ...], scratch: Path, target: Target | None
) -> Checked:
    """Prepare the data in a local folder, and count what came of it."""
    shown = look_at(spec, folder, scratch, target)
    if "test" not in splits:
        # Advice is about a whole dataset.
        shown = shown._replace(ignored=frozenset({ADVICE}))
    files = {"train": shown.train, "validation": shown.validation, "test": shown.test}
    tokens = {split: count(_examples(files[split])) for split in splits}
    return Checked(name, splits, shown, tokens)


def document(checked: Checked) -> dict[str, Any]:
    """Return the result for programs."""
    return {
        "source": checked.name,
        "passed": not checked.problem,
        "problem": checked.problem,
        "ledger": {split: checked.shown.ledger[split] for split in checked.splits},
        "sources": checked.shown.ledger["sources"],
        "tokens": {split: {**found._asdict(), "method": found.method} for split, found in checked.tokens.items()},
        "rules": [
            {"action": action, "rule": rule, "count": number}
            for (action, rule), number in sorted(checked.shown.counts().items())
        ],
        "findings": checked.shown.first_findings(),
    }


def lines(checked: Checked) -> list[str]:
    """Return the result for people: splits, sources, rules, first findings, and the answer last."""
    shown = checked.shown
    result = [*split_lines(shown, checked.splits, checked.tokens), "", *source_lines(shown), ""]
    if counts := shown.counts():
        rows = [(action, rule, number) for (action, rule), number in sorted(counts.items())]
        result += [*table(("action", "rule", "findings"), rows, text=("rule",)), "", *finding_lines(shown), ""]
    low, high = (sum(getattr(found, end) for found in checked.tokens.values()) for end in ("low", "high"))
    text = f"Tokens are estimated offline: {low:,} to {high:,} in all. `gemtune plan` counts them."
    result += folded(text, indent=0)
    return [*result, *folded(checked.answer)]


def split_lines(shown: Preview, splits: tuple[str, ...], tokens: dict[str, TokenCount]) -> list[str]:
    """Return the account of every split."""
    rows = []
    for split in splits:
        account = shown.ledger[split]
        rejected = sum(account["rejected"].values())
        rows.append((split, account["read"], account["used"], account["sampled_out"], rejected, tokens[split].tokens))
    return table(("split", "read", "used", "sampled out", "rejected", "tokens"), rows)


def source_lines(shown: Preview) -> list[str]:
    """Return the recognised format of every source."""
    rows = [(kind or "unknown", uri) for uri, kind in shown.ledger["sources"].items()]
    return table(("format", "source"), rows, text=("source",))


def finding_lines(shown: Preview) -> list[str]:
    """Return the first findings, each with place, what was found, what was expected, and what next."""
    result, first = [], shown.first_findings()
    rules: Counter[tuple[str, str]] = Counter()
    for found in first:
        rules[found["action"], found["rule"]] += 1
        if rules[found["action"], found["rule"]] > ALIKE:
            continue
        at = "" if found["path"] == "$" else f" ({found['path']})"
        where = f"{found['uri']}:{found['line']}" if found["line"] else found["uri"]
        text = f"{where}: {found['found']}, expected {found['expected']}{at}"
        result += folded(printable(f"{text}: {found['next']}" if found["next"] else text))
    more = shown.counts().total() - sum(min(number, ALIKE) for number in rules.values())
    return [*result, f"… and {more:,} more"] if more else result


def _examples(path: Path) -> Any:
    for record in read_records(path):
        if "prompt" in record:
            answer = {"role": "model", "parts": [{"text": record["reference"] or ""}]}
            record = {**record["prompt"], "contents": [*record["prompt"]["contents"], answer]}
        yield record


if __name__ == "__main__":
    sys.exit(main())
