import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.storage import write_object
from gemtune.errors import StorageError
from gemtune.storage import Storage, split_uri
from tests.ports import free_port

FOLDER = "gs://gemtune-local/data"


@pytest.fixture
def storage(emulator: Any) -> Storage:
    return Storage(emulator.project)


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write_text(f"{FOLDER}/ü b.json", "größer\n")
    assert storage.read_text(f"{FOLDER}/ü b.json") == "größer\n"
    assert storage.read_bytes(f"{FOLDER}/ü b.json") == "größer\n".encode()


def test_a_write_replaces_what_was_there(storage: Storage) -> None:
    storage.write_text(f"{FOLDER}/a", "first")
    storage.write_text(f"{FOLDER}/a", "second")
    assert storage.read_text(f"{FOLDER}/a") == "second"


@pytest.mark.parametrize(
    ("text", "lines"), [("a\nb\n", [b"a\n", b"b\n"]), ("a\nb", [b"a\n", b"b"]), ("", []), ("\n\n", [b"\n", b"\n"])]
)
def test_lines_are_those_of_the_object(storage: Storage, text: str, lines: list[bytes]) -> None:
    storage.write_text(f"{FOLDER}/lines", text)
    assert list(storage.lines(f"{FOLDER}/lines")) == lines


def test_an_object_exists_or_not(storage: Storage) -> None:
    storage.write_text(f"{FOLDER}/a", "")
    assert storage.exists(f"{FOLDER}/a")
    assert not storage.exists(f"{FOLDER}/b")
    assert not storage.exists("gs://no-such-bucket/a")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("?.jsonl", ["a.jsonl", "b.jsonl"]),
        ("**.jsonl", ["a.jsonl", "b.jsonl", "deep/er/c.jsonl"]),
        ("*/er/c*", ["deep/er/c.jsonl"]),
        ("a.jsonl", ["a.jsonl"]),
        ("a.json", []),
        ("[ab].jsonl*", []),
        ("z*", []),
    ],
)
def test_wildcards_find_sorted_uris(storage: Storage, pattern: str, names: list[str]) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/er/c.jsonl", "a.jsonl2/", "adjsonl"):
        storage.write_text(f"{FOLDER}/{name}", "x")
    assert storage.find(f"{FOLDER}/{pattern}") == [f"{FOLDER}/{name}" for name in names]


def test_wildcards_find_more_than_one_page(storage: Storage, emulator: Any) -> None:
    for index in range(1001):
        write_object(emulator.state, f"{FOLDER}/{index}", b"x", "text/plain")
    assert len(storage.find(f"{FOLDER}/*")) == 1001
    assert len(emulator.requests("storage.objects.list")) == 2


def test_only_the_first_creator_succeeds(storage: Storage) -> None:
    assert storage.create_text(f"{FOLDER}/lock", "mine")
    assert not storage.create_text(f"{FOLDER}/lock", "yours")
    assert storage.read_text(f"{FOLDER}/lock") == "mine"


def test_a_text_is_replaced_only_in_the_version_that_was_read(storage: Storage) -> None:
    storage.write_text(f"{FOLDER}/lock", "one")
    text, generation = storage.read_versioned(f"{FOLDER}/lock") or ("", 0)
    assert text == "one"
    assert storage.replace_text(f"{FOLDER}/lock", "two", generation)
    assert not storage.replace_text(f"{FOLDER}/lock", "three", generation)
    assert storage.read_text(f"{FOLDER}/lock") == "two"


def test_replacing_a_deleted_object_does_not_bring_it_back(storage: Storage) -> None:
    assert not storage.replace_text(f"{FOLDER}/lock", "text", generation=1)
    assert not storage.exists(f"{FOLDER}/lock")


def test_there_is_no_version_of_a_missing_object(storage: Storage) -> None:
    assert storage.read_versioned(f"{FOLDER}/nothing") is None
    with pytest.raises(StorageError, match="there is no bucket gs://no-such-bucket"):
        storage.read_versioned("gs://no-such-bucket/lock")


def test_a_creator_whose_answer_was_lost_knows_that_it_created(storage: Storage, emulator: Any) -> None:
    emulator.fail("storage.objects.insert", code=503, performed=True)
    assert storage.create_text(f"{FOLDER}/lock", "mine")
    assert emulator.faults_hit() == 1
    assert len(emulator.requests("storage.objects.insert")) == 2


def test_files_are_copied_there_and_back(storage: Storage, tmp_path: Path) -> None:
    # Above 8 MiB the client uploads in another way.
    data = os.urandom(9 * 2**20)
    (tmp_path / "up").write_bytes(data)
    storage.upload(tmp_path / "up", f"{FOLDER}/big")
    storage.copy(f"{FOLDER}/big", f"{FOLDER}/copy")
    storage.download(f"{FOLDER}/copy", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data


def test_an_empty_file_is_uploaded(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    storage.upload(tmp_path / "empty", f"{FOLDER}/empty")
    assert storage.read_bytes(f"{FOLDER}/empty") == b""


def test_a_missing_local_file_stays_a_file_error(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        storage.upload(tmp_path / "nothing", f"{FOLDER}/a")


def test_equal_bytes_are_uploaded_once(storage: Storage, tmp_path: Path, emulator: Any) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    uris = {storage.upload_by_content(tmp_path / name, f"{FOLDER}/", ".jsonl") for name in ("a", "b")}
    assert uris == {f"{FOLDER}/0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5.jsonl"}
    assert len(emulator.requests("storage.objects.insert")) == 1


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", [{"code": 503}, {"code": 429}, {"code": 0, "reset": True}])
def test_a_passing_fault_is_retried(storage: Storage, emulator: Any, times: int, fault: dict[str, Any]) -> None:
    emulator.fail("storage.objects.insert", times=times, **fault)
    storage.write_text(f"{FOLDER}/a", "x")
    assert emulator.faults_hit() == times


def test_retries_come_to_an_end(emulator: Any) -> None:
    emulator.fail("storage.objects.get", times=10_000, code=503)
    unavailable = r"\(The service is currently unavailable\.\)"
    with pytest.raises(StorageError, match=rf"^{FOLDER}/a: could not read it {unavailable}: try again$"):
        Storage(emulator.project, retry_seconds=0.3).read_text(f"{FOLDER}/a")
    assert emulator.faults_hit() > 1


def test_a_service_that_does_not_answer_is_said_to_be_that(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StorageError, match=rf"^{FOLDER}/a: could not write it: the service does not answer: "):
        Storage(emulator.project, retry_seconds=0.1).write_text(f"{FOLDER}/a", "x")


def test_a_missing_object_is_named(storage: Storage, tmp_path: Path) -> None:
    expected = rf"^{FOLDER}/a: there is no such object: check the name, or write it first$"
    for call in (
        lambda: storage.read_text(f"{FOLDER}/a"),
        lambda: list(storage.lines(f"{FOLDER}/a")),
        lambda: storage.download(f"{FOLDER}/a", tmp_path / "a"),
        lambda: storage.copy(f"{FOLDER}/a", f"{FOLDER}/b"),
    ):
        with pytest.raises(StorageError, match=expected):
            call()
    assert not (tmp_path / "a").exists()


def test_a_missing_bucket_is_named(storage: Storage, tmp_path: Path) -> None:
    uri = "gs://no-such-bucket/a"
    (tmp_path / "a").write_text("x")
    for call in (
        lambda: storage.read_text(uri),
        lambda: storage.write_text(uri, "x"),
        lambda: storage.create_text(uri, "x"),
        lambda: storage.upload(tmp_path / "a", uri),
        lambda: storage.find("gs://no-such-bucket/*"),
    ):
        with pytest.raises(
            StorageError, match=r"there is no bucket gs://no-such-bucket: create it, or correct the name$"
        ):
            call()


def test_denied_access_names_the_role_to_grant(storage: Storage, emulator: Any) -> None:
    denied = "sa@x does not have access to the Google Cloud Storage object."
    emulator.fail("storage.objects.get", code=403, message=denied)
    emulator.fail("storage.objects.insert", code=403, message=denied)
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: storage.read_text(f"{FOLDER}/a"),
        "write": lambda: storage.write_text(f"{FOLDER}/a", "x"),
    }
    for verb, call in calls.items():
        with pytest.raises(StorageError) as error:
            call()
        assert error.value.message == f"{FOLDER}/a: not allowed to {verb} it ({denied})", "its words and nothing else"
        assert error.value.next.startswith("grant roles/storage.objectUser on gs://gemtune-local")


def test_missing_credentials_say_how_to_log_in(storage: Storage, emulator: Any) -> None:
    emulator.fail("storage.objects.get", code=401)
    with pytest.raises(StorageError, match=r"no usable Google credentials .*gcloud auth application-default login"):
        storage.read_text(f"{FOLDER}/a")


def test_bytes_that_are_not_utf_8_are_named(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("größer".encode("latin-1"))
    storage.upload(tmp_path / "latin", f"{FOLDER}/latin")
    with pytest.raises(StorageError, match=rf"^{FOLDER}/latin: byte 2 is not UTF-8"):
        storage.read_text(f"{FOLDER}/latin")


@pytest.mark.parametrize("text", ["data/a.jsonl", "gs://", "gs:///a", "s3://b/a", ""])
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(StorageError, match="expected gs://BUCKET/NAME"):
        split_uri(text)


def test_a_bucket_alone_is_no_object(storage: Storage) -> None:
    with pytest.raises(StorageError, match="found a bucket, expected an object"):
        storage.read_text("gs://gemtune-local")
