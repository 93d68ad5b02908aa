"""scripts.benchmark_rouge: the figures it claims, on fewer pairs."""

import json

import pytest

from gemtune.metrics.rouge import FastRouge, Overlap, Text
from scripts import benchmark_rouge


def test_it_says_how_fast_rouge_is_and_whether_it_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_rouge.main(["--json", "--pairs", "60"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pairs"] == 60
    assert found["identical"] is True
    assert found["ratio"] > 0


def test_its_texts_are_those_it_describes() -> None:
    pairs = benchmark_rouge.made_pairs(100)
    assert all(40 <= len(reference.split()) <= 100 and 40 <= len(answer.split()) <= 150 for reference, answer in pairs)
    assert 20 <= sum("\n" in reference for reference, _ in pairs) <= 80
    assert pairs == benchmark_rouge.made_pairs(100)


def test_one_figure_off_by_a_bit_is_not_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = benchmark_rouge.made_pairs(4)
    inner = FastRouge.score

    def wrong(self: FastRouge, *texts: Text) -> dict[str, Overlap]:
        found = inner(self, *texts)
        return {**found, "rougeL": found["rougeL"]._replace(f1=found["rougeL"].f1 + 2**-53)}

    monkeypatch.setattr(FastRouge, "score", wrong)
    assert benchmark_rouge.measure(pairs)["identical"] is False
