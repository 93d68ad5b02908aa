"""`gemtune check`: what a run would say about data, without a run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import check
from scripts.screen import WIDTH
from tests.conftest import Emulator

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"


def row(prompt: str = "Water?", answer: str = "Every other day.") -> str:
    return json.dumps({"input_text": prompt, "output_text": answer})


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = check.main(list(arguments))
    return code, capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out = result(capsys, *arguments, "--json")
    return code, dict(json.loads(out))


def test_a_good_file_passes_and_is_all_training_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, str(SAMPLES / "howto/train.jsonl"))
    assert (code, found["passed"], found["problem"]) == (0, True, "")
    assert {split: account["used"] for split, account in found["ledger"].items()} == {"train": 200}
    assert found["sources"] == {str(SAMPLES / "howto/train.jsonl"): "messages"}
    assert found["tokens"]["train"]["method"] == "estimated offline"


def test_the_spec_of_the_quickstart_passes_with_every_split(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, str(SAMPLES / "quickstart.yaml"))
    assert code == 0
    assert {split: account["used"] for split, account in found["ledger"].items()} == {
        "train": 200,
        "validation": 20,
        "test": 80,
    }


def test_a_broken_row_fails_with_its_place_and_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [row(), row(answer=""), '{"input_text": "cut'])
    code, out = result(capsys, str(path))
    assert code == 3
    flat = "".join(out.split())
    assert "rows.jsonl:2" in flat and "rows.jsonl:3" in flat
    assert out.rstrip().endswith("failed: 2 findings")
    code, found = as_json(capsys, str(path))
    assert [finding["line"] for finding in found["findings"] if finding["action"] == "raised"] == [2, 3]
    assert sum(rule["count"] for rule in found["rules"] if rule["action"] == "raised") == 2
    assert sum(found["ledger"]["train"]["rejected"].values()) == 2


def test_rows_that_are_dropped_on_purpose_are_counted_and_pass(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write(tmp_path / "rows.jsonl", [row(), row(answer="")])
    code, found = as_json(capsys, str(path), "--set", "on_invalid=drop")
    assert (code, found["passed"], found["problem"]) == (0, True, "")
    assert [rule["action"] for rule in found["rules"] if rule["action"] != "warned"] == ["dropped"]
    code, out = result(capsys, str(path), "--set", "on_invalid=drop")
    assert code == 0 and "rows.jsonl:2" in "".join(out.split())
    assert out.rstrip().endswith("passed; a run goes on without the 1 example that it drops")


def test_a_file_of_which_nothing_is_left_fails_though_all_was_dropped_on_purpose(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write(tmp_path / "rows.jsonl", [row(answer=""), row(answer="")])
    code, found = as_json(capsys, str(path), "--set", "on_invalid=drop")
    assert code == 3 and found["problem"].startswith("train split: no example (2 read")


def test_what_is_dropped_does_not_hide_what_stops_a_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [row(f"Prompt {n}?", f"Answer {n}.") for n in range(30)]
    test = write(tmp_path / "test.jsonl", [rows[0], *(row(f"Test {n}?", "Yes.") for n in range(8))])
    train = write(tmp_path / "train.jsonl", [*rows, row("Empty?", "")])
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps({"name": "n", "train_data": str(train), "test_data": str(test), "on_invalid": "drop"}))
    code, found = as_json(capsys, str(spec))
    actions = {rule["rule"]: rule["action"] for rule in found["rules"] if rule["action"] != "warned"}
    assert code == 3 and sorted(actions.values()) == ["dropped", "raised"], actions
    assert found["problem"] == "1 finding"


def test_only_the_first_20_findings_are_given_of_a_rule_three_are_written_out_and_all_are_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write(tmp_path / "rows.jsonl", [row(), *[row(f"Water {n}?", "") for n in range(30)]])
    code, found = as_json(capsys, str(path))
    assert code == 3 and len(found["findings"]) == 20
    assert "30 findings" in found["problem"]
    out = result(capsys, str(path))[1]
    assert out.count("rows.jsonl:") == 3 and "… and 27 more" in out


def test_a_leak_between_the_splits_of_a_spec_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row(), row("Feed?", "Once a month.")])
    write(tmp_path / "test.jsonl", [row(), row("Repot?", "In spring.")])
    spec = write(tmp_path / "spec.yaml", ["name: plants", "train_data: train.jsonl", "test_data: test.jsonl"])
    code, found = as_json(capsys, str(spec), "--set", "validation_fraction=0")
    assert code == 3
    assert {rule["rule"] for rule in found["rules"] if rule["action"] == "raised"} == {"leak"}


def test_columns_become_prompts_by_a_template(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", ["body,output_text", "Water the plants.,Water."])
    code, found = as_json(capsys, str(path), "--set", "prompt_template='Sum up: {body}'")
    assert code == 0 and found["ledger"]["train"]["used"] == 1


def test_a_missing_file_and_a_wrong_key_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["nowhere.jsonl"]) == 2
    assert "nowhere.jsonl: there is no such file" in capsys.readouterr().err
    assert check.main([str(SAMPLES / "howto/train.jsonl"), "--set", "epochs=3"]) == 2
    assert "did you mean `epoch_count`?" in capsys.readouterr().err


def test_a_remote_source_needs_to_know_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["gs://bucket/train.jsonl"]) == 2
    assert "pass `--target vertex`" in capsys.readouterr().err


def test_a_remote_source_is_read_and_nothing_is_written(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gemtune.storage import Storage

    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", emulator.url.rpartition(":")[2])
    Storage(emulator.project).write_text(f"gs://{emulator.bucket}/a/rows.jsonl", row() + "\n")
    before = len(emulator.requests("storage.objects.insert"))
    code, found = as_json(capsys, f"gs://{emulator.bucket}/a/*.jsonl", "--target", "emulator")
    assert code == 0
    assert found["sources"] == {f"gs://{emulator.bucket}/a/rows.jsonl": "input_output"}
    assert len(emulator.requests("storage.objects.insert")) == before


def test_the_table_fits_80_columns_and_quoted_data_cannot_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = json.dumps({"contents": [{"role": "\x1b[31m" + "x" * 200, "parts": [{"text": "y" * 300}]}]})
    code, out = result(capsys, str(write(Path("rows.jsonl"), [hostile])))
    assert code == 3 and "\x1b" not in out
    # A long path stays whole, on a line of its own.
    assert all(len(line) <= WIDTH or line.startswith(str(tmp_path)) for line in out.splitlines())


def test_local_files_need_no_network_and_no_emulator(tmp_path: Path) -> None:
    blocked = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from scripts import check\n"
        "sys.exit(check.main(sys.argv[1:]))\n"
    )
    environment = {**os.environ, "GEMTUNE_STATE": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}
    ended = subprocess.run(
        [sys.executable, "-c", blocked, str(SAMPLES / "quickstart.yaml")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.iterdir())
