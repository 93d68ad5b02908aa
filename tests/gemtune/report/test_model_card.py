"""gemtune.report.model_card: one page of Markdown that nobody's text can break out of."""

from dataclasses import replace
from typing import Any

from gemtune.report.model_card import render
from tests.gemtune.made_run import LIMITS, TUNING, compare, examples, side, worse_and_better


def card(**changes: Any) -> str:
    records = examples()
    return render(compare(records, *worse_and_better(records), **changes))


def test_it_opens_with_name_verdict_and_decision() -> None:
    lines = card().splitlines()
    assert lines[0] == "# rice"
    assert lines[2].startswith("**Improved**: ROUGE-L F1 rises by ")
    assert lines[2].endswith("Decision: **promote**.")


def test_it_names_models_data_metrics_and_cost() -> None:
    text = card()
    assert f"| Tuning job | {TUNING['tuning_job']} |" in text
    assert "| train | 10 | 8 | 0 | 2 |" in text
    assert "| ROUGE-Lsum recall | " in text
    assert "at the catalogue's prices." in text


def test_it_says_which_checkpoint_sources_guards_and_outcomes_stand_behind_the_figures() -> None:
    records = examples()
    sources = {"gs://b/raw.csv": "csv", "train": {"read": 1, "used": 1, "sampled_out": 0, "rejected": {}}}
    sources = {"train": sources.pop("train"), "sources": sources}
    answers = [record["reference"] for record in records]
    lost = side(records, [None, *answers[1:]], outcomes={0: "blocked"})
    limits = replace(LIMITS, guard_metrics={"rouge2_f1": -0.01})
    text = render(
        compare(
            records,
            lost,
            side(records, answers),
            ledger=sources,
            limits=limits,
            tuning={**TUNING, "dropped_example_count": 2},
        )
        | {"fairness": [{"problems": ["baseline: cut off"]}]}
    )
    assert "| Checkpoint | 1, epoch 1: the last one |" in text
    assert "| Task | summarization |" in text
    assert "- gs://b/raw.csv (csv)" in text
    assert "- 2 of 500 training examples, too long or truncated" in text
    assert "- ROUGE-2 F1 not kept: " in text or "- ROUGE-2 F1 kept: " in text
    assert "- baseline: cut off" in text
    assert "| answered | 5 | 6 |\n| blocked | 1 | 0 |" in text


def test_a_comparison_of_two_models_without_tuning_has_a_card_too() -> None:
    text = card(tuning={}, selection={})
    assert "| Checkpoint |" not in text and "## Evaluation" in text


def test_an_unknown_price_is_said() -> None:
    text = card(tuning={**TUNING, "base_model": "gemini-99"})
    assert "unknown at the catalogue's prices (no price is known for tuning, candidate; the rest comes to $0.0" in text


def test_foreign_names_stay_text() -> None:
    hostile = "a|b\n# <script>alert(1)</script> [x](javascript:alert(1)) \u202e"
    text = card(spec={"name": hostile, "base_model": hostile, "note": "```\n<script>"})
    outside, block, _ = text.rpartition("## Reproduce")
    assert "<script" not in outside.replace("\\<script", "")
    assert "](javascript" not in outside.replace("\\](javascript", "").replace("\\]", "")
    assert "\u202e" not in outside
    assert block
    assert text.splitlines()[0].startswith("# a\\|b \\# \\<script")
    fence = text.rstrip().splitlines()[-1]
    assert set(fence) == {"`"} and text.count(f"\n{fence}\n") <= 1 and f"\n{fence}json\n" in text
