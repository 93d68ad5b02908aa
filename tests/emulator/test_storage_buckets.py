import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import storage
from google.cloud.storage import Bucket, Client

from tests.conftest import Emulator


def test_the_default_bucket_exists_at_start(bucket: Bucket) -> None:
    assert bucket.exists()


def test_a_bucket_is_created_and_listed(client: Client) -> None:
    made = client.create_bucket("made-here", location="europe-west4")
    made.reload()
    assert (made.location, made.project_number, made.storage_class) == ("EUROPE-WEST4", 123456789012, "STANDARD")
    assert [bucket.name for bucket in client.list_buckets()] == ["gemtune-local", "made-here"]


def test_a_bucket_is_created_once(client: Client) -> None:
    with pytest.raises(Conflict, match="Your previous request to create the named bucket succeeded and you already"):
        client.create_bucket("gemtune-local")


def test_a_missing_bucket_is_named_as_the_service_does(client: Client) -> None:
    with pytest.raises(NotFound, match="The specified bucket does not exist"):
        client.get_bucket("not-here")
    with pytest.raises(NotFound, match="The specified bucket does not exist"):
        list(client.list_blobs("not-here"))
    with pytest.raises(NotFound, match="The specified bucket does not exist"):
        client.bucket("not-here").blob("a").upload_from_string("text")
    assert not client.bucket("not-here").exists()


def test_another_projects_buckets_are_refused(emulator: Emulator) -> None:
    with pytest.raises(BadRequest, match="Unknown project id: someone-elses"):
        storage.Client(project="someone-elses").create_bucket("made-here")
