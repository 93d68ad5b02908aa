import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.cloud import storage
from google.cloud.storage import Bucket, Client

from emulator.storage_buckets import create_default_bucket
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


def test_a_bucket_is_closed_to_the_public_by_a_patch(client: Client) -> None:
    made = client.create_bucket("made-here", location="us-central1")
    access = made.iam_configuration
    assert (access.uniform_bucket_level_access_enabled, access.public_access_prevention) == (False, "inherited")
    access.uniform_bucket_level_access_enabled, access.public_access_prevention = True, "enforced"
    made.patch()
    made.reload()
    access = made.iam_configuration
    assert (access.uniform_bucket_level_access_enabled, access.public_access_prevention) == (True, "enforced")
    policy = made.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    with pytest.raises(PreconditionFailed, match="public access prevention is enforced"):
        made.set_iam_policy(policy)


def test_a_new_bucket_belongs_to_the_projects_owners_and_editors(bucket: Bucket) -> None:
    bindings = bucket.get_iam_policy(requested_policy_version=3).bindings
    held = {binding["role"]: binding["members"] for binding in bindings}
    assert held["roles/storage.legacyObjectOwner"] == {"projectOwner:gemtune-local", "projectEditor:gemtune-local"}
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]


def test_a_lifecycle_rule_deletes_what_is_old_below_its_prefix_and_nothing_else(
    bucket: Bucket, emulator: Emulator
) -> None:
    for name in ("gemtune/predictions/old", "gemtune/runs/old"):
        bucket.blob(name).upload_from_string("text")
    bucket.add_lifecycle_delete_rule(age=90, matches_prefix=["gemtune/predictions/"])
    bucket.patch()
    emulator.advance(89 * 86_400)
    bucket.blob("gemtune/predictions/new").upload_from_string("text")
    assert len(list(bucket.list_blobs())) == 3
    emulator.advance(2 * 86_400)
    assert [blob.name for blob in bucket.list_blobs()] == ["gemtune/predictions/new", "gemtune/runs/old"]


def test_only_an_empty_bucket_is_deleted(bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string("text")
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("a").delete()
    bucket.delete()
    assert not bucket.exists()


def test_a_default_bucket_that_was_deleted_stays_away(emulator: Emulator, bucket: Bucket) -> None:
    bucket.delete()
    create_default_bucket(emulator.state)
    assert not bucket.exists()
