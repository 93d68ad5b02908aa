from typing import Any

import google.auth
from google.auth.transport.requests import AuthorizedSession

from tests.conftest import Emulator


def ask(emulator: Emulator, project: str) -> Any:
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return AuthorizedSession(credentials).get(f"{emulator.url}/v1/projects/{project}/billingInfo")


def test_the_project_is_billed_from_the_start(emulator: Emulator) -> None:
    found = ask(emulator, emulator.project).json()
    assert found["name"] == f"projects/{emulator.project}/billingInfo" and found["projectId"] == emulator.project
    assert found["billingEnabled"] is True and found["billingAccountName"].startswith("billingAccounts/")


def test_of_another_project_nothing_is_told(emulator: Emulator) -> None:
    assert ask(emulator, "somebody-elses").status_code == 403
