"""A recorded run of an official lab that ended in a wrong, published verdict, rebuilt from its figures.

What was recorded: the baseline's mean ROUGE-L *precision* 0.2395 beside the tuned model's mean ROUGE-L *F1* 0.2385, so
"-0.44 %"; of 100 rows number 35 failed and was dropped; by F1 on both sides 83 of the 99 others gained, the best
+0.637, the worst -0.111; baseline answers end in the middle of a sentence. How many do was not recorded; 60 here.
"""

from typing import Any

import numpy as np
import pytest

from gemtune.comparison.decision import Limits
from gemtune.comparison.sides import Side
from gemtune.records import Record
from tests.gemtune.made_run import ENDPOINT, compare, examples, prediction

ROWS, LOST, CUT_OFF = 100, 35, 60
RECORDS = examples([f"summary {n}" for n in range(ROWS)])
IDS = [record["id"] for record in RECORDS if record["id"] != f"e{LOST:03}"]
GAINS = [*np.linspace(0.005, 0.2, 82).tolist(), 0.637, *np.linspace(-0.111, 0.0, 16).tolist()]
FLOOR = 0.2385 - sum(max(gain, 0.0) for gain in GAINS) / len(GAINS)
TUNED_F1 = [FLOOR + max(gain, 0.0) for gain in GAINS]
CUT_OFF_F1 = [f1 - gain for f1, gain in zip(TUNED_F1, GAINS, strict=True)]
PRECISION = (np.array(CUT_OFF_F1) * 0.2395 / np.mean(CUT_OFF_F1)).tolist()
WHOLE_F1 = [f1 - gain / 2 for f1, gain in zip(TUNED_F1, GAINS, strict=True)]
"""Of a baseline that may finish its answers: half of the gain was an artefact."""


def made(values: list[float], metric: str, *, cut_off: int = 0, with_lost_row: bool = False, model: str) -> Side:
    outcomes = ["truncated"] * cut_off + ["answered"] * (len(IDS) - cut_off)
    predictions = [prediction(id, "text", outcome) for id, outcome in zip(IDS, outcomes, strict=True)]
    scores: list[Record] = [
        {"id": id, "status": "scored", "cause": "", "metrics": {metric: value}, "counts": {}}
        for id, value in zip(IDS, values, strict=True)
    ]
    if with_lost_row:
        id = f"e{LOST:03}"
        predictions.append(prediction(id, "", "failed", ""))
        scores.append({"id": id, "status": "unscored", "cause": "failed", "metrics": {}, "counts": {}})
    paid = dict.fromkeys(("prompt_tokens", "output_tokens", "thinking_tokens"), 0)
    return Side(model, predictions, scores, "rouge:rouge-score-0.1.2", paid)


def verdict(baseline: list[float], metric: str = "rougeL_f1", **changes: Any) -> dict[str, Any]:
    cut_off = changes.pop("cut_off", 0)
    before = made(baseline, metric, cut_off=cut_off, model="gemini-3.1-flash-lite", **changes)
    return compare(RECORDS, before, made(TUNED_F1, "rougeL_f1", model=ENDPOINT, **changes), limits=Limits())


def test_the_rows_have_the_recorded_figures() -> None:
    assert np.mean(PRECISION) == pytest.approx(0.2395)
    assert np.mean(TUNED_F1) == pytest.approx(0.2385)
    assert 100 * (np.mean(TUNED_F1) / np.mean(PRECISION) - 1) == pytest.approx(-0.44, abs=0.03)
    differences = np.subtract(TUNED_F1, CUT_OFF_F1)
    assert (len(differences), (differences > 1e-9).sum()) == (99, 83)
    assert (differences.max(), differences.min()) == pytest.approx((0.637, -0.111))
    assert min(*CUT_OFF_F1, *PRECISION, *WHOLE_F1) >= 0 and max(*PRECISION, *TUNED_F1) <= 1


def test_as_published_it_is_invalid_for_three_reasons() -> None:
    found = verdict(PRECISION, "rougeL_precision", cut_off=CUT_OFF)
    assert (found["verdict"], found["decision"]) == ("invalid", "hold")
    lost, statistics, cut_off = found["reasons"]
    assert lost.startswith("1 of 100 examples missing from baseline predictions, baseline scores, candidate")
    assert "(e035)" in lost
    assert "two statistics are compared, rougeL_precision of the baseline and rougeL_f1 of the candidate" in statistics
    assert cut_off.startswith("baseline: 60 of 100 answers (60.0%) were cut off by the token limit, expected at most 5")
    assert cut_off.endswith("raise max_output_tokens, or lower thinking")
    assert found["metrics"][0]["difference"] is None  # nobody can publish it
    assert (found["metrics"][0]["n"], found["metrics"][0]["unscored"]) == (0, 100)


def test_with_one_statistic_and_the_lost_row_counted_it_is_still_invalid() -> None:
    found = verdict(CUT_OFF_F1, cut_off=CUT_OFF, with_lost_row=True)
    assert (found["verdict"], found["decision"]) == ("invalid", "hold")
    (reason,) = found["reasons"]
    assert "were cut off by the token limit" in reason
    primary = found["metrics"][0]
    assert (primary["n"], primary["unscored"]) == (99, 1)
    assert (primary["wins"], primary["difference"]) == (83, pytest.approx(np.mean(GAINS)))


def test_with_a_baseline_that_may_finish_it_is_improved() -> None:
    found = verdict(WHOLE_F1, with_lost_row=True)
    assert (found["verdict"], found["decision"]) == ("improved", "promote")
    primary = found["metrics"][0]
    assert (primary["n"], primary["unscored"], primary["wins"]) == (99, 1, 83)
    assert primary["difference"] == pytest.approx(np.mean(GAINS) / 2)
    assert primary["p"] == 1 / 10_000
    assert found["worst_case"]["verdict"] == "improved"  # even if the lost row had gone as badly as it can
