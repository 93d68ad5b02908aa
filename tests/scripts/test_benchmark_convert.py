"""scripts.benchmark_convert: the figures it claims, on a small file."""

import json
import sys
from pathlib import Path

import pytest

from scripts import benchmark_convert


def test_it_says_how_fast_and_how_small_the_conversion_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_convert.main(["--json", "--megabytes", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lines"] > 100
    assert all(found[key] > 0 for key in ("conversion_ratio", "checked_ratio", "near_duplicate_seconds"))
    measured = found.get("peak_rss_mb")
    assert (measured is None) == (sys.platform != "linux")
    assert measured is None or 5 < measured < 60


def test_all_sides_write_the_same_examples(tmp_path: Path) -> None:
    source, one, other = (tmp_path / name for name in ("source.jsonl", "one.jsonl", "other.jsonl"))
    lines = benchmark_convert.write_chat(source, 0.1, 0)
    benchmark_convert.codelab(source, one)
    benchmark_convert.convert(source, other)
    examples = [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in (one, other)]
    assert examples[0] == examples[1]
    assert len(examples[0]) == lines


def test_the_memory_is_that_of_a_whole_data_conversion(tmp_path: Path) -> None:
    source = tmp_path / "source.jsonl"
    lines = benchmark_convert.write_chat(source, 0.1, 0)
    ledger = benchmark_convert.convert_whole(source)
    splits = [ledger[split] for split in ("train", "validation", "test")]
    assert sum(split["read"] for split in splits) == lines
    assert all(split["used"] for split in splits)
