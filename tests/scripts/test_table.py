"""Tables on stdout: 80 columns, nothing left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtune.tuning.sweep import sweep_row
from scripts.screen import WIDTH
from scripts.table import duration, print_table, split_columns
from tests.gemtune.made_run import compare, examples, worse_and_better


def printed(capsys: pytest.CaptureFixture[str], rows: list[dict[str, str]]) -> list[str]:
    print_table(rows)
    return capsys.readouterr().out.splitlines()


def test_a_table_that_fits_has_one_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"run": "tuning-1", "state": "failed"}, {"run": "tuning-22", "state": "succeeded"}]
    assert printed(capsys, rows) == ["RUN        STATE", "tuning-1   failed", "tuning-22  succeeded"]
    assert printed(capsys, []) == []


def test_what_does_not_fit_stands_on_further_lines_below_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"job": "j" * 40, "model": "m" * 38, "cost": "$1", "age": "2 h"},
        {"job": "1", "model": "2"} | dict.fromkeys(["cost", "age"], "-"),
    ]
    assert printed(capsys, rows) == [
        f"JOB{' ' * 39}MODEL",
        "  COST  AGE",
        f"{'j' * 40}  {'m' * 38}",
        "  $1    2 h",
        f"1{' ' * 41}2",
        "  -     -",
    ]


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 100), min_size=1))
def test_no_line_is_too_long_but_for_one_column_and_none_is_lost(widths: dict[str, int]) -> None:
    lines = split_columns(widths)
    assert [name for line in lines for name in line] == list(widths)
    for number, line in enumerate(lines):
        length = sum(widths[name] for name in line) + 2 * (len(line) - 1) + (2 if number else 0)
        assert length <= WIDTH or len(line) == 1


def test_the_table_of_a_sweep_fits(capsys: pytest.CaptureFixture[str]) -> None:
    records = examples()
    comparison = compare(records, *worse_and_better(records))
    labels = ("epoch_count=2 learning_rate_multiplier=0.5", "epoch_count=4 learning_rate_multiplier=1")
    lines = printed(capsys, [sweep_row(label, comparison) for label in labels])
    assert max(len(line) for line in lines) <= WIDTH
    assert lines[0].split()[0] == "RUN" and " ".join(lines).count("improved") == 2


def test_more_than_a_day_is_counted_in_hours() -> None:
    assert duration("2026-10-01T19:44:53.5Z", "2026-10-03T20:46:00Z") == "49:01:06"
    assert duration("2026-10-01T19:44:53Z", "") == "-"
