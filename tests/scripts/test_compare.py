import json
from pathlib import Path
from typing import Any

import pytest

from tests.gemtune.made_run import LIMITS, compare, examples, side, worse_and_better
from tests.scripts.conftest import CommandLine

RECORDS = examples()
DIGESTS = {"test": "3f2a91c0" * 8}


@pytest.fixture
def here(gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(gemtune.folder)
    keep("run-1")
    keep("run-2", candidate_is_baseline=True)
    return gemtune


def keep(run: str, *, candidate_is_baseline: bool = False, **changes: Any) -> None:
    """Let a run have been fetched."""
    baseline, candidate = worse_and_better(RECORDS)
    job = f"projects/1/locations/us-central1/pipelineJobs/{run}"
    second = baseline if candidate_is_baseline else candidate
    folder = Path("runs") / run
    folder.mkdir(parents=True, exist_ok=True)
    document = compare(RECORDS, baseline, second, **{"job": job, "digests": DIGESTS, **changes})
    (folder / "comparison.json").write_text(json.dumps(document))
    for file in ("report.html", "model_card.md"):
        (folder / file).write_text("")


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of the table by the name of their row."""
    table = text.split("\n\n")[1].splitlines()
    at = [table[0].index(" A"), table[0].index(" B")]
    return {line[: at[0]].strip(): [line[at[0] : at[1]].strip(), line[at[1] :].strip()] for line in table[1:]}


def test_two_runs_stand_side_by_side_in_80_columns(here: CommandLine) -> None:
    ended = here("compare", "run-1", "run-2")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("A  run-1\nB  run-2\n")
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    found = rows(ended.out)
    assert found["verdict"] == ["improved", "inconclusive"] and found["decision"] == ["promote", "hold"]
    assert found["metric"] == ["rougeL_f1", "rougeL_f1"]
    assert found["difference"][1] == "+0.0000" and found["95 % interval"][1] == "+0.0000 to +0.0000"
    assert found["candidate model"] == ["endpoints/222", "gemini-3.1-flash-lite"]
    assert found["cost, USD"][0] != "-" and found["test set"] == ["3f2a91c03f2a"] * 2
    assert "Both were judged on the same test set by the same metric" in ended.out


def test_figures_of_different_test_sets_do_not_compare(here: CommandLine) -> None:
    keep("run-2", digests={"test": "9d" * 32})
    said = " ".join(here("compare", "run-1", "run-2").out.split())
    assert "The figures do not compare: the test sets differ (3f2a91c03f2a and 9d9d9d9d9d9d)." in said


def test_unknown_test_sets_and_other_ways_of_scoring_do_not_compare_either(here: CommandLine) -> None:
    keep("run-1", digests={})
    second = side(RECORDS, ["something"] * len(RECORDS))._replace(signature="another")
    document = compare(RECORDS, second, second, digests={})
    Path("runs/run-2/comparison.json").write_text(json.dumps(document))
    said = " ".join(here("compare", "run-1", "run-2").out.split())
    assert "the test sets differ (unknown and unknown); the metrics were computed in different ways" in said


def test_a_guard_has_a_row_where_one_of_both_has_it(here: CommandLine) -> None:
    from dataclasses import replace

    keep("run-2", limits=replace(LIMITS, guard_metrics={"rouge1_f1": -0.01, "rouge2_f1": 0.0}))
    found = rows(here("compare", "run-1", "run-2").out)
    assert found["guard rouge1_f1"] == ["-", "passed"]


def test_programs_read_it_as_json(here: CommandLine) -> None:
    found = json.loads(here("compare", "run-1", "run-2", "--json").out)
    assert [run["verdict"] for run in found["runs"]] == ["improved", "inconclusive"]
    assert found["runs"][1]["metric"]["difference"] == 0.0 and found["differences"] == []


def test_a_run_that_was_not_fetched_needs_a_spec(here: CommandLine) -> None:
    ended = here("compare", "run-1", "run-9")
    assert (ended.code, ended.out) == (2, "") and "run-9: not in runs/" in ended.err


def test_the_spec_comes_first_and_options_anywhere(here: CommandLine) -> None:
    spec = here.spec()
    for words in (["run-1", "run-9", "--json"], [spec, "run-1", "--json", "run-9"], ["--json", spec, "run-9", "run-1"]):
        ended = here("compare", *words)
        missing = "pipelineJobs/run-9: found no such run" if spec in words else "run-9: not in runs/"
        assert (ended.code, missing in ended.err) == (2, True), ended.err
    assert json.loads(here("compare", spec, "run-1", "run-2", "--json").out)["differences"] == []
