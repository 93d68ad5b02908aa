"""Long journeys through the command line, one emulator for all: what is paid, what is learned, how it fails."""

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import ROOT, SAMPLES, Terminal

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with Terminal(tmp_path_factory.mktemp("terminal")) as terminal:
        yield terminal


def primary(comparison: dict[str, Any]) -> dict[str, Any]:
    return dict(next(each for each in comparison["metrics"] if each["name"] == comparison["primary_metric"]))


def test_equal_bytes_are_not_paid_for_twice_and_true_summaries_teach_more_than_shuffled_ones(
    terminal: Terminal,
) -> None:
    first = terminal.gemtune("run", terminal.spec("first"))
    assert first.returncode == 0, first.stderr
    true, after_first = primary(terminal.comparison()), terminal.paid()
    assert after_first == (1, 160)

    copy = terminal.folder / "the-same-bytes.jsonl"
    copy.write_bytes((SAMPLES / "train.jsonl").read_bytes())
    second = terminal.gemtune("run", terminal.spec("second", train_data=str(copy)))
    assert second.returncode == 0, second.stderr
    assert terminal.paid() == after_first
    assert primary(terminal.comparison()) == true

    rows = [json.loads(line) for line in copy.read_text(encoding="utf-8").splitlines()]
    summaries = [row["messages"][1] for row in rows]
    random.Random(0).shuffle(summaries)
    shuffled = terminal.folder / "shuffled.jsonl"
    lines = [
        json.dumps({"messages": [row["messages"][0], answer]}) for row, answer in zip(rows, summaries, strict=True)
    ]
    shuffled.write_text("\n".join(lines), encoding="utf-8")
    third = terminal.gemtune("run", terminal.spec("third", train_data=str(shuffled)))
    assert third.returncode == 0, third.stderr
    wrong = primary(terminal.comparison())
    assert terminal.paid() == (2, 240), "changed bytes: one more tuning job, and only the tuned model is asked again"
    print(f"true {true['difference']:+.4f} [{true['low']:+.4f}, {true['high']:+.4f}]")
    print(f"shuffled {wrong['difference']:+.4f} [{wrong['low']:+.4f}, {wrong['high']:+.4f}]")
    assert 0 < wrong["difference"] < true["low"]


def test_changed_bytes_at_the_same_uri_are_tuned_anew(terminal: Terminal) -> None:
    lines = (SAMPLES / "train.jsonl").read_bytes().splitlines(keepends=True)
    spec = terminal.spec("same-uri", train_data=terminal.upload("changing.jsonl", b"".join(lines[:150])), epoch_count=1)
    first = terminal.gemtune("run", spec)
    assert first.returncode == 0, first.stderr
    before = terminal.paid()
    terminal.upload("changing.jsonl", b"".join(lines[:149]))
    second = terminal.gemtune("run", spec)
    assert second.returncode == 0, second.stderr
    assert terminal.paid() == (before[0] + 1, before[1] + 80), "one more tuning job, and only its model is asked"


def test_a_row_that_the_service_would_refuse_ends_the_run_with_its_line(terminal: Terminal) -> None:
    content = b"input_text,output_text\nHow do I?,Do it.\nA question,\n"
    remote = terminal.gemtune("run", terminal.spec("bad", test_data=terminal.upload("bad.csv", content)))
    assert remote.returncode == 1 and not remote.stdout
    assert "Data conversion: " in remote.stderr and "gs://gemtune-local/bad.csv:3" in remote.stderr
    bad = terminal.folder / "bad.csv"
    bad.write_bytes(content)
    local = terminal.gemtune("run", terminal.spec("bad", test_data=str(bad)))
    assert local.returncode == 2 and not local.stdout, "before anything is submitted"
    assert f"{bad}:3" in local.stderr and "\njob " not in local.stderr
    assert "Traceback" not in remote.stderr + local.stderr


def test_an_unreadable_bucket_is_named(terminal: Terminal) -> None:
    terminal.post("/emulator/faults", {"method": "storage.objects.list", "times": 9, "code": 403})
    terminal.post("/emulator/faults", {"method": "storage.objects.get", "times": 9, "code": 403})
    ended = terminal.gemtune("run", terminal.spec("unreadable"))
    terminal.delete("/emulator/faults")
    assert ended.returncode == 1 and not ended.stdout
    assert "gs://gemtune-local/" in ended.stderr and "Traceback" not in ended.stderr


def test_public_objects_that_the_emulator_cannot_reach_are_listed_with_where_to_put_them(terminal: Terminal) -> None:
    ended = terminal.gemtune("run", str(ROOT / "samples/wikilingua.yaml"), "--target", "emulator")
    assert ended.returncode == 2
    for file in ("sft_train_samples.jsonl", "sft_val_samples.jsonl", "sft_test_samples.csv"):
        assert f"state/gs/github-repo/generative-ai/gemini/tuning/summarization/wikilingua/{file}" in ended.stderr


@pytest.mark.parametrize("moment", ["target", "submit", "job", "  Stage sources"])
def test_an_emulator_that_is_killed_ends_the_run_with_one_message(tmp_path: Path, moment: str) -> None:
    terminal = Terminal(tmp_path)
    process = terminal.open("run", terminal.spec("killed"))
    read_to(process, moment)
    terminal.emulator.kill()
    terminal.emulator.communicate()
    out, err = process.communicate(timeout=100)
    assert process.returncode == 1 and not out
    assert err.splitlines()[-1].startswith(
        f"http://127.0.0.1:{terminal.port}: the service does not answer, the emulator has stopped: "
    )
    assert "Traceback" not in err and "credentials" not in err


def read_to(process: "subprocess.Popen[str]", start: str) -> None:
    """Wait for a line of progress that starts so."""
    assert process.stderr
    while line := process.stderr.readline():
        if line.startswith(start):
            return
    raise AssertionError(f"no line starts with {start!r}")


def test_an_interrupted_run_says_what_goes_on(terminal: Terminal) -> None:
    spec = terminal.spec("interrupted")
    process = terminal.open("run", spec)
    read_to(process, "job")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    *_, said, command = err.splitlines()
    assert "goes on running" in said and "Traceback" not in err
    assert command.startswith(f"$ gemtune runs cancel {spec} gemini-tuning-")
    cancelled = terminal.gemtune(*command.split()[2:])
    assert cancelled.returncode == 0, cancelled.stderr
    assert terminal.runs(spec)[0]["state"] == "PIPELINE_STATE_CANCELLED"


def test_an_interrupted_submission_says_how_to_find_out_what_was_submitted(terminal: Terminal) -> None:
    spec = terminal.spec("interrupted-early")
    process = terminal.open("submit", spec)
    read_to(process, "submit")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and not out
    assert err.splitlines()[-1] == f"$ gemtune runs list {spec} --target emulator"
    assert "Traceback" not in err
