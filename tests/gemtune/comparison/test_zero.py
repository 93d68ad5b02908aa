"""A figure of 0.0 is a number: it is compared, tested and shown, and never taken for one that is missing."""

from gemtune.comparison.decision import Limits
from tests.gemtune.made_run import LIMITS, REFERENCES, compare, examples, side

RECORDS = examples(REFERENCES)
NOTHING = side(RECORDS, ["something else"] * 6)
ALL = side(RECORDS, [f"{reference} {n}" for n, reference in enumerate(REFERENCES)], model="gemini-3.1-flash-lite")


def test_a_fall_to_zero_is_a_regression() -> None:
    found = compare(RECORDS, ALL, NOTHING)
    primary = found["metrics"][0]
    assert (found["verdict"], found["decision"]) == ("regressed", "hold")
    assert (primary["candidate"], primary["n"], primary["unscored"]) == (0.0, 6, 0)
    assert primary["difference"] == -primary["baseline"] < 0
    assert "falls by" in found["reasons"][0] and "to 0.000 over 6 examples" in found["reasons"][0]
    assert found["sides"]["candidate"]["distributions"]["rougeL_f1"]["mean"] == 0.0


def test_a_rise_from_zero_is_an_improvement() -> None:
    found = compare(RECORDS, NOTHING, ALL)
    assert (found["verdict"], found["metrics"][0]["baseline"]) == ("improved", 0.0)
    assert "from 0.000 to" in found["reasons"][0]


def test_zero_on_both_sides_is_no_difference_and_not_nothing() -> None:
    found = compare(RECORDS, NOTHING, NOTHING)
    primary = found["metrics"][0]
    assert (found["verdict"], primary["n"], primary["ties"]) == ("inconclusive", 6, 6)
    assert [primary[key] for key in ("baseline", "candidate", "difference", "low", "high")] == [0.0] * 5
    assert primary["p"] == 1.0


def test_a_guard_that_falls_to_zero_is_not_kept() -> None:
    limits = Limits(primary_metric="rouge1_f1", guard_metrics={"rougeL_f1": 0.0})
    (guard,) = compare(RECORDS, ALL, NOTHING, limits=limits)["guards"]
    assert (guard["baseline"] > 0, guard["candidate"], guard["limit"], guard["passed"]) == (True, 0.0, 0.0, False)
    (kept,) = compare(RECORDS, NOTHING, NOTHING, limits=limits)["guards"]
    assert kept["passed"]  # a low end of 0.0 is not under a limit of 0.0


def test_an_answer_that_is_the_models_own_failure_is_zero_and_one_lost_on_the_way_is_missing() -> None:
    blocked = side(RECORDS, [None, *REFERENCES[1:]], outcomes={0: "blocked"})
    lost = side(RECORDS, [None, *REFERENCES[1:]], outcomes={0: "failed"})
    counted, missing = (compare(RECORDS, ALL, each, limits=LIMITS)["metrics"][0] for each in (blocked, lost))
    assert (counted["n"], missing["n"], missing["unscored"]) == (6, 5, 1)
    assert counted["candidate"] < missing["candidate"] == 1.0
