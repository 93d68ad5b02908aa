"""`gemtune plan`: what a run would use, create and cost, with nothing paid and nothing written."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import plan, run
from scripts.screen import WIDTH
from tests.conftest import Emulator

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "samples/quickstart.yaml")


@pytest.fixture(autouse=True)
def running(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    """Let the verb find this test's emulator."""
    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", emulator.url.rpartition(":")[2])
    monkeypatch.setenv("GEMTUNE_STATE", str(tmp_path / "state"))
    return emulator


def planned(capsys: pytest.CaptureFixture[str], *arguments: str, spec: str = QUICKSTART) -> tuple[int, dict[str, Any]]:
    code = plan.main([spec, "--target", "emulator", "--json", *arguments])
    return code, dict(json.loads(capsys.readouterr().out))


def test_it_counts_tokens_and_does_nothing_else(running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys)
    assert code == 0
    assert found["ledger"]["train"]["used"] == 200
    assert found["cost"]["tokens"]["train"]["method"] == "counted"
    methods = {request["method"] for request in running.requests()}
    assert "publishers.models.countTokens" in methods
    assert methods <= {"publishers.models.countTokens", "storage.objects.get", "storage.buckets.get"}
    verbs = ("insert", "create", "generateContent", "delete", "patch", "rewrite", "compose")
    assert not [method for method in methods if method.endswith(verbs)]


def test_what_the_run_creates_and_where_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = planned(capsys)
    assert found["locations"] == {
        "pipeline": "us-central1",
        "tuning": "us-central1",
        "base model": "global",
        "tuned model": "us",
    }
    made = {each["kind"]: (each["count"], each["where"]) for each in found["resources"]}
    assert made["tuning job"] == (1, "us-central1")
    assert made["endpoint"] == (4, "us")
    assert made["objects"] == (0, "gemtune-local")


@pytest.mark.parametrize(("keys", "endpoints"), [("epoch_count=20", 10), ("export_last_checkpoint_only=true", 1)])
def test_every_checkpoint_has_an_endpoint(capsys: pytest.CaptureFixture[str], keys: str, endpoints: int) -> None:
    _, found = planned(capsys, "--set", keys)
    assert next(each["count"] for each in found["resources"] if each["kind"] == "endpoint") == endpoints


def test_over_the_cap_the_answer_is_no(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys, "--set", "max_cost_usd=0.5")
    assert code == 3
    (problem,) = found["problems"]
    assert "estimated cost: 0.80" in problem and "expected at most 0.5000 USD (max_cost_usd)" in problem
    assert planned(capsys, "--set", "max_cost_usd=5")[0] == 0


def test_a_cap_with_an_unknown_term_names_the_term(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys, "--set", "max_cost_usd=100", "--set", "epoch_count=0")
    assert code == 3
    assert found["cost"]["total"] is None
    assert "tuning (epoch_count is 0: the service chooses" in found["problems"][0]


def test_what_the_service_does_not_count_is_estimated(running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    running.fail("publishers.models.countTokens", times=1000, code=403)
    code, found = planned(capsys)
    assert code == 0
    assert found["cost"]["tokens"]["train"]["method"] == "estimated offline"
    tuning = found["cost"]["ranges"]["tuning"]
    assert tuning[0] < found["cost"]["tuning"] < tuning[1]


def test_a_retired_model_warns_and_an_adapter_it_does_not_take_stops(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = planned(capsys, "--set", "base_model=gemini-2.5-pro", "--set", "adapter_size=16")
    assert code == 3
    assert any("retired on 2026-10-20" in warning for warning in found["warnings"])
    assert any("adapter_size: 16" in problem for problem in found["problems"])


def test_data_that_would_stop_the_run_stops_the_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"input_text": "Water?", "output_text": ""}\n')
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: bad\ntrain_data: rows.jsonl\n")
    code, found = planned(capsys, spec=str(spec))
    assert code == 3
    assert "data: " in found["problems"][0] and "rows.jsonl:1" in found["problems"][0]


def test_the_price_of_a_tuned_baseline_that_is_not_there_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = "projects/gemtune-local/locations/us/endpoints/1"
    code, found = planned(capsys, "--set", f"baseline_model={endpoint}")
    assert code == 0
    assert found["cost"]["unknown"] == ["baseline"]


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main([QUICKSTART, "--target", "emulator"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= WIDTH for line in out.splitlines())
    assert "tuning            0.5189" in out
    assert out.rstrip().endswith("ready: nothing above would stop the run")


def test_without_a_target_nothing_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main([QUICKSTART]) == 2
    assert "submission.target: found nothing" in capsys.readouterr().err


def test_public_objects_are_read_from_their_local_copies_and_missing_ones_are_listed(
    running: Emulator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: public\ntrain_data: gs://public/rows.jsonl\nmax_test_examples: 5\n")
    assert plan.main([str(spec), "--target", "emulator"]) == 2
    copy = tmp_path / "state/gs/public/rows.jsonl"
    assert str(copy) in capsys.readouterr().err
    copy.parent.mkdir(parents=True)
    copy.write_bytes((ROOT / "samples/howto/train.jsonl").read_bytes())
    code, found = planned(capsys, spec=str(spec))
    assert code == 0 and found["ledger"]["test"]["used"] == 5
    assert not running.requests("storage.objects.insert") and not running.requests("storage.buckets.insert")


def test_a_sweep_has_its_whole_cost_in_the_plan(running: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    alone = [planned(capsys, "--set", f"epoch_count={epochs}")[1]["cost"] for epochs in (2, 4)]
    before = len(running.requests("publishers.models.countTokens"))
    code, found = planned(capsys, "--set", "epoch_count=2,4")
    assert code == 0
    assert [each["run"] for each in found["runs"]] == ["epoch_count=2", "epoch_count=4"]
    for name in ("total", "low", "high"):
        assert [each[name] for each in found["runs"]] == pytest.approx([each[name] for each in alone])
        assert found[name] == pytest.approx(sum(each[name] for each in alone))
    assert len(running.requests("publishers.models.countTokens")) - before == before / 2, "equal data is counted once"


def test_a_sweep_whose_specs_have_promoted_nothing_is_priced_with_the_base_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, found = planned(capsys, "--set", "epoch_count=2,4", "--set", "baseline_model=promoted")
    _, without = planned(capsys, "--set", "epoch_count=2,4")
    assert found["total"] == pytest.approx(without["total"])


def test_a_run_of_a_sweep_that_is_over_its_own_cap_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [QUICKSTART, "--target", "emulator", "--set", "epoch_count=2,40", "--set", "max_cost_usd=2"]
    assert plan.main(arguments) == 3
    shown = capsys.readouterr().out
    assert "stops at its max_cost_usd: epoch_count=40" in shown
    assert "all 2 runs" in shown and max(map(len, shown.splitlines())) <= WIDTH


def test_an_unknown_term_of_one_run_leaves_the_sum_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = planned(capsys, "--set", "epoch_count=0,4")
    assert (found["total"], found["unknown"]) == (None, ["tuning"])
    assert found["known"] > found["runs"][1]["known"]


def test_a_sweep_whose_data_would_stop_a_run_starts_none(
    running: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"messages": []}\n')
    spec = tmp_path / "bad.yaml"
    spec.write_text("name: bad\ntrain_data: bad.jsonl\n")
    assert run.main([str(spec), "--target", "emulator", "--set", "epoch_count=2,4"]) == 2
    assert "bad.jsonl:1: an empty list, expected a list with content" in capsys.readouterr().err
    assert running.requests("pipelineJobs.create") == []


def test_too_few_test_examples_are_said_before_anything_is_paid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (ROOT / "samples/howto/train.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text("".join(lines[:20]))
    (tmp_path / "test.jsonl").write_text("".join(lines[20:24]))
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: few\ntrain_data: train.jsonl\ntest_data: test.jsonl\nepoch_count: 1\n")
    code, found = planned(capsys, spec=str(spec))
    assert code == 3
    assert found["problems"][0].startswith("data: test split: 4 examples, expected at least 6")
    assert planned(capsys, "--set", "max_test_examples=4", spec=str(spec))[0] == 0
