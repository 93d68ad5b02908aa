"""Parquet is read row by row, nested columns included, and a damaged file is named."""

import base64
import gzip
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType

from gemtune.data.conversion import Converter
from gemtune.data.findings import Rejection
from gemtune.data.raw_files import read_raw
from tests.gemtune.data.parquet import column, conversations, write

BY_PYARROW = (
    "eNqVVUFvEkEUnh12EQlpsOls2IQD0TBJEyrUihrTgzNQKJFWwFRs0xi3sKXoQinFQk0T/4AHT5705smzBxN78Ed48GQ8+gM8ePDgzNtdqG2xdk"
    "JmZ96873vv+2azlFhllqgkQEJFggmaREgN9fIIEUQmiZ4QsTDxE38UIXQxhsWMFQUjgQiTKQ8RiCLc+tR+q52NEpU8FFbR6/NVUZAzBOoyoQk4"
    "dlGX7kiUT3CKWQQcdJBMeGgtLNGDs6BXxkJ3zukIjF8vzkIZh2kU8e/WtqyWSUKI4DiO+OrmfjxUtKVUVezVXrNlxaeKLyejCceACVEOR7ROt1"
    "mz4kGx8SfW5SzO0iLfbu72REV/cV4GVC8gzy5YttWy2j2iOtyKiUhIPjfiqCi7g53aNkVFNxCULbXNNtKxETUOKIoSbKSRP2xApwTrWF/X6zRF"
    "A9PSWSFCXlFYPOan/QZFUq5EqS4K9ACsrtv0jULtf+MmXJyjF4AP9cf0t0K/Kv9VcREMgMnTr5iCR9V7+gH9gelHfJKHYmw8kBflkYXGk20AWV"
    "vfo9989IPvBJlwbhyd4zWIeqRv0i8qfa+ehj8qK+jZL25l6ONnjb7SxtuhH2o6pgH9p4aMaCTEKpV71dvOexf5riXl2GcZxliZOeMuY33GGyzH"
    "WINlGhDjnLEFudgsifw+pOblNJDhQlkc84JkeCKDkOnMa6WbIl+yLwEoB0deKSZLCab01kaD30/uJZNil2EcyAuMrTLeZ0tynxuBOK/A8rqcCs"
    "f4OHP5qiuwz7gpfPQUnT0XIm7BFoKFrHThqVufZznw1Yb5jpSVEf+gU5tzanalH4Osy7ewnHeLDl1oDFdH8HZqrZqC4JzEp4b4HKTyxgg/pOJN"
    "F7/g6OXbsmkIbbFj/Y6sWC07TWRBf81tbXQTbbhPaWGtfKqfcrnI983qsu1KW5Lnnq9wf7DMrnj9ZJx+Vo/1A3rqebu3BvTZvJufce93dN9sKB"
    "IoMvxUfVl4v/K5tGuZg2+wvwaKxDpmd+eZ1ZupdTozZre73Y/tWd3d5nY7du3G1dTVWeNAfO1O/tA7DaGS+Jf8AyxUS5o="
)
"""A row of dates, times, decimals, maps, dictionaries and NaN, as pyarrow 26 writes it; zlib, base64."""


def read(folder: Path, data: bytes, name: str = "a.parquet") -> list[tuple[int, Any]]:
    path = folder / "source"
    path.write_bytes(data)
    return [
        (line, value.rule if isinstance(value, Rejection) else value)
        for line, value in read_raw(path, f"gs://b/{name}")
    ]


def test_rows_are_counted_and_empty_fields_left_out(tmp_path: Path) -> None:
    data = write(tmp_path / "a", {"prompt": column(["a", "b", None]), "n": Array([1, None, 3], DataType.int64())})
    assert read(tmp_path, data) == [(1, {"prompt": "a", "n": 1}), (2, {"prompt": "b"}), (3, {"n": 3})]


def test_nested_columns_become_an_example(tmp_path: Path) -> None:
    messages = conversations([("user", "ask"), ("assistant", "answer")], [("user", "ask"), ("assistant", None)])
    [(_, first), (_, second)] = read(tmp_path, write(tmp_path / "a", {"messages": messages}))
    converter = Converter(uri="x", data_format="auto", prompt_template="", system_instruction="", is_test=False)
    assert [turn["role"] for turn in converter.convert(first).example["contents"]] == ["user", "model"]
    assert second == {"messages": [{"role": "user", "content": "ask"}, {"role": "assistant"}]}


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv", "a"])
def test_parquet_is_known_by_its_content_whatever_the_name(tmp_path: Path, name: str) -> None:
    data = write(tmp_path / "a", {"prompt": column(["a"])})
    assert read(tmp_path, data, name) == read(tmp_path, gzip.compress(data), name) == [(1, {"prompt": "a"})]


def test_what_pyarrow_writes_becomes_json(tmp_path: Path) -> None:
    [(_, record)] = read(tmp_path, zlib.decompress(base64.b64decode(BY_PYARROW)))
    assert record == {
        "day": "2020-01-31",
        "time": "2020-01-31 12:30:00",
        "price": "1.50",
        "list": [{"a": 1}, {"b": "x"}],
        "name": "q",
    }


def test_bytes_are_rejected_with_their_path(tmp_path: Path) -> None:
    data = write(tmp_path / "a", {"image": Array([b"x"], DataType.binary())})
    [(_, rejection)] = read_raw(_saved(tmp_path, data), "a")
    assert isinstance(rejection, Rejection)
    assert (rejection.rule, rejection.path) == ("wrong_type", "$.image")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    data = write(tmp_path / "a", {"prompt": column([f"a{n}" for n in range(1000)])})
    assert read(tmp_path, data[:-1]) == [(1, "unreadable_file")]
    assert read(tmp_path, data[:4]) == [(1, "unreadable_file")]
    assert read(tmp_path, data[:5] + b"PAR1") == [(1, "unreadable_file")]
    spoilt = read(tmp_path, data[:40] + bytes(200) + data[240:])
    assert spoilt[-1][1] == "unreadable_file"


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path, {"prompt": column([f"{n} " + "x" * 1000 for n in range(5000)])}, max_row_group_size=500)
    next(read_raw(path, "a"))  # imports are not what is measured
    tracemalloc.start()
    assert sum(1 for _ in read_raw(path, "a")) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def _saved(folder: Path, data: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(data)
    return path
