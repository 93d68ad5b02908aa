"""Sources are copied once to names made of their content, and local files go the same way."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gemtune.data.sources import find_sources, stage, upload_local
from gemtune.errors import SpecError, StorageError
from gemtune.storage import Storage


@pytest.fixture
def storage(emulator: Any) -> Storage:
    return Storage(emulator.project)


def staged_name(bucket: str, text: str, name: str) -> str:
    return f"gs://{bucket}/gemtune/sources/{hashlib.sha256(text.encode()).hexdigest()}/{name}"


def stage_train(emulator: Any, storage: Storage, patterns: str) -> list[dict[str, Any]]:
    uri = stage({"train": patterns}, bucket=emulator.bucket, storage=storage)
    entries: list[dict[str, Any]] = json.loads(storage.read_text(uri))["train"]
    return entries


def test_a_source_is_copied_to_a_name_made_of_its_content(emulator: Any, storage: Storage) -> None:
    uri = f"gs://{emulator.bucket}/data/a.jsonl"
    storage.write_text(uri, "{}\n")
    [entry] = stage_train(emulator, storage, uri)
    assert entry == {"uri": uri, "staged": staged_name(emulator.bucket, "{}\n", "a.jsonl"), "bytes": 3}
    assert storage.read_text(entry["staged"]) == "{}\n"


def test_the_manifest_names_every_split_and_its_own_content(emulator: Any, storage: Storage) -> None:
    uri = f"gs://{emulator.bucket}/data/a.jsonl"
    storage.write_text(uri, "{}\n")
    manifest = stage({"train": uri, "validation": ""}, bucket=emulator.bucket, storage=storage)
    text = storage.read_text(manifest)
    assert manifest == f"gs://{emulator.bucket}/gemtune/sources/{hashlib.sha256(text.encode()).hexdigest()}.json"
    assert {split: len(entries) for split, entries in json.loads(text).items()} == {
        "train": 1,
        "validation": 0,
        "test": 0,
    }


def test_equal_bytes_are_uploaded_once_and_changed_bytes_get_another_manifest(emulator: Any, storage: Storage) -> None:
    uri = f"gs://{emulator.bucket}/data/a.jsonl"
    storage.write_text(uri, "{}\n")
    first = stage({"train": uri}, bucket=emulator.bucket, storage=storage)
    writes = len(emulator.requests("storage.objects.insert"))
    assert stage({"train": uri}, bucket=emulator.bucket, storage=storage) == first
    # The manifest is created conditionally; the source is not sent again.
    assert len(emulator.requests("storage.objects.insert")) == writes + 1
    storage.write_text(uri, "[]\n")
    assert stage({"train": uri}, bucket=emulator.bucket, storage=storage) != first


def test_a_staged_source_keeps_its_name(emulator: Any, storage: Storage) -> None:
    uri = f"gs://{emulator.bucket}/data/a.jsonl"
    storage.write_text(uri, "{}\n")
    [entry] = stage_train(emulator, storage, uri)
    [again] = stage_train(emulator, storage, entry["staged"])
    assert again["staged"] == entry["staged"]


def test_sources_are_wildcards_and_names_separated_by_commas_each_once(emulator: Any, storage: Storage) -> None:
    root = f"gs://{emulator.bucket}/data"
    for name in ("b1.jsonl", "a.jsonl", "b2.jsonl", "c.csv"):
        storage.write_text(f"{root}/{name}", name)
    entries = stage_train(emulator, storage, f"{root}/c.csv, {root}/b*.jsonl,{root}/b1.jsonl ,")
    assert [entry["uri"] for entry in entries] == [f"{root}/{name}" for name in ("c.csv", "b1.jsonl", "b2.jsonl")]


@pytest.mark.parametrize("name", ["none-*.jsonl", "none.jsonl"])
def test_a_source_that_is_not_there_is_named(emulator: Any, storage: Storage, name: str) -> None:
    uri = f"gs://{emulator.bucket}/data/{name}"
    with pytest.raises(StorageError) as error:
        stage({"train": uri}, bucket=emulator.bucket, storage=storage)
    assert uri in str(error.value)


def test_local_files_become_staged_uris_and_uris_stay(emulator: Any, storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").write_text("a")
    (tmp_path / "data" / "b,1.jsonl").write_text("b")
    value = upload_local("data/*.jsonl, gs://other/*.csv", folder=tmp_path, bucket=emulator.bucket, storage=storage)
    uris = [staged_name(emulator.bucket, "a", "a.jsonl"), staged_name(emulator.bucket, "b", "b_1.jsonl")]
    assert value == ", ".join([*uris, "gs://other/*.csv"])
    assert [entry["staged"] for entry in stage_train(emulator, storage, ", ".join(uris))] == uris


def test_an_absolute_path_is_not_relative_to_the_spec(emulator: Any, storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("a")
    value = upload_local(str(path), folder=tmp_path / "elsewhere", bucket=emulator.bucket, storage=storage)
    assert value == staged_name(emulator.bucket, "a", "a.jsonl")


@pytest.mark.parametrize("value", ["missing.jsonl", "missing-*.jsonl", "."])
def test_a_path_that_is_no_file_is_named(emulator: Any, storage: Storage, tmp_path: Path, value: str) -> None:
    with pytest.raises(SpecError) as error:
        upload_local(value, folder=tmp_path, bucket=emulator.bucket, storage=storage)
    assert str(tmp_path / value) in str(error.value)
    assert error.value.next


def test_sources_are_found_without_a_copy(storage: Storage, emulator: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("1\n")
    storage.write_text(f"gs://{emulator.bucket}/in/b.jsonl", "2\n")
    written = len(emulator.requests("storage.objects.insert"))
    public = "gs://public/c.jsonl"
    found = find_sources(
        f"*.jsonl, gs://{emulator.bucket}/in/*, {public}, a.jsonl",
        folder=tmp_path,
        storage=storage,
        copies={public: tmp_path / "copy"},
    )
    assert found == [str(tmp_path / "a.jsonl"), f"gs://{emulator.bucket}/in/b.jsonl", str(tmp_path / "copy")]
    assert len(emulator.requests("storage.objects.insert")) == written
