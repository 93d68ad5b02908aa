"""gemtune.comparison.document: the document gemtune.comparison/1."""

import json
import subprocess
import sys
from typing import Any

import pytest

from gemtune.catalog import load
from gemtune.comparison.decision import Limits
from gemtune.comparison.sides import is_tuned_model
from gemtune.errors import ComparisonError
from gemtune.metrics.definitions import METRICS, TASKS, metrics_of
from tests.gemtune.made_run import ENDPOINT, LIMITS, REFERENCES, TUNING, compare, examples, side, worse_and_better

ENTRY = (
    "name statistic direction unit n unscored baseline candidate difference low high p p_adjusted wins ties losses "
    "smallest_detectable effect_size examples_needed"
)


def test_the_document_has_the_fields_of_its_schema() -> None:
    records = examples()
    found = compare(records, *worse_and_better(records))
    assert found["schema"] == "gemtune.comparison/1"
    fixed = "schema verdict decision reasons primary_metric metrics guards ledger cost models digests spec job"
    assert set(fixed.split()) <= set(found)
    assert all(set(metric) == set(ENTRY.split()) for metric in found["metrics"])
    assert found["metrics"][0]["name"] == found["primary_metric"] == "rougeL_f1"
    assert [metric["name"] for metric in found["metrics"]][1:] == [
        n for n in metrics_of("summarization") if n != "rougeL_f1"
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_better_candidate_is_promoted() -> None:
    records = examples()
    found = compare(records, *worse_and_better(records))
    assert (found["verdict"], found["decision"]) == ("improved", "promote")
    assert (found["metrics"][0]["wins"], found["metrics"][0]["losses"]) == (6, 0)


def test_a_model_against_itself_is_inconclusive() -> None:
    records = examples()
    same = side(records, REFERENCES[::-1])
    found = compare(records, same, same)
    assert (found["verdict"], found["decision"]) == ("inconclusive", "hold")
    assert {metric["difference"] for metric in found["metrics"]} == {0.0}
    assert {metric["p"] for metric in found["metrics"]} == {1.0}


def test_pairs_are_joined_on_the_id_and_not_on_the_line() -> None:
    records = examples()
    baseline, candidate = worse_and_better(records)
    turned = candidate._replace(predictions=candidate.predictions[::-1], scores=candidate.scores[::-1])
    assert compare(records, baseline, turned) == compare(records, baseline, candidate)


def test_an_example_unscored_on_either_side_is_left_out_and_counted() -> None:
    records = examples([*REFERENCES, "never came", "never went"])
    baseline = side(records, ["a"] * 8, outcomes={6: "failed"}, model="gemini-3.1-flash-lite")
    candidate = side(records, ["a"] * 8, outcomes={7: "rejected"})
    found = compare(records, baseline, candidate)
    assert {(metric["n"], metric["unscored"]) for metric in found["metrics"]} == {(6, 2)}
    assert "2 of 8 examples" in " ".join(found["notices"])
    assert found["sides"]["baseline"]["outcomes"] == {"answered": 7, "failed": 1}
    assert found["sides"]["candidate"]["causes"] == {"zero": {}, "unscored": {"rejected": 1}}


def test_an_answer_that_did_not_come_counts_as_zero_and_the_other_reading_stands_beside_it() -> None:
    records = examples(REFERENCES * 2)
    answers: list[str | None] = [f"{reference} x" if n % 2 else reference for n, reference in enumerate(REFERENCES * 2)]
    baseline = side(records, answers, model="gemini-3.1-flash-lite")
    blocked: list[str | None] = [None] * 6
    candidate = side(records, [*blocked, *answers[6:]], outcomes=dict.fromkeys(range(6), "blocked"))
    found = compare(records, baseline, candidate)
    assert found["verdict"] == "regressed"
    assert found["answered_by_both"] == {"n": 6, "difference": 0.0, "low": 0.0, "high": 0.0}
    assert "the verdict would be inconclusive" in " ".join(found["notices"])


def test_nothing_scored_on_both_sides_is_invalid() -> None:
    records = examples()
    lost = side(records, [None] * 6, outcomes=dict.fromkeys(range(6), "failed"))
    found = compare(records, lost, lost)
    assert found["verdict"] == "invalid"
    json.dumps(found, allow_nan=False)


def test_the_emulator_is_announced_first() -> None:
    records = examples()
    baseline = side(records, REFERENCES, model="gemini-3.1-flash-lite", version="gemini-3.1-flash-lite-emulator")
    notices = compare(records, baseline, baseline)["notices"]
    assert notices[0].startswith("Answers come from the emulator's summariser, not from Gemini")
    assert len(notices) == 1


def test_the_cost_is_that_of_the_catalogue() -> None:
    records = examples()
    found = compare(records, *worse_and_better(records))["cost"]
    catalog = load()
    actual = found["actual"]
    assert found["estimated"] is None
    assert actual["tuning"] == catalog.training_cost("gemini-3.1-flash-lite", 100_000, 3)
    assert actual["baseline"] == catalog.inference_cost("gemini-3.1-flash-lite", 600, 66, tuned=False)
    assert actual["candidate"] == catalog.inference_cost("gemini-3.1-flash-lite", 600, 66, tuned=True)
    assert actual["total"] == pytest.approx(actual["tuning"] + actual["baseline"] + actual["candidate"])
    assert actual["unknown"] == []


def test_an_unknown_price_makes_the_total_unknown_and_is_named() -> None:
    records = examples()
    baseline, candidate = worse_and_better(records)
    tuning = {**TUNING, "base_model": "gemini-99"}
    actual = compare(records, baseline, candidate, tuning=tuning)["cost"]["actual"]
    assert (actual["total"], actual["unknown"]) == (None, ["tuning", "candidate"])
    assert actual["known"] == actual["baseline"] > 0


CHAMPION = "projects/123456789012/locations/europe-west4/endpoints/7"


@pytest.mark.parametrize(
    ("model", "base", "tuned"),
    [("gemini-3.5-flash", "", False), (CHAMPION, "gemini-3.5-flash", True), (CHAMPION, "gemini-2.5-pro", True)],
)
def test_each_side_is_priced_by_the_model_behind_it(model: str, base: str, tuned: bool) -> None:
    records = examples()
    _, candidate = worse_and_better(records)
    baseline = side(records, REFERENCES, model=model, base_model=base)
    actual = compare(records, baseline, candidate)["cost"]["actual"]
    catalog = load()
    assert actual["baseline"] == catalog.inference_cost(base or model, 600, 66, tuned=tuned)
    assert actual["candidate"] == catalog.inference_cost("gemini-3.1-flash-lite", 600, 66, tuned=True)
    assert actual["baseline"] != actual["candidate"]


@pytest.mark.parametrize("tuning", [TUNING, {}])
def test_a_tuned_model_of_unknown_origin_is_not_priced_as_if_this_run_had_tuned_it(tuning: dict[str, Any]) -> None:
    records = examples()
    baseline = side(records, REFERENCES, model=CHAMPION, version="")
    candidate = side(records, REFERENCES)
    found = compare(records, baseline, candidate, tuning=tuning)
    unknown = ["baseline"] if tuning else ["baseline", "candidate"]
    assert found["cost"]["actual"]["unknown"] == unknown
    bases = [found["sides"][name]["base_model"] for name in ("baseline", "candidate")]
    assert bases == ["", tuning.get("base_model", "")]


def test_a_model_that_was_not_asked_costs_nothing_even_without_a_price() -> None:
    records = examples()
    _, candidate = worse_and_better(records)
    stored = side(records, REFERENCES, model=CHAMPION, version="")
    stored = stored._replace(paid=dict.fromkeys(stored.paid, 0))
    actual = compare(records, stored, candidate)["cost"]["actual"]
    assert (actual["baseline"], actual["unknown"]) == (0.0, [])


def test_what_was_tuned_further_from_an_unknown_base_has_no_price() -> None:
    records = examples()
    baseline, candidate = worse_and_better(records)
    tuning = {**TUNING, "base_model": ""}
    found = compare(records, baseline, candidate, tuning=tuning)
    assert found["cost"]["actual"]["unknown"] == ["tuning", "candidate"]
    assert found["models"]["base_model"] == ""


def test_an_adopted_tuning_job_costs_nothing_again() -> None:
    records = examples()
    found = compare(records, *worse_and_better(records), tuning={**TUNING, "reused": True})
    assert found["cost"]["actual"]["tuning"] == 0
    assert "adopted from an earlier run" in found["notices"][0]


def test_answers_from_the_store_cost_nothing_again() -> None:
    records = examples()
    baseline, candidate = worse_and_better(records)
    stored = baseline._replace(paid=dict.fromkeys(baseline.paid, 0))
    found = compare(records, stored, candidate)
    assert found["cost"]["actual"]["baseline"] == 0 < found["cost"]["actual"]["candidate"]
    assert found["sides"]["baseline"]["tokens"]["prompt"] == 600


def test_two_base_models_can_be_compared_without_tuning() -> None:
    records = examples()
    baseline = side(records, REFERENCES, model="gemini-3.1-flash-lite")
    found = compare(records, baseline, baseline, tuning={})
    assert found["cost"]["actual"]["tuning"] == 0
    assert found["models"] == {
        "base_model": "gemini-3.1-flash-lite",
        "baseline": "gemini-3.1-flash-lite",
        "candidate": "gemini-3.1-flash-lite",
    }


def test_an_unknown_metric_is_refused_before_anything_else() -> None:
    records = examples()
    limits = LIMITS.__class__(primary_metric="bleu")
    with pytest.raises(ComparisonError, match="primary_metric: `bleu`, expected a metric of the task summarization"):
        compare(records, *worse_and_better(records), limits=limits)


def test_importing_the_comparison_and_the_report_is_light() -> None:
    code = (
        "import sys, gemtune.comparison.document, gemtune.report.page, gemtune.report.plots, gemtune.report.model_card;"
        "print(*{'numpy', 'scipy', 'matplotlib', 'nltk', 'jinja2', 'pandas', 'kfp'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_tuned_model_is_told_from_a_base_model_by_its_name() -> None:
    assert is_tuned_model(ENDPOINT)
    assert not is_tuned_model("projects/p/locations/global/publishers/google/models/gemini-3.1-flash-lite")
    assert not is_tuned_model("google/gemini-3.1-flash-lite")


GOOD = {
    "summarization": "rinse the rice {}",
    "classification": "label {}",
    "extractive_qa": "rinse the rice {}",
    "translation": "rinse the rice {} with cold water",
    "chat": "rinse the rice {}",
    "json": '{{"step": {}, "verb": "rinse"}}',
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_compared_from_its_scores_to_a_decision(task: str) -> None:
    references = [GOOD[task].format(number % 3) for number in range(24)]
    records = examples(references)
    baseline = side(records, ["something else"] * 24, model="gemini-3.1-flash-lite", task=task)
    candidate = side(records, references, task=task)
    for name in TASKS[task].metrics:
        if METRICS[name].direction == "neither" or name.endswith("_precision"):
            continue
        limits = Limits(primary_metric=name, max_truncated_share=1.0, max_blocked_share=1.0)
        found = compare(records, baseline, candidate, limits=limits)
        better = found["metrics"][0]["baseline"] != found["metrics"][0]["candidate"]
        assert (found["verdict"] == "improved") == better == (name != "repetition"), name
        assert found["metrics"][0]["n"] == 24
        assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("task", TASKS)
def test_a_model_against_itself_differs_by_nothing_in_any_task(task: str) -> None:
    references = [GOOD[task].format(number) for number in range(20)]
    records = examples(references)
    same = side(records, references[1:] + references[:1], task=task)
    limits = Limits(primary_metric=TASKS[task].headline)
    found = compare(records, same, same, limits=limits)
    assert found["verdict"] == "inconclusive"
    assert {(metric["difference"], metric["p"]) for metric in found["metrics"]} == {(0.0, 1.0)}


def test_two_tasks_cannot_be_compared() -> None:
    records = examples()
    with pytest.raises(ComparisonError, match="tasks summarization and chat, expected one task on both sides"):
        compare(records, side(records, REFERENCES), side(records, REFERENCES, task="chat"))


def test_only_judging_metrics_have_wins_and_for_repetition_less_wins() -> None:
    records = examples(["a b c d"] * 8)
    baseline = side(records, ["x y z w x y z w x y z w"] * 8, model="gemini-3.1-flash-lite")
    entries = {each["name"]: each for each in compare(records, baseline, side(records, ["a b c d"] * 8))["metrics"]}
    assert (entries["repetition"]["wins"], entries["repetition"]["losses"]) == (8, 0)
    assert entries["repetition"]["difference"] < 0
    assert (entries["novelty"]["wins"], entries["chrf2"]["wins"]) == (None, None)


def test_a_figure_that_an_answer_cannot_have_leaves_it_out_of_that_metric_alone() -> None:
    records = examples()
    baseline = side(records, ["a", None, *["a"] * 4], outcomes={1: "blocked"}, model="gemini-3.1-flash-lite")
    entries = {each["name"]: each for each in compare(records, baseline, side(records, REFERENCES))["metrics"]}
    assert (entries["rougeL_f1"]["n"], entries["rougeL_f1"]["unscored"]) == (6, 0)
    assert (entries["novelty"]["n"], entries["novelty"]["unscored"]) == (5, 1)


def test_the_word_the_does_not_win_by_its_precision() -> None:
    references = [
        f"Put the {noun} on the table. Wait." for noun in ("pan", "pot", "cup", "jar", "tin", "bowl", "dish", "lid")
    ]
    records = examples(references)
    baseline = side(records, [f"Put a {noun} there. Wait now." for noun in "abcdefgh"], model="gemini-3.1-flash-lite")
    found = compare(records, baseline, side(records, ["the"] * 8))
    entries = {each["name"]: each for each in found["metrics"]}
    assert entries["rougeL_precision"]["candidate"] == 1.0 > entries["rougeL_precision"]["baseline"]
    assert found["verdict"] != "improved"


def test_each_side_says_what_it_would_score_by_chance() -> None:
    records = examples()
    found = compare(records, *worse_and_better(records))["sides"]["candidate"]
    assert set(found["chance"]) == {"rouge1_f1", "rouge2_f1", "rougeL_f1", "rougeLsum_f1"}
    assert found["chance"]["rougeL_f1"] < found["distributions"]["rougeL_f1"]["mean"]
    assert found["distributions"]["chrf2"]["n"] == 6
    assert (found["distributions"]["chrf2"]["mean"], found["distributions"]["chrf2"]["value"] > 50) == (None, True)
