import base64
import hashlib
import io
from pathlib import Path

import httpx
import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage import Bucket, Client

from emulator.state import State
from emulator.storage import object_exists, read_object, write_object
from tests.conftest import Emulator


def put(bucket: Bucket, *names: str) -> None:
    for name in names:
        bucket.blob(name).upload_from_string(name)


def test_text_comes_back_with_its_metadata(bucket: Bucket) -> None:
    blob = bucket.blob("folder/text.json")
    blob.metadata = {"from": "test"}
    blob.cache_control = "no-store"
    blob.upload_from_string('{"größe": 1}', content_type="application/json")
    found = bucket.get_blob("folder/text.json")
    assert found.download_as_text() == '{"größe": 1}'
    assert (found.content_type, found.size, found.metadata) == ("application/json", 14, {"from": "test"})
    assert (found.cache_control, found.metageneration, found.storage_class) == ("no-store", 1, "STANDARD")
    assert found.md5_hash == base64.b64encode(hashlib.md5('{"größe": 1}'.encode()).digest()).decode()


def test_a_file_goes_up_and_comes_down(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(bytes(range(256)) * 40)
    bucket.blob("file").upload_from_filename(str(tmp_path / "up"))
    bucket.blob("file").download_to_filename(str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_a_missing_object_is_named_as_the_service_does(bucket: Bucket) -> None:
    with pytest.raises(NotFound, match="No such object: gemtune-local/a/b"):
        bucket.blob("a/b").reload()
    with pytest.raises(NotFound, match="No such object: gemtune-local/a/b"):
        bucket.blob("a/b").download_as_bytes()
    with pytest.raises(NotFound, match="No such object: gemtune-local/a/b"):
        bucket.blob("a/b").delete()
    assert bucket.get_blob("a/b") is None


def test_only_one_of_two_creates_the_object(bucket: Bucket) -> None:
    bucket.blob("lock").upload_from_string("first", if_generation_match=0)
    with pytest.raises(PreconditionFailed, match="At least one of the pre-conditions you specified did not hold"):
        bucket.blob("lock").upload_from_string("second", if_generation_match=0)
    assert bucket.blob("lock").download_as_bytes() == b"first"


def test_a_precondition_failure_has_the_envelope_of_storage(emulator: Emulator, bucket: Bucket) -> None:
    put(bucket, "lock")
    answer = httpx.delete(f"{emulator.url}/storage/v1/b/gemtune-local/o/lock", params={"ifGenerationMatch": 1})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (412, 412)
    assert error["errors"][0]["reason"] == "conditionNotMet"


def test_a_replacement_needs_the_generation_it_read(bucket: Bucket) -> None:
    blob = bucket.blob("lock")
    blob.upload_from_string("first")
    seen = blob.generation
    blob.upload_from_string("second", if_generation_match=seen)
    assert blob.generation > seen > 10**15
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string("third", if_generation_match=seen)
    with pytest.raises(PreconditionFailed):
        bucket.blob("lock").upload_from_string("third", if_generation_not_match=blob.generation)
    with pytest.raises(PreconditionFailed):
        bucket.blob("lock").delete(if_generation_match=seen)
    with pytest.raises(NotFound):
        bucket.blob("lock", generation=seen).download_as_bytes()
    assert bucket.blob("lock").download_as_bytes() == b"second"


def test_metadata_is_patched_under_a_metageneration(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"kept": "1", "dropped": "2"}
    blob.upload_from_string("text", content_type="text/plain")
    blob.metadata = {"kept": "1", "dropped": None, "new": "3"}
    blob.content_type = "application/json"
    blob.patch(if_metageneration_match=1)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").patch(if_metageneration_match=1)
    found = bucket.get_blob("a")
    assert (found.metadata, found.content_type) == ({"kept": "1", "new": "3"}, "application/json")
    assert found.metageneration == 2
    assert found.download_as_bytes() == b"text"


@pytest.mark.parametrize("name", ["文档/größe 100% #1?.txt", "a+b&c=d", "a//b", "/a", "a%2Fb", "😀", "x/compose"])
def test_any_name_works(bucket: Bucket, name: str) -> None:
    put(bucket, name)
    assert bucket.blob(name).download_as_text() == name
    assert [blob.name for blob in bucket.list_blobs()] == [name]
    bucket.blob(name).reload()
    bucket.copy_blob(bucket.blob(name), bucket, name + "!")
    assert bucket.blob(name + "!").download_as_text() == name
    bucket.blob(name).delete()
    assert not bucket.blob(name).exists()


def test_an_object_may_be_named_like_anothers_folder(bucket: Bucket) -> None:
    put(bucket, "a/b", "a", "a/b/c")
    assert [blob.download_as_text() for blob in bucket.list_blobs()] == ["a", "a/b", "a/b/c"]


def test_composing_concatenates(bucket: Bucket) -> None:
    put(bucket, "one", "two", "three")
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose([bucket.blob("one"), bucket.blob("two"), bucket.blob("three")], if_generation_match=0)
    assert whole.download_as_text() == "onetwothree"
    whole.reload()
    assert (whole.component_count, whole.md5_hash, whole.content_type) == (3, None, "text/plain")
    with pytest.raises(PreconditionFailed):
        whole.compose([bucket.blob("one")], if_generation_match=0)
    with pytest.raises(NotFound, match="No such object: gemtune-local/four"):
        whole.compose([bucket.blob("four")])
    whole.compose([bucket.blob("one"), bucket.blob("two")], delete_source_objects=True)
    assert [blob.name for blob in bucket.list_blobs()] == ["three", "whole"]


def test_a_copy_keeps_bytes_and_metadata(client: Client, bucket: Bucket) -> None:
    other = client.create_bucket("other-bucket")
    source = bucket.blob("source")
    source.metadata = {"from": "test"}
    source.upload_from_string("text", content_type="text/x-source")
    copy = bucket.copy_blob(source, other, "copy")
    source.delete()
    copy.reload()
    assert (copy.content_type, copy.metadata) == ("text/x-source", {"from": "test"})
    assert copy.download_as_text() == "text"


def test_a_rewrite_is_done_at_once(bucket: Bucket) -> None:
    put(bucket, "source")
    target = bucket.blob("target")
    assert target.rewrite(bucket.blob("source"), if_generation_match=0) == (None, 6, 6)
    assert target.download_as_text() == "source"
    with pytest.raises(PreconditionFailed):
        target.rewrite(bucket.blob("source"), if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        target.rewrite(bucket.blob("source"), if_source_generation_match=1)


def test_a_deleted_object_leaves_no_bytes(emulator: Emulator, bucket: Bucket) -> None:
    put(bucket, "a", "a", "b")
    bucket.blob("a").delete()
    bucket.blob("b", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"x" * 300_000))
    assert len(list((emulator.state.folder / "objects").iterdir())) == 1
    assert list((emulator.state.folder / "uploads").iterdir()) == []


def test_other_services_read_and_write_objects(emulator: Emulator, bucket: Bucket) -> None:
    assert read_object(emulator.state, "gs://gemtune-local/a") is None
    write_object(emulator.state, "gs://gemtune-local/a", b"text", "text/plain")
    assert bucket.get_blob("a").content_type == "text/plain"
    assert read_object(emulator.state, "gs://gemtune-local/a") == b"text"
    assert object_exists(emulator.state, "gs://gemtune-local/a")
    assert not object_exists(emulator.state, "https://gemtune-local/a")


def test_objects_survive_a_restart(tmp_path: Path) -> None:
    from emulator.app import create_app

    first = State(tmp_path)
    create_app(first)
    write_object(first, "gs://gemtune-local/a/größe", b"text")
    first.close()
    second = State(tmp_path)
    create_app(second)
    assert read_object(second, "gs://gemtune-local/a/größe") == b"text"
    write_object(second, "gs://gemtune-local/a/größe", b"newer")
    assert read_object(second, "gs://gemtune-local/a/größe") == b"newer"
    second.close()
