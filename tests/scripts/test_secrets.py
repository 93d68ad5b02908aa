"""The value of a secret is in Secret Manager and in the message's address, and nowhere else."""

import base64
import json
from typing import Any

import pytest

from emulator import storage_objects
from emulator.storage import write_object
from gemtune.runs.notification import tell
from gemtune.step import step
from tests.conftest import Emulator
from tests.emulator.tuning import call
from tests.gemtune.runs.test_notification import PARAMETERS
from tests.scripts.conftest import CommandLine

PASSWORD = "xoxb-T0-B0-password"


@pytest.fixture
def address(emulator: Emulator) -> str:
    """A webhook whose address is in a secret, as a user puts it there."""
    value = f"{emulator.url}/computeMetadata/v1/{PASSWORD}"
    secrets = "projects/gemtune-local/secrets"
    call(emulator, "POST", f"{secrets}?secretId=slack", {"replication": {"automatic": {}}})
    data = {"payload": {"data": base64.b64encode(value.encode()).decode()}}
    assert call(emulator, "POST", f"{secrets}/slack:addVersion", data).status_code == 200
    return value


def everything_kept(emulator: Emulator) -> str:
    """Return all that the emulator keeps and tells, but for the secret itself: resources, labels, objects, its log."""
    with emulator.state.transaction() as database:
        rows = database.execute("SELECT document FROM documents WHERE collection != 'secretVersions'").fetchall()
    objects = emulator.state.list(storage_objects.collection_of(emulator.bucket))
    contents = [storage_objects.content_of(emulator.state, each).read_text(errors="replace") for each in objects]
    return "\n".join([*(row[0] for row in rows), *contents, json.dumps(emulator.requests())])


def is_told(text: str) -> bool:
    """Return whether a text holds the secret, plain or as Secret Manager takes it."""
    encoded = [base64.b64encode(("x" * shift + PASSWORD).encode()).decode()[4:-6] for shift in range(3)]
    return any(each in text for each in (PASSWORD, *encoded))


def test_the_search_for_a_secret_finds_one(emulator: Emulator, address: str) -> None:
    assert is_told(address) and is_told(base64.b64encode(address.encode()).decode())
    write_object(emulator.state, f"gs://{emulator.bucket}/leak", address.encode(), "text/plain")
    assert is_told(everything_kept(emulator))


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_the_exit_step_tells_the_address_to_nobody(
    emulator: Emulator, address: str, state: str, capfd: pytest.CaptureFixture[str]
) -> None:
    job = "projects/123456789012/locations/us-central1/pipelineJobs/run-1"
    place: dict[str, Any] = {"project": emulator.project, "bucket": emulator.bucket}
    with pytest.raises(SystemExit), step("Tuning", job_id="run-1", **place):
        tell(name="mine", job=job, state=state, parameters=PARAMETERS, webhook_secret="slack", **place)
        from gemtune.runs.webhook import send

        send("slack", "again", project=emulator.project, sleep=lambda seconds: None)
    shown = capfd.readouterr()
    assert "webhook: " in shown.err and not is_told(shown.out + shown.err)
    kept = everything_kept(emulator)
    assert "failure.json" in kept and not is_told(kept)


def test_a_submitted_job_knows_the_name_of_the_secret_only(
    gemtune: CommandLine, emulator: Emulator, address: str
) -> None:
    submitted = gemtune("submit", gemtune.spec(webhook_secret="slack"))
    assert submitted.code == 0, submitted.err
    assert '"webhook_secret": "slack"' in everything_kept(emulator)
    refused = gemtune("submit", gemtune.spec(webhook_secret=address))
    assert refused.code == 2 and "webhook_secret: found something else" in refused.err
    assert not is_told("".join([*submitted[1:], *refused[1:], everything_kept(emulator)]))
