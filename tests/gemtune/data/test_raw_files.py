"""Raw files are read record by record, with the line of each, and whatever is broken is named."""

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtune.data.findings import Rejection
from gemtune.data.raw_files import read_raw

SHAPE = "wrong_field_count"

Read = list[tuple[int, Any]]


def read(folder: Path, name: str, data: bytes) -> Read:
    """Return line and record, or line and rule."""
    path = folder / "source"
    path.write_bytes(data)
    records = read_raw(path, f"gs://b/{name}")
    return [(line, value.rule if isinstance(value, Rejection) else value) for line, value in records]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("raw")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": 2}', [(1, {"a": 1}), (3, {"a": 2})]),
        ("a", b'{"a": "\xe2\x80\xa8"}\n', [(1, {"a": "\u2028"})]),
        ("a.json", b'\xef\xbb\xbf\n[\n {"a": 1},\n {"a":\n 2}\n]\n', [(3, {"a": 1}), (4, {"a": 2})]),
        ("a.jsonl", b'[{"a": 1}, {"a": 2}]', [(1, {"a": 1}), (1, {"a": 2})]),
        ("a.json", b" [] ", []),
        (
            "a.csv",
            b'\xef\xbb\xbf\na,b\r\n"x\r\ny","q""q"\r\n\r\nNA,007\r\n',
            [(3, {"a": "x\r\ny", "b": 'q"q'}), (6, {"a": "NA", "b": "007"})],
        ),
        ("A.TSV", b"a\tb\n1,5\t2\n", [(2, {"a": "1,5", "b": "2"})]),
        ("a.txt", b"a\tb,c\n1\t2\n", [(2, {"a": "1", "b,c": "2"})]),
        ("a.csv", b"", []),
        ("a.csv", b"a,b\n,\n", []),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0), [(1, {"a": 1})]),
        ("a.csv.gz", gzip.compress(b"a\n1\n", mtime=0), [(2, {"a": "1"})]),
        ("a.json", gzip.compress(b'[{"a": 1}]', mtime=0), [(1, {"a": 1})]),
        # The name is wrong, the content counts.
        ("a.csv", b'{"a": 1, "b": 2}\n', [(1, {"a": 1, "b": 2})]),
        ("a.csv", b'[{"a": 1}]', [(1, {"a": 1})]),
        ("a.jsonl", b"a,b\n1,2\n", [(2, {"a": "1", "b": "2"})]),
        (
            "a.jsonl",
            b'{"messages": [{"role": "user", "content": "\\u00e9 \\"x\\""}, {"content": "b", "role": "model"}]}',
            [(1, ('é "x"', "b"))],
        ),
        (
            "a.jsonl",
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
            [(1, {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]})],
        ),
        ("a.jsonl", b'{"a": "it says \\"b\\": 1"}', [(1, {"a": 'it says "b": 1'})]),
    ],
)  # fmt: skip
def test_a_record_has_the_line_it_starts_at(folder: Path, name: str, data: bytes, expected: Read) -> None:
    assert read(folder, name, data) == expected


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n{"a": 2}\n', [(1, {"a": 1}), (2, "not_json"), (3, {"a": 2})]),
        ("a.jsonl", b'{"a": "\xff"}\n{}\n', [(1, "not_utf8"), (2, {})]),
        ("a.jsonl", b"[1]\n{}\n", [(1, "not_an_object"), (2, {})]),
        ("a.jsonl", b'{"a": NaN}\n', [(1, "not_json")]),
        ("a.jsonl", b'{"a": "x\0"}\n{}', [(1, "not_json"), (2, {})]),
        ("a.jsonl", b'{"a": 1, "a": 2}\n{"a" : {"b": 1, "b" : "x"}}', [(1, "duplicate_key"), (2, "duplicate_key")]),
        ("a.jsonl", b'{"a": "x\\"", "b": {}, "b": {}}', [(1, "duplicate_key")]),
        (
            "a.jsonl",
            b'{"messages": [{"role": "user", "role": "user", "content": "a"}, {"role": "model", "content": "b"}]}',
            [(1, "duplicate_key")],
        ),
        ("a.jsonl", b'{"a": "x\\"", "b"\t: 1, "b"\t: 2}', [(1, "duplicate_key")]),
        ("a.json", b'[{"a": 1, "a": 2}, {}]', [(1, "duplicate_key"), (1, {})]),
        ("a.csv", b"a,b\n1,\0\n1,2\n", [(2, "nul_byte"), (3, {"a": "1", "b": "2"})]),
        ("a.jsonl", b"\x89PNG\r\n\x1a\n\0\0", [(1, "unreadable_file")]),
        ("a.jsonl", b"GIF89a\0\0\n", [(1, "unreadable_file")]),
        ("a.csv", b"PK\x03\x04xlsx", [(1, "unreadable_file")]),
        ("a.csv", "a,b\n1,2".encode("utf-16"), [(1, "unreadable_file")]),
        ("a.jsonl.gz", gzip.compress(b"%PDF-1.7", mtime=0), [(1, "unreadable_file")]),
        ("a.jsonl", b"{}\n" + b"[" * 100_000 + b"\n{}\n", [(1, {}), (2, "not_json"), (3, {})]),
        ("a.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n", [(1, "not_json")]),
        ("a.json", b'[{"a": 1}, 7]', [(1, {"a": 1}), (1, "not_an_object")]),
        ("a.json", b'[{"a": 1},\n{"a" 2},\n{"a": 3}]', [(1, {"a": 1}), (2, "unreadable_file")]),
        ("a.json", b'[{"a": 1},\n{"a": "x', [(1, {"a": 1}), (2, "unreadable_file")]),
        ("a.json", b'[{"a": 1}]\n[]', [(1, {"a": 1}), (2, "unreadable_file")]),
        ("a.csv", b"a,b\n1\n1,2,3\n1,2\n", [(2, SHAPE), (3, SHAPE), (4, {"a": "1", "b": "2"})]),
        ("a.csv", b'a,b\n"1"x,2\n', [(2, "unreadable_file")]),
        ("a.csv", b'a,b\n"1\n2",2\n\n"3,4\n', [(5, "unreadable_file")]),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:-4], [(1, "unreadable_file")]),
    ],
)  # fmt: skip
def test_what_is_broken_is_named_at_its_line(folder: Path, name: str, data: bytes, expected: Read) -> None:
    assert read(folder, name, data) == expected


def test_a_table_row_with_broken_utf8_does_not_spoil_its_neighbours(folder: Path) -> None:
    [(_, first), (_, second)] = read(folder, "a.csv", b"a\n\xff\nx\n")
    assert (first["a"], second["a"]) == ("\udcff", "x")


def test_the_byte_that_is_not_utf8_is_named(folder: Path) -> None:
    (folder / "source").write_bytes(b'{"a": "x\xff"}\n')
    [(_, rejection)] = read_raw(folder / "source", "a.jsonl")
    assert isinstance(rejection, Rejection)
    assert rejection.found == "byte 9 of the line is 0xff"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_record_that_would_fill_the_memory_is_not_read(tmp_path: Path, name: str) -> None:
    path, megabyte = tmp_path / "source", b"x" * 1_000_000
    start, end = {
        "a.jsonl": (b'{}\n{"a": "', b'"}\n{}\n'),
        "a.json": (b'[{},\n{"a": "', b'"}]'),
        "a.csv": (b"a\n", b"\n"),
    }[name]
    with path.open("wb") as file:
        file.write(start)
        for _ in range(200):
            file.write(megabyte)
        file.write(end)
    tracemalloc.start()
    found = [(line, value.rule) for line, value in read_raw(path, name) if isinstance(value, Rejection)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(2, {"a.jsonl": "too_long"}.get(name, "unreadable_file"))]
    assert peak < 120_000_000


def test_the_reading_is_reported_in_bytes_of_the_file(folder: Path) -> None:
    path = folder / "source"
    for name, data in {
        "a.jsonl": b'{"a": 1}\n' * 10,
        "a.csv": b"a\n1\n2\n",
        "a.json": gzip.compress(b"[{}]", mtime=0),
    }.items():
        path.write_bytes(data)
        read_so_far: list[int] = []
        list(read_raw(path, name, read_so_far.append))
        assert read_so_far[-1] == len(data)


def test_a_field_may_be_longer_than_the_default_of_the_csv_module(folder: Path) -> None:
    [(_, record)] = read(folder, "a.csv", b"a\n" + b"x" * 200_000 + b"\n")
    assert len(record["a"]) == 200_000


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["a", "a.csv", "a.tsv", "a.json", "a.jsonl"]),
    data=st.binary(max_size=80) | st.text(alphabet='ab,"\t\r\n[]{}:1\\\0', max_size=60).map(str.encode),
)
def test_no_bytes_crash_the_reader(folder: Path, name: str, data: bytes) -> None:
    for line, _ in read(folder, name, data):
        assert line >= 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS.filter(bool)), max_size=5), separator=st.sampled_from([",", "\t"]))
def test_a_table_with_newlines_and_quotes_reads_back(folder: Path, rows: list[tuple[str, str]], separator: str) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("p", "q"), *rows])
    found = read(folder, {",": "a.csv", "\t": "a.tsv"}[separator], table.getvalue().encode())
    assert [(record["p"], record["q"]) for _, record in found] == rows
    lines = table.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(lines[line - 1].startswith('"') for line, _ in found)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3), max_size=5))
def test_an_array_reads_as_its_lines_do(folder: Path, values: list[dict[str, Any]]) -> None:
    array = read(folder, "a.json", json.dumps(values, indent=1).encode())
    lines = read(folder, "a.jsonl", "\n".join(map(json.dumps, values)).encode())
    assert [value for _, value in array] == [value for _, value in lines] == values


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path, name: str) -> None:
    record = {"prompt": "x" * 1000, "completion": "y" * 24}
    path, count = tmp_path / "source", 5000
    with path.open("w") as file:
        if name == "a.csv":
            csv.writer(file).writerows([tuple(record), *[tuple(record.values())] * count])
        else:
            between, start, end = (",", "[", "]") if name == "a.json" else ("\n", "", "")
            file.write(start + between.join([json.dumps(record)] * count) + end)
    next(read_raw(path, name))  # imports are not what is measured
    tracemalloc.start()
    assert sum(1 for _ in read_raw(path, name)) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000 < path.stat().st_size
