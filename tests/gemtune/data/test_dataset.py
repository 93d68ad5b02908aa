"""Raw files become three splits, and every example is accounted for."""

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtune.data import key_index
from gemtune.data.dataset import prepare
from gemtune.data.key_index import KeyIndex
from gemtune.data.settings import DatasetSettings
from gemtune.data.sources import stage, upload_local
from gemtune.errors import DataError, SpecError
from gemtune.storage import Storage
from tests.workbench import Workbench, adds_up, read, rows


@pytest.fixture
def bench(emulator: Any, tmp_path: Path) -> Workbench:
    return Workbench(emulator, tmp_path / "prepared")


def test_each_split_has_the_form_its_reader_expects(bench: Workbench) -> None:
    test = [{"prompt": "ask t", "completion": "answer t", "lang": "de"}]
    prepared = bench(rows(1), rows(2), test, system_instruction="Be brief.")
    system = {"role": "system", "parts": [{"text": "Be brief."}]}
    [train], [validation] = read(prepared.train), read(prepared.validation)
    assert set(train) == set(validation) == {"contents", "systemInstruction"}
    assert train["systemInstruction"] == validation["systemInstruction"] == system
    [record] = read(prepared.test)
    assert len(record.pop("id")) == 16
    assert record == {
        "prompt": {"contents": [{"role": "user", "parts": [{"text": "ask t"}]}], "systemInstruction": system},
        "reference": "answer t",
        "language": "de",
        "source": {"uri": f"{bench.root}/test.jsonl", "line": 1},
    }


def test_the_validation_split_is_also_written_in_the_form_of_the_test_split(bench: Workbench) -> None:
    user = {"role": "user", "parts": [{"text": "ask c"}]}
    call = {"contents": [user, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}]}
    prepared = bench(rows(1), rows(2), rows(3))
    assert read(prepared.train) and len(read(prepared.validation)) == 1
    [record] = read(prepared.validation_prompts)
    assert set(record) == {"id", "prompt", "reference", "language", "source"}
    assert (record["reference"], record["source"]["line"]) == ("answer 2", 1)
    prepared = bench(rows(1), [call], rows(3))
    assert len(read(prepared.validation)) == 1
    assert read(prepared.validation_prompts) == [], "a call has no text to score against"


def test_the_ledger_accounts_for_every_record_and_names_the_formats(bench: Workbench) -> None:
    train = [*rows(1, 2, 3), {"prompt": "", "completion": "x"}, 7]
    prepared = bench(train, rows(4), rows(5), on_invalid="drop", max_train_examples=2)
    assert prepared.ledger == bench.ledger()
    rejected = {"empty_part": 1, "not_an_object": 1}
    assert prepared.ledger["train"] == {"read": 5, "used": 2, "sampled_out": 1, "rejected": rejected}
    assert prepared.ledger["sources"][f"{bench.root}/train.jsonl"] == "prompt_completion"
    assert prepared.counts()["train_rejected"] == 2
    assert prepared.counts()["test_used"] == 1


def test_one_invalid_example_stops_the_run_after_all_were_seen(
    bench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    train = "\n".join(["{", *['{"prompt": "a"}'] * 30, json.dumps(rows(1)[0])])
    with pytest.raises(DataError) as error:
        bench(train, rows(2), rows(3))
    message = str(error.value)
    assert f"{bench.root}/train.jsonl:1: " in message
    assert "31 findings in all: 30 unknown_format, 1 not_json" in message
    assert message.count("train.jsonl:") == 3
    assert str(bench.folder / "findings.jsonl") in message
    assert "on_invalid=drop" in message
    *shown, total = capsys.readouterr().err.splitlines()
    assert len(shown) == 20
    assert total.startswith("32 findings in all (raised: 30 unknown_format, 1 not_json; warned: 1 advice)")
    assert bench.ledger()["train"] == {
        "read": 32,
        "used": 1,
        "sampled_out": 0,
        "rejected": {"not_json": 1, "unknown_format": 30},
    }
    assert {finding["action"] for finding in bench.findings()} == {"raised"}


def test_findings_in_the_error_have_a_line_each_and_the_names_that_their_owner_knows(
    bench: Workbench, tmp_path: Path
) -> None:
    for name, lines in {"mine.jsonl": ["{"] * 2, "test.jsonl": [json.dumps(rows(1)[0])]}.items():
        (tmp_path / name).write_text("\n".join(lines))
    uris = {
        split: upload_local(name, folder=tmp_path, bucket=bench.bucket, storage=bench.storage)
        for split, name in {"train": "mine.jsonl", "test": "test.jsonl"}.items()
    }
    manifest = stage(uris, bucket=bench.bucket, storage=bench.storage)
    with pytest.raises(DataError) as error:
        prepare(manifest, DatasetSettings(), storage=bench.storage, folder=bench.folder)
    first, second, last = error.value.message.splitlines()
    assert first.startswith("mine.jsonl:1: Expecting") and second.startswith("mine.jsonl:2: Expecting")
    assert last == "2 findings in all: 2 not_json"
    assert bench.findings()[0]["uri"] == uris["train"], "the artifact has the whole address"


def test_a_finding_says_where_what_and_what_next(bench: Workbench) -> None:
    unfinished = {"messages": [{"role": "user", "content": "a secret"}]}
    finished = {"messages": [*unfinished["messages"], {"role": "assistant", "content": "an answer"}]}
    bench([unfinished, finished], rows(2), rows(3), on_invalid="drop")
    [finding] = bench.findings()
    assert finding == {
        "uri": f"{bench.root}/train.jsonl",
        "line": 1,
        "path": "$.messages[0]",
        "rule": "last_turn_not_model",
        "found": "last turn is `user`",
        "expected": "`model`",
        "next": "the model's turn is what tuning learns",
        "action": "dropped",
    }


def test_a_file_that_breaks_off_stops_the_run_even_when_examples_may_be_dropped(bench: Workbench) -> None:
    with pytest.raises(DataError, match="unreadable_file"):
        bench('[{"prompt": "a", "completion": "b"},', rows(2), rows(3), on_invalid="drop")


def test_an_exact_repeat_is_kept_and_told(bench: Workbench) -> None:
    prepared = bench(rows(1, 1), rows(2), rows(3, 4, 3, 3))
    assert len(read(prepared.train)) == 2
    ids = [record["id"] for record in read(prepared.test)]
    assert ids[2:] == [f"{ids[0]}-2", f"{ids[0]}-3"]
    assert [(finding["rule"], finding["action"]) for finding in bench.findings()] == [("duplicate", "warned")] * 3


def test_a_test_example_that_calls_a_function_is_counted_and_stops_nothing(bench: Workbench) -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "search"}}]}
    calling = {"contents": [{"role": "user", "parts": [{"text": "x"}]}, call], "tools": [{"functionDeclarations": []}]}
    talking = {
        "contents": [
            {"role": "user", "parts": [{"text": "y"}]},
            {"role": "model", "parts": [{"text": "z"}]},
        ],
        "tools": [{"functionDeclarations": []}],
    }
    prepared = bench(rows(1), rows(2), [calling, talking])
    assert prepared.ledger["test"] == {"read": 2, "used": 1, "sampled_out": 0, "rejected": {"no_text_reference": 1}}
    assert [(f["rule"], f["action"]) for f in bench.findings()] == [
        ("no_text_reference", "dropped"),
        ("tools_not_sent", "warned"),
    ]


def test_a_run_without_test_examples_is_refused(bench: Workbench) -> None:
    with pytest.raises(DataError, match=r"test split: no example .* raise test_fraction \(now 0\.0\)"):
        bench(rows(1, 2), test_fraction=0.0)
    with pytest.raises(DataError, match=r"test split: no example \(1 read, rejected: 1 empty_reference\)"):
        bench(rows(1), rows(2), test=[{"prompt": "x", "completion": ""}], on_invalid="drop")
    assert bench.ledger()["test"]["read"] == 1


def test_a_run_without_training_examples_is_refused(bench: Workbench) -> None:
    with pytest.raises(DataError, match="train split: no example"):
        bench("\n", test=rows(1))


@pytest.mark.parametrize(
    "given",
    [
        {"sampling": "first"},
        {"on_invalid": "dorp"},
        {"data_format": "xml"},
        {"max_test_examples": -1},
        {"validation_fraction": 0.6, "test_fraction": 0.4},
        {"test_fraction": -0.1},
    ],
)
def test_a_setting_from_the_console_is_checked(bench: Workbench, given: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=next(iter(given))):
        bench(rows(1), **given)


def test_the_same_sources_give_the_same_bytes(bench: Workbench, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in (bench(rows(*range(30))).train, bench.folder / "test.jsonl")}
    bench.folder = tmp_path / "again"
    second = {path.name: path.read_bytes() for path in (bench(rows(*range(30))).train, bench.folder / "test.jsonl")}
    assert first == second


def test_text_is_written_as_utf8(bench: Workbench) -> None:
    prepared = bench(rows("日本語"), rows(1), rows(2))
    assert "日本語" in prepared.train.read_text(encoding="utf-8")


class LocalStorage(Storage):
    """Reads local files: the emulator would hold the objects in the memory that is measured."""

    def read_text(self, uri: str) -> str:
        return Path(uri).read_text(encoding="utf-8")

    def download(self, uri: str, path: Path) -> None:
        shutil.copyfile(uri, path)


def test_a_large_dataset_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    source, manifest, folder = tmp_path / "raw.jsonl", tmp_path / "manifest.json", tmp_path / "prepared"
    entry = {"uri": "gs://b/raw.jsonl", "staged": str(source), "bytes": 0}
    manifest.write_text(json.dumps({"train": [entry], "validation": [], "test": []}))
    with source.open("w") as file:
        for name in range(2500):
            [record] = rows(f"{name} " + "x" * 2000)
            file.write(json.dumps(record) + "\n")
    tracemalloc.start()
    prepared = prepare(str(manifest), DatasetSettings(), storage=LocalStorage("p"), folder=folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(prepared.ledger[split]["used"] for split in ("train", "validation", "test")) == 2500
    assert source.stat().st_size > 5_000_000 > 2 * peak


def test_what_grows_is_on_disk_and_gives_the_same(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> list[bytes]:
        given: dict[str, Any] = {"max_train_examples": 60, "on_leakage": "drop"}
        bench(rows(*range(150), *range(30)), rows(*range(140, 150), "v"), **given)
        return [path.read_bytes() for path in sorted(bench.folder.glob("*.json*"))]

    in_memory = files()
    assert {"leak", "duplicate"} <= {finding["rule"] for finding in bench.findings()}
    spilled: list[Path] = []
    spill = KeyIndex._spill

    def watched_spill(index: KeyIndex) -> None:
        spilled.append(index._path)
        spill(index)

    monkeypatch.setattr(key_index, "MEMORY_KEYS", 2)
    monkeypatch.setattr(key_index, "MOST_RUNS", 0)
    monkeypatch.setattr(KeyIndex, "_spill", watched_spill)
    bench.folder = tmp_path / "again"
    assert files() == in_memory
    assert {path.name for path in spilled} == {
        "train.repeats",
        "validation.repeats",
        "test.repeats",
        "validation.prompts",
        "test.prompts",
        "ids",
    }
    assert not any(path.exists() for path in spilled)


GEMINI = "gemini-3.1-flash-lite"


def limited(**limits: Any) -> dict[str, Any]:
    return {"base_model": GEMINI, "catalog_overrides": {GEMINI: limits}}


def test_a_training_split_that_the_service_refuses_stops_the_run(bench: Workbench) -> None:
    with pytest.raises(DataError, match=r"train: 5 examples, expected at most 4 for gemini.*set max_train_examples"):
        bench(rows(*range(5)), rows("v"), rows("t"), **limited(max_training_examples=4))
    assert "on_invalid" not in str(bench.findings())
    with pytest.raises(DataError, match=r"train: \d+ bytes, expected at most 100 for"):
        bench(rows(*range(5)), rows("v"), rows("t"), on_invalid="drop", **limited(max_training_file_bytes=100))
    bench(rows(*range(5)), rows("v"), rows("t"), max_train_examples=4, **limited(max_training_examples=4))


def test_given_validation_data_that_is_too_much_stops_the_run(bench: Workbench) -> None:
    limits = limited(max_validation_examples=8, validation_share_from=3, max_validation_share=0.5)
    with pytest.raises(DataError, match=r"validation: 6 examples, expected at most 5 beside 10 training examples"):
        bench(rows(*range(10)), rows(*"abcdef"), rows("t"), **limits)
    prepared = bench(rows(*range(10)), rows(*"abcdef"), rows("t"), max_validation_examples=5, **limits)
    assert prepared.ledger["validation"]["used"] == 5


def test_validation_data_that_we_cut_is_cut_shorter(bench: Workbench) -> None:
    limits = limited(max_validation_examples=4, validation_share_from=3)
    prepared = bench(rows(*range(100)), test=rows("t"), validation_fraction=0.2, **limits)
    account = prepared.ledger["validation"]
    assert (account["used"], account["sampled_out"]) == (4, account["read"] - 4)
    [finding] = bench.findings()
    assert (finding["rule"], finding["action"], finding["line"]) == ("validation_reduced", "warned", 0)


def test_an_example_that_the_model_refuses_is_dropped_when_asked(bench: Workbench) -> None:
    long = [{"prompt": "word " * 100, "completion": "x"}]
    limits = limited(max_tokens_per_example=50)
    prepared = bench(rows(1) + long, rows(2), rows(3), on_invalid="drop", **limits)
    assert prepared.ledger["train"]["rejected"] == {"too_many_tokens": 1}


def test_advice_is_given_and_stops_nothing(bench: Workbench) -> None:
    bench(rows(1), test=rows(2), validation_fraction=0.0, adapter_size=16)
    advice = [finding for finding in read(bench.folder / "findings.jsonl") if finding["rule"] == "advice"]
    assert [finding["found"] for finding in advice] == [
        "1 training examples",
        "no validation examples",
        "adapter_size 16 for 1 examples",
    ]
    assert {finding["action"] for finding in advice} == {"warned"}
    bench(rows(*range(600)), rows("v"), rows("t"))
    assert not [finding for finding in read(bench.folder / "findings.jsonl") if finding["rule"] == "advice"]


def test_an_empty_file_among_others_is_named(bench: Workbench) -> None:
    bench(rows(1), "\n", rows(2))
    [finding] = bench.findings()
    assert (finding["rule"], finding["uri"], finding["line"]) == ("empty_file", f"{bench.root}/validation.jsonl", 0)


def test_without_validation_data_and_fraction_none_is_made(bench: Workbench) -> None:
    prepared = bench(rows(*range(30)), test=rows("t"), validation_fraction=0.0)
    assert prepared.validation.read_bytes() == b""
    assert prepared.ledger["train"]["used"] == 30


LINES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([json.dumps(record).encode() for record in rows("a", "a ", "b", "", "c", "d")]),
    st.sampled_from([b'{"contents": [{}]}', b'{"messages": [{"role": "user", "content": "x"}]}', b"[]", b"{}"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    train=st.lists(LINES, max_size=8),
    test=st.lists(LINES, max_size=4),
    limit=st.integers(0, 2),
    on_invalid=st.sampled_from(["raise", "drop"]),
    on_leakage=st.sampled_from(["raise", "drop"]),
)
def test_whatever_the_bytes_the_ledger_adds_up(
    bench: Workbench, train: list[bytes], test: list[bytes], limit: int, on_invalid: str, on_leakage: str
) -> None:
    try:
        bench(
            b"\n".join(train) or b"\n",
            test=b"\n".join(test),
            max_train_examples=limit,
            on_invalid=on_invalid,
            on_leakage=on_leakage,
        )
    except DataError:
        pass
    else:
        assert read(bench.folder / "test.jsonl")
    ledger = bench.ledger()
    assert adds_up(ledger)
    for split in ("train", "validation", "test"):
        written = read(bench.folder / f"{split}.jsonl")
        assert len(written) == ledger[split]["used"]
    rejected = sum(sum(ledger[split]["rejected"].values()) for split in ("train", "validation", "test"))
    assert rejected == sum(finding["action"] != "warned" for finding in bench.findings())
