"""What runs cost before they start: one from its spec, a sweep in all, with equal data prepared once."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gemtune.catalog import Catalog
from gemtune.catalog import load as load_catalog
from gemtune.comparison.champion import find_baseline
from gemtune.data.preview import Preview, settings_of
from gemtune.data.token_count import DatasetTokens
from gemtune.runs.cost import is_within, usd
from gemtune.runs.prepared_cost import count_run, price_run
from gemtune.spec import TuningSpec
from scripts.screen import folded, table
from scripts.spec_arguments import read_spec
from scripts.spec_data import SOURCES, look_at, raise_problem
from scripts.sweep import Variant
from scripts.target import Target


def estimate_sweep(variants: list[Variant], target: Target) -> dict[str, Any]:
    """Return what the runs of a sweep will cost; nothing is paid for knowing it.

    Args:
        variants: The runs.
        target: Where they would run.

    Returns:
        `runs`, each an estimate as of one run with its label as `run` and whether it is `within` its max_cost_usd, and
        over all of them `total` (None if a term is unknown), `known`, `low`, `high` and `unknown`.

    Raises:
        DataError: A run would stop at its data.
    """
    counted: dict[str, DatasetTokens] = {}
    runs = []
    for label, arguments in variants:
        spec, path = read_spec(arguments, target), Path(arguments.spec)
        catalog = load_catalog(spec.catalog_overrides)
        key = _data_key(spec, path.parent)
        if key not in counted:
            counted[key] = _prepare(spec, path, target, catalog)
        cost = priced(spec, counted[key], catalog)
        runs.append({"run": label, "within": is_within(cost, spec.max_cost_usd), **cost})
    unknown = sorted({term for each in runs for term in each["unknown"]})
    sums = {name: sum(each[name] for each in runs) for name in ("known", "low", "high")}
    return {"runs": runs, "total": None if unknown else sums["known"], **sums, "unknown": unknown}


def sweep_lines(cost: dict[str, Any]) -> list[str]:
    """Return the cost of a sweep for people."""
    rows = [(each["run"], _amount(each["total"]), usd(each["high"])) for each in cost["runs"]]
    rows.append((f"all {len(cost['runs'])} runs", _amount(cost["total"]), usd(cost["high"])))
    result = table(("estimated cost", "USD", "at most"), rows)
    if cost["unknown"]:
        result += folded(f"Without {', '.join(cost['unknown'])}, which are unknown: {usd(cost['known'])} USD.")
    result += folded("As if nothing were kept; what is equal in several runs, the baseline's answers, is paid once.")
    over = [each["run"] for each in cost["runs"] if not each["within"]]
    return result + folded(f"stops at its max_cost_usd: {'; '.join(over)}") if over else result


def counted_tokens(spec: TuningSpec, shown: Preview, catalog: Catalog) -> DatasetTokens:
    """Return the tokens that a run of a spec pays for, given its prepared data."""
    return count_run(
        shown.train,
        shown.test,
        shown.validation_prompts,
        project=spec.project,
        location=spec.location,
        inference_location=spec.inference_location,
        base_model=spec.base_model,
        checkpoint_selection=spec.checkpoint_selection,
        seed=spec.sample_seed,
        catalog=catalog,
    )


def priced(spec: TuningSpec, tokens: DatasetTokens, catalog: Catalog) -> dict[str, Any]:
    """Return what a run of a spec will cost; `promoted` as its baseline is the model that was promoted last."""
    return price_run(
        tokens,
        project=spec.project,
        location=spec.location,
        inference_location=spec.inference_location,
        base_model=spec.base_model,
        baseline_model=find_baseline(spec.baseline_model, project=spec.project, bucket=spec.bucket, name=spec.name),
        epoch_count=spec.epoch_count,
        export_last_checkpoint_only=spec.export_last_checkpoint_only,
        generation_mode=spec.generation_mode,
        max_output_tokens=spec.max_output_tokens,
        catalog=catalog,
    )


def _prepare(spec: TuningSpec, path: Path, target: Target, catalog: Catalog) -> DatasetTokens:
    with TemporaryDirectory() as scratch:
        shown = look_at(spec, path.parent, Path(scratch), target)
        raise_problem(shown, path)
        return counted_tokens(spec, shown, catalog)


def _data_key(spec: TuningSpec, folder: Path) -> str:
    # These only decide about advice, and change no example.
    settings = replace(settings_of(spec), adapter_size=0, task="summarization")
    sources = [getattr(spec, key) for key in SOURCES]
    return repr((settings, sources, folder, spec.checkpoint_selection))


def _amount(value: float | None) -> str:
    return "unknown" if value is None else usd(value)
