"""gemtune.comparison.fairness: what makes a comparison invalid, and what it says to change."""

from typing import Any

import pytest

from gemtune.comparison.decision import Limits
from gemtune.comparison.sides import Side
from tests.gemtune.comparison.test_schema import SETTINGS
from tests.gemtune.made_run import ENDPOINT, compare, examples, side

BASE = "gemini-3.1-flash-lite"
RECORDS = examples([f"reference number {n}" for n in range(100)])
TASK, LIMITS = "extractive_qa", Limits(primary_metric="token_f1")  # of all tasks the one with the fewest metrics
NAMES = ["examples", "prompts", "settings", "thinking", "scoring"]
NAMES += ["truncated", "blocked", "empty", "unscored", "model_version", "contamination"]
Changes = dict[str, Any]


def answering(count: int = 0, outcome: str = "answered", text: str | None = None, **known: Any) -> Side:
    """Return a side whose first answers have another outcome."""
    answers = [text] * count + [f"{record['reference']} and" for record in RECORDS[count:]]
    return side(
        RECORDS, answers, outcomes=dict.fromkeys(range(count), outcome), **{"model": BASE, "task": TASK, **known}
    )


def judge(baseline: Side, candidate: Side | None = None, **changes: Any) -> tuple[dict[str, dict[str, Any]], Changes]:
    """Return the guards by name, and the comparison."""
    found = compare(RECORDS, baseline, candidate or answering(), **{"limits": LIMITS, **changes})
    return {guard["name"]: guard for guard in found["fairness"]}, found


def failed(guards: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, guard in guards.items() if not guard["passed"]]


def test_a_fair_comparison_passes_every_guard_and_shows_both_sides() -> None:
    known: Changes = {"settings": SETTINGS, "prompts": "c" * 64}
    ledger: Changes = {
        "train": {"read": 9, "used": 9, "sampled_out": 0, "rejected": {}},
        "near_duplicates": {"test": {"found": 5, "searched": 100}},
    }
    guards, found = judge(
        answering(**known), answering(model=ENDPOINT, **known), digests={"test": "c" * 64}, ledger=ledger
    )
    assert list(guards) == NAMES
    assert failed(guards) == [] and found["verdict"] == "inconclusive"
    assert found["ledger"].keys() == {"train"}
    for guard in guards.values():
        assert guard["baseline"] is not None and guard["baseline"] == guard["candidate"]
    assert guards["settings"]["baseline"].startswith(
        "max_output_tokens 1024, safety_threshold BLOCK_ONLY_HIGH, seed left"
    )


@pytest.mark.parametrize(
    ("outcome", "text", "name", "reason"),
    [
        (
            "truncated",
            "ref",
            "truncated",
            "6 of 100 answers (6.0%) were cut off by the token limit, expected at most 5.0%",
        ),
        (
            "truncated",
            None,
            "truncated",
            "6 of 100 answers (6.0%) were cut off by the token limit, expected at most 5.0%",
        ),
        ("blocked", None, "blocked", "6 of 100 answers (6.0%) were blocked, expected at most 5.0% (max_blocked_share)"),
        ("empty", None, "empty", "6 of 100 answers (6.0%) are empty, expected at most 5.0% (max_blocked_share)"),
        ("answered", " \n", "empty", "6 of 100 answers (6.0%) are empty, expected at most 5.0% (max_blocked_share)"),
        ("rejected", None, "unscored", "6 of 100 answers (6.0%) have no score, expected at most 2.0%"),
        ("failed", None, "unscored", "6 of 100 answers (6.0%) have no score, expected at most 2.0%"),
    ],
)
@pytest.mark.parametrize("is_baseline", [True, False])
def test_a_share_over_its_limit_is_invalid(
    outcome: str, text: str | None, name: str, reason: str, is_baseline: bool
) -> None:
    sides = [answering(6, outcome, text), answering()]
    guards, found = judge(*(sides if is_baseline else sides[::-1]))
    assert (found["verdict"], found["decision"], failed(guards)) == ("invalid", "hold", [name])
    shares = [guards[name]["baseline"], guards[name]["candidate"]]
    assert shares == ([0.06, 0.0] if is_baseline else [0.0, 0.06])
    (said,) = found["reasons"]
    assert said.startswith(f"{'baseline' if is_baseline else 'candidate'}: {reason}")
    assert said.count(": ") == 2  # where, what, and what to change


def test_a_share_at_its_limit_is_fair() -> None:
    guards, _ = judge(answering(5, "truncated", "ref"), answering(2, "failed"))
    assert failed(guards) == []
    assert (guards["truncated"]["baseline"], guards["unscored"]["candidate"]) == (0.05, 0.02)


def test_a_reference_that_nothing_can_be_scored_against_is_told_from_an_answer_that_failed() -> None:
    records = examples([".", "!!", "?", *["some word"] * 17])
    answers = side(records, ["some word"] * 20, model=BASE, task=TASK)
    found = compare(records, answers, answers, limits=LIMITS)
    assert found["verdict"] == "invalid"
    assert "3 of 20 answers (15.0%) have no score" in found["reasons"][0]
    assert found["reasons"][0].endswith("read their causes in scores.jsonl, and correct their references")
    assert judge(answering(6, "failed"))[1]["reasons"][0].endswith(
        "read their errors in predictions.jsonl and run again"
    )


def test_another_setting_on_one_side_is_invalid() -> None:
    other = answering(settings={**SETTINGS, "max_output_tokens": 2048.0})
    guards, found = judge(answering(settings=SETTINGS), other)
    assert failed(guards) == ["settings"] and found["verdict"] == "invalid"
    expected = "settings: max_output_tokens is 1024 for the baseline and 2048 for the candidate, expected the same"
    assert found["reasons"][0].startswith(expected)


def test_a_setting_that_one_model_does_not_take_is_invalid_and_can_be_left_to_both() -> None:
    untaken = answering(settings={**SETTINGS, "temperature": -1})
    guards, found = judge(answering(settings=SETTINGS), untaken)
    assert failed(guards) == ["settings"]
    assert "temperature is 0.1 for the baseline and left to the service for the candidate" in found["reasons"][0]
    assert "set temperature to -1" in found["reasons"][0]
    assert failed(judge(untaken, untaken)[0]) == []


def test_numbers_that_come_back_as_floats_are_the_same_settings() -> None:
    as_floats = {name: float(value) if isinstance(value, int) else value for name, value in SETTINGS.items()}
    assert failed(judge(answering(settings=SETTINGS), answering(settings=as_floats))[0]) == []


def test_settings_that_are_not_known_are_not_held_against_a_side() -> None:
    guards, _ = judge(answering(), answering(settings=SETTINGS))
    assert guards["settings"]["passed"] and guards["settings"]["baseline"] is None


def test_another_thinking_policy_is_invalid() -> None:
    guards, found = judge(answering(settings=SETTINGS), answering(settings={**SETTINGS, "thinking": "high"}))
    assert failed(guards) == ["thinking"]
    assert found["reasons"] == [
        "thinking: minimal for the baseline and high for the candidate: set thinking to minimal, or to one level or "
        "budget for both"
    ]


def test_models_whose_defaults_think_and_do_not_think_are_invalid() -> None:
    settings = {**SETTINGS, "thinking": "default"}
    thinks, other = answering(settings=settings), answering(settings=settings)
    silent = other._replace(predictions=[{**each, "thinking_tokens": 0} for each in other.predictions])
    guards, found = judge(thinks, silent)
    assert failed(guards) == ["thinking"]
    assert "100 thinking tokens for the baseline and 0 for the candidate" in found["reasons"][0]
    assert failed(judge(thinks, thinks)[0]) == failed(judge(silent, silent)[0]) == []


def test_answers_to_another_file_of_prompts_are_invalid() -> None:
    guards, found = judge(answering(prompts="a" * 64), answering(prompts="b" * 64))
    assert failed(guards) == ["prompts"]
    assert "the sides answered aaaaaaaaaaaa and bbbbbbbbbbbb" in found["reasons"][0]
    both = answering(prompts="a" * 64)
    assert failed(judge(both, both, digests={"test": "c" * 64})[0]) == ["prompts"]


def test_different_signatures_are_invalid() -> None:
    guards, found = judge(answering(), answering()._replace(signature="tok:other"))
    assert failed(guards) == ["scoring"]
    assert "and tok:other, expected one: score both sides with one rouge_profile" in found["reasons"][0]


def test_a_missing_a_surplus_and_a_repeated_record_are_invalid_and_named() -> None:
    whole = answering()
    lost = whole._replace(scores=whole.scores[1:], predictions=whole.predictions[1:])
    guards, found = judge(whole, lost)
    assert failed(guards) == ["examples"]
    assert (guards["examples"]["baseline"], guards["examples"]["candidate"]) == ("100 of 100", "99 of 100")
    assert found["reasons"][0].startswith(
        "1 of 100 examples missing from candidate predictions, candidate scores (e000), expected one record of each"
    )
    assert found["sides"]["candidate"]["outcomes"] == {"answered": 99, "failed": 1}
    assert (found["metrics"][0]["n"], found["metrics"][0]["unscored"]) == (99, 1)

    stranger = {**whole.scores[0], "id": "e999"}
    found = judge(whole._replace(scores=[*whole.scores, stranger, whole.scores[5]]))[1]
    assert found["verdict"] == "invalid"
    assert [reason.split(",")[0] for reason in found["reasons"]] == [
        "1 of 100 examples surplus in baseline scores (e999)",
        "1 of 100 examples repeated in baseline scores (e005)",
    ]


@pytest.mark.parametrize("version", [BASE, f"{BASE}-001", f"{BASE}@default", f"google/{BASE}", f"{BASE}-preview-06-17"])
def test_a_version_of_the_model_that_was_asked_is_what_was_asked(version: str) -> None:
    assert failed(judge(answering(version=version))[0]) == []


def test_the_emulators_version_is_what_was_asked_if_it_answers_on_both_sides() -> None:
    emulated = answering(version=f"{BASE}-emulator")
    assert failed(judge(emulated, emulated)[0]) == []
    guards, found = judge(emulated, answering())
    assert failed(guards) == ["model_version"]
    assert "the emulator answered one part and Gemini the other" in found["reasons"][0]


def test_a_model_that_was_not_asked_is_invalid() -> None:
    rerouted = answering(model="gemini-2.5-flash", version="gemini-2.5-flash-lite")
    guards, found = judge(rerouted)
    assert failed(guards) == ["model_version"]
    expected = "baseline: the served model version is gemini-2.5-flash-lite, asked was gemini-2.5-flash: name a model"
    assert found["reasons"][0].startswith(expected)
    assert failed(judge(answering(), answering(model=ENDPOINT, version="gemini-3.5-flash"))[0]) == ["model_version"]


def test_a_tuned_model_is_held_to_its_own_base_model_and_not_to_the_runs() -> None:
    older = answering(model=ENDPOINT, version="gemini-2.5-flash", base_model="gemini-2.5-flash")
    assert failed(judge(older)[0]) == []


def test_a_version_that_a_tuned_endpoint_makes_up_is_not_judged() -> None:
    made_up = answering(model=ENDPOINT, version="projects/1/locations/us/models/77@1")
    assert failed(judge(answering(), made_up)[0]) == []


def test_two_versions_on_one_side_are_invalid_and_two_names_of_one_are_not() -> None:
    whole = answering()

    def second(version: str) -> Side:
        return whole._replace(predictions=[{**whole.predictions[0], "model_version": version}, *whole.predictions[1:]])

    guards, found = judge(second(f"{BASE}-002"))
    assert failed(guards) == ["model_version"]
    assert f"several model versions answered, {BASE}, {BASE}-002" in found["reasons"][0]
    assert failed(judge(second(f"{BASE}@default"))[0]) == []


@pytest.mark.parametrize(("found", "verdict"), [(5, "inconclusive"), (6, "invalid")])
def test_a_test_split_that_is_nearly_trained_on_is_invalid(found: int, verdict: str) -> None:
    ledger: Changes = {
        "train": {"read": 9, "used": 9, "sampled_out": 0, "rejected": {}},
        "near_duplicates": {"test": {"found": found, "searched": 100}},
    }
    tuned = answering(model=ENDPOINT)
    guards, document = judge(answering(), tuned, ledger=ledger)
    assert document["verdict"] == verdict
    assert guards["contamination"]["candidate"] == found / 100
    if verdict == "invalid":
        assert "6 of 100 test examples (6.0%) are nearly equal to a training example" in document["reasons"][0]
        assert "findings.jsonl" in document["reasons"][0]
    assert judge(answering(), answering(), ledger=ledger)[0]["contamination"]["candidate"] is None  # nobody was tuned
    ledger["train"]["used"] = 0
    assert judge(answering(), tuned, ledger=ledger)[0]["contamination"]["candidate"] is None
