"""gemtune.report.plots: figures with labels, the same bytes every time, and colours that follow the page."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from matplotlib.axes import Axes

from gemtune.comparison.decision import Limits
from gemtune.metrics.definitions import TASKS
from gemtune.records import Record
from gemtune.report.curves import curve_figure
from gemtune.report.plots import difference_figure, report_figures, score_figure, to_png
from gemtune.report.svg import to_svg
from tests.gemtune.made_run import CURVES, TUNING, compare, examples, side, worse_and_better

SHOWN = TASKS["summarization"].shown
Run = tuple[dict[str, Any], Sequence[Record], Sequence[Record]]


@pytest.fixture(scope="module")
def run() -> Run:
    records = examples()
    baseline, candidate = worse_and_better(records)
    return compare(records, baseline, candidate), baseline.scores, candidate.scores


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def test_every_axis_of_every_figure_is_labelled(run: Run) -> None:
    comparison, baseline, candidate = run
    for figures in report_figures(comparison, baseline, candidate, CURVES).values():
        for figure in figures:
            for axes in figure.axes:
                assert axes.get_xlabel()
                assert axes.get_ylabel() or axes.get_yticklabels()


def test_one_figure_shows_all_four_distributions_with_their_means(run: Run) -> None:
    comparison, baseline, candidate = run
    figure = score_figure(baseline, candidate, SHOWN)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["ROUGE-1 F1", "ROUGE-2 F1", "ROUGE-L F1", "ROUGE-Lsum F1"]
    legend = legend_of(figure.axes[2])
    primary = comparison["metrics"][0]
    assert legend == [f"baseline, mean {primary['baseline']:.3f}", f"tuned, mean {primary['candidate']:.3f}"]


def test_unscored_examples_are_in_neither_distribution() -> None:
    records = examples()
    baseline = side(records, ["x"] * 6, outcomes={0: "failed"})
    candidate = side(records, [record["reference"] for record in records], outcomes={1: "rejected"})
    axes = score_figure(baseline.scores, candidate.scores, SHOWN[:1]).axes[0]
    # Outline and bars of 4 pairs: all of the candidate's are in the last bin.
    assert max(axes.dataLim.get_points()[:, 1]) == 4


def test_the_difference_figure_has_a_whisker_for_each_metric(run: Run) -> None:
    comparison, *_ = run
    axes = difference_figure(comparison["metrics"], "rougeL_f1").axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "ROUGE-L F1"
    assert len(labels) == len(axes.collections) == 12


@pytest.mark.parametrize(("low", "high"), [(-0.09, 0.17), (0.0, 0.0125), (-0.0004, 0.0007), (-12.5, 40.0)])
def test_the_figures_of_the_difference_axis_do_not_touch(run: Run, low: float, high: float) -> None:
    metrics = [{**each, "low": low, "high": high, "difference": high / 2} for each in run[0]["metrics"]]
    figure = difference_figure(metrics, "rougeL_f1")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(one.x1 + 4 < other.x0 for one, other in pairwise(boxes))


def test_points_are_not_drawn_over_shares() -> None:
    references = ["rinse the rice with cold water", "boil the rice in salted water"] * 4
    records = examples(references)
    sides = side(records, references[::-1], task="translation"), side(records, references, task="translation")
    for primary, expected in (
        ("bleu", ["BLEU", "chrF2", "Sentence chrF2"]),
        ("chrf2", ["chrF2", "BLEU", "Sentence chrF2"]),
    ):
        comparison = compare(records, *sides, limits=Limits(primary_metric=primary))
        axes = difference_figure(comparison["metrics"], primary).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()] == expected
        assert axes.get_xlabel() == "difference (points), with 95 % interval"
        figures = report_figures(comparison, sides[0].scores, sides[1].scores, [])
        assert [figure.axes[0].get_title(loc="left") for figure in figures["score"]] == ["Sentence chrF2"]


def test_curves_show_training_validation_and_checkpoints() -> None:
    loss, accuracy = curve_figure(CURVES, TUNING["checkpoints"]).axes
    assert legend_of(loss) == ["training", "validation", "checkpoint"]
    assert legend_of(accuracy) == ["training", "checkpoint"]


def test_nothing_to_draw_is_drawn_empty() -> None:
    assert to_svg(curve_figure([])).startswith("<svg ")
    assert to_svg(score_figure([], [], SHOWN)).startswith("<svg ")
    assert to_svg(difference_figure([], "rougeL_f1")).startswith("<svg ")


def test_equal_figures_give_equal_bytes(run: Run) -> None:
    comparison, *_ = run
    first, second = (difference_figure(comparison["metrics"], "rougeL_f1") for _ in range(2))
    assert to_svg(first) == to_svg(second)
    assert to_png(first) == to_png(second)
    assert to_png(first).startswith(b"\x89PNG")


def test_svg_is_text_that_takes_its_colours_from_the_page(run: Run) -> None:
    comparison, baseline, candidate = run
    svg = "".join(
        to_svg(figure) for those in report_figures(comparison, baseline, candidate, CURVES).values() for figure in those
    )
    assert "ROUGE-L F1</text>" in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) == set()
    assert "var(--candidate)" in svg and "var(--baseline)" in svg and "currentColor" in svg
    assert "<style" not in svg and "<metadata" not in svg and "<!" not in svg
    assert set(re.findall(r'https?://[^" ]+', svg)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_ids_are_unique_on_a_page_with_all_figures_and_every_reference_is_kept(run: Run) -> None:
    comparison, baseline, candidate = run
    svgs = [
        to_svg(figure) for those in report_figures(comparison, baseline, candidate, CURVES).values() for figure in those
    ]
    ids = [
        element.attrib["id"] for svg in svgs for element in ElementTree.fromstring(svg).iter() if "id" in element.attrib
    ]
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", "".join(svgs))) <= set(ids)
    assert all('role="img" aria-label="' in svg for svg in svgs)
