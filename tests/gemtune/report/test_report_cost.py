"""The report's cost section: the estimate beside what was paid."""

import re

from gemtune.catalog import load
from gemtune.data.token_count import DatasetTokens, TokenCount
from gemtune.report.examples import example_rows
from gemtune.report.page import render
from gemtune.report.plots import report_figures
from gemtune.runs.cost import Plan, estimate
from tests.gemtune.made_run import CURVES, compare, examples, worse_and_better

TOKENS = DatasetTokens(*(TokenCount(6, number, number, number, 6) for number in (100_000, 600, 60)))


def cost_section(epoch_count: int | None) -> str:
    """Return the text of the section, for a run with an estimate, or without one."""
    records = examples()
    sides = worse_and_better(records)
    estimated = None
    if epoch_count is not None:
        plan = Plan(
            base_model="gemini-3.1-flash-lite",
            baseline_model="gemini-3.1-flash-lite",
            epoch_count=epoch_count,
            max_output_tokens=100,
        )
        estimated = estimate(TOKENS, plan, load())
    comparison = compare(records, *sides, estimated=estimated)
    assert comparison["cost"]["estimated"] == estimated
    figures = report_figures(comparison, sides[0].scores, sides[1].scores, CURVES)
    page = render(comparison, example_rows(records, *sides, "rougeL_f1"), figures)
    section = page[page.index('<section id="cost"') : page.index('<section id="examples"')]
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def test_the_estimate_stands_beside_what_was_paid() -> None:
    text = cost_section(3)
    assert "Term Estimated Actual Tuning $0.9000 $0.9000 " in text
    assert re.search(r"Total \$0\.900\d \$0\.900\d Pipeline run \$0\.2610 \u2013", text)
    assert "Training: 100,000 tokens (counted) times 3 epochs, billed were 100,000 times 3." in text


def test_an_estimate_without_epochs_is_unknown_and_says_so() -> None:
    text = cost_section(0)
    assert "Tuning unknown $0.9000" in text and "Total unknown $0.900" in text
    assert "without tuning" in text and "times an unknown number of epochs" in text


def test_without_an_estimate_there_is_one_column() -> None:
    assert "Term Actual Tuning" in cost_section(None)
