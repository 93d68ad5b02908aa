from typing import Any

import pytest
from google.cloud import storage

from gemtune.project.access import Grant, Policies
from gemtune.project.accounts import account_exists, create_account, project_number
from gemtune.project.bucket import PREDICTIONS, Bucket, fits
from gemtune.vertex import CallError

NUMBER = "123456789012"
EMAIL = "steps-account@gemtune-local.iam.gserviceaccount.com"
EDITOR = f"{NUMBER}-compute@developer.gserviceaccount.com"
BUCKET = "gs://gemtune-local"


@pytest.fixture
def policies(emulator: Any) -> Policies:
    create_account("gemtune-local", EMAIL)
    return Policies("gemtune-local", NUMBER)


def grant(role: str, resource: str = "projects/gemtune-local", account: str = EMAIL) -> Grant:
    return Grant(resource=resource, account=account, role=role, who="steps", why="", source="")


def test_the_number_and_the_account_of_a_project_are_found(policies: Policies) -> None:
    assert project_number("gemtune-local") == NUMBER
    assert account_exists("gemtune-local", EMAIL)
    assert not account_exists("gemtune-local", f"no-{EMAIL}")


@pytest.mark.parametrize(
    "resource",
    [
        "projects/gemtune-local",
        BUCKET,
        f"projects/gemtune-local/serviceAccounts/{EMAIL}",
        "projects/gemtune-local/locations/us-central1/repositories/gemtune-local",
    ],
)
def test_a_role_is_held_once_it_is_given_and_what_others_have_stays(policies: Policies, resource: str) -> None:
    wanted = grant("roles/storage.objectViewer", resource)
    before = policies.read(resource).get("bindings", [])
    assert not policies.holds(wanted)
    policies.add(wanted)
    assert policies.holds(wanted)
    after = policies.read(resource)["bindings"]
    key = {"role": wanted.role, "members": [wanted.member]}
    assert [each for each in after if each != key] == before


def test_a_second_member_joins_the_binding_of_its_role(policies: Policies) -> None:
    policies.add(grant("roles/viewer"))
    policies.add(grant("roles/viewer", account=EDITOR))
    (members,) = [
        each["members"]
        for each in policies.read("projects/gemtune-local")["bindings"]
        if each["role"] == "roles/viewer"
    ]
    assert sorted(members) == sorted([f"serviceAccount:{EMAIL}", f"serviceAccount:{EDITOR}"])


def test_an_editor_of_the_project_writes_its_buckets_by_their_own_policy(policies: Policies, emulator: Any) -> None:
    wanted = grant("roles/storage.objectUser", BUCKET, EDITOR)
    assert policies.holds(wanted)
    emulator.state.put("iamPolicies", "buckets/gemtune-local", {"bindings": []})
    assert not policies.holds(wanted)


def test_a_role_in_the_project_does_not_reach_a_bucket_of_another(policies: Policies, emulator: Any) -> None:
    wanted = grant("roles/storage.objectViewer", BUCKET)
    policies.add(grant("roles/storage.objectAdmin"))
    assert policies.holds(wanted)
    bucket = emulator.state.get("buckets", "gemtune-local")
    emulator.state.put("buckets", "gemtune-local", {**bucket, "projectNumber": "999"})
    assert not policies.holds(wanted)


def test_a_binding_with_a_condition_does_not_count(policies: Policies, emulator: Any) -> None:
    binding = {"role": "roles/viewer", "members": [f"serviceAccount:{EMAIL}"], "condition": {"expression": "false"}}
    emulator.state.put("iamPolicies", f"projects/{NUMBER}", {"bindings": [binding]})
    assert not policies.holds(grant("roles/viewer"))
    policies.add(grant("roles/viewer"))
    assert policies.holds(grant("roles/viewer"))
    assert binding in policies.read("projects/gemtune-local")["bindings"]


def test_everybody_includes_the_account(policies: Policies) -> None:
    open_bucket = storage.Client().create_bucket("open-data", location="us")
    policy = open_bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    open_bucket.set_iam_policy(policy)
    assert policies.holds(grant("roles/storage.objectViewer", "gs://open-data"))


def test_a_lifecycle_rule_joins_those_that_are_there(emulator: Any) -> None:
    theirs = storage.Client().get_bucket("gemtune-local")
    theirs.add_lifecycle_delete_rule(age=7, matches_prefix=["tmp/"])
    theirs.patch()
    bucket = Bucket("gemtune-local", "gemtune-local")
    assert not bucket.has_rule()
    bucket.add_rule()
    assert bucket.has_rule()
    theirs.reload()
    rules = {rule["condition"]["matchesPrefix"][0]: rule["condition"]["age"] for rule in theirs.lifecycle_rules}
    assert rules == {"tmp/": 7, PREDICTIONS: 90}


def test_what_the_service_refuses_carries_its_code_and_its_words(emulator: Any) -> None:
    emulator.fail("storage.buckets.get", code=403, message="x does not have storage.buckets.get access")
    with pytest.raises(CallError, match=r"gs://gemtune-local: .*does not have storage\.buckets\.get") as caught:
        Bucket("gemtune-local", "gemtune-local").location()
    assert caught.value.code == 403


@pytest.mark.parametrize(
    ("bucket", "region", "fitting"),
    [("US", "us-central1", True), ("ASIA", "us-central1", False), ("US-EAST1", "us-central1", False)],
)
def test_a_bucket_fits_its_region_and_what_lies_around_it(bucket: str, region: str, fitting: bool) -> None:
    assert fits(bucket, region) == fitting
