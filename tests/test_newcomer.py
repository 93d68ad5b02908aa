"""A newcomer's afternoon through the command line alone.

Part 1: setup, and three broken things mended by running what doctor printed, word for word, in a shell.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import ROOT, Terminal

pytestmark = pytest.mark.acceptance
ACCOUNT = "gemtune-pipeline@gemtune-local.iam.gserviceaccount.com"
PROJECT = "projects/gemtune-local"
CALL = """
import json, sys, google.auth
from google.auth.transport.requests import AuthorizedSession
method, url, sent = sys.argv[1:]
answer = AuthorizedSession(google.auth.default()[0]).request(method, url, data=sent)
answer.raise_for_status()
print(answer.text)
"""


class Newcomer:
    """Somebody at a terminal, who types what is printed."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.exports = terminal.gemtune("emulator", "--env").stdout
        self.spec = terminal.spec("first", submission={"target": "emulator", "service_account": ACCOUNT})

    def type(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line in a shell where `gemtune` is the command."""
        command = f'gemtune() {{ {sys.executable} -m scripts.cli "$@"; }}\n{line}'
        environment = {**self.terminal.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        return subprocess.run(
            ["sh", "-c", command], cwd=self.terminal.folder, env=environment, capture_output=True, text=True
        )

    def doctor(self) -> "subprocess.CompletedProcess[str]":
        return self.terminal.gemtune("doctor", self.spec)

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Ask the emulator as an administrator would, behind gemtune's back."""
        url = f"http://127.0.0.1:{self.terminal.port}/v1/{path}"
        command = f'{self.exports}\nexec {sys.executable} -c "$0" "$@"'
        ended = subprocess.run(
            ["sh", "-c", command, CALL, method, url, json.dumps(body)],
            capture_output=True,
            text=True,
            env=self.terminal.environment,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    with Terminal(tmp_path_factory.mktemp("newcomer")) as terminal:
        yield Newcomer(terminal)


def failures(ended: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Return what failed → the command below it."""
    lines = ended.stdout.splitlines()
    pairs = pairwise(lines)
    return {
        line.removeprefix("fail").strip(): below.partition("$ ")[2] for line, below in pairs if line.startswith("fail")
    }


def break_three_things(newcomer: Newcomer) -> None:
    """Delete the bucket, switch an API off, and take the steps' role in the project away."""
    newcomer.terminal.delete("/storage/v1/b/gemtune-local")
    newcomer.call("POST", f"{PROJECT}/services/aiplatform.googleapis.com:disable", {})
    policy = newcomer.call("POST", f"{PROJECT}:getIamPolicy", {})
    policy["bindings"] = [each for each in policy["bindings"] if each["role"] != "roles/aiplatform.user"]
    newcomer.call("POST", f"{PROJECT}:setIamPolicy", {"policy": policy})


def test_three_broken_things_are_mended_by_what_doctor_printed(newcomer: Newcomer) -> None:
    made = newcomer.type(f"gemtune setup {newcomer.spec} --yes")
    assert (made.returncode, made.stdout) == (0, "6 made\n"), made.stderr
    assert newcomer.type(f"gemtune setup {newcomer.spec} --yes").stdout == "nothing to do\n"
    ready = newcomer.doctor()
    assert (ready.returncode, ready.stdout.splitlines()[-1]) == (0, "ready"), ready.stdout + ready.stderr

    break_three_things(newcomer)
    broken = newcomer.doctor()
    found = failures(broken)
    assert broken.returncode == 3
    for text in (
        "APIs: not enabled: aiplatform",
        "bucket gs://gemtune-local: does not exist",
        "steps: aiplatform.user on project: not held",
    ):
        assert text in found, broken.stdout
    for command in dict.fromkeys(found.values()):
        mended = newcomer.type(command)
        assert mended.returncode == 0, f"{command}\n{mended.stderr}"
    again = newcomer.doctor()
    assert (again.returncode, failures(again)) == (0, {}), again.stdout


def test_a_run_goes_on_in_the_project_that_was_mended(newcomer: Newcomer) -> None:
    ended = newcomer.type(f"gemtune run {newcomer.spec} --set epoch_count=1 --set max_truncated_share=1.0")
    assert ended.returncode == 0, ended.stderr
    found = newcomer.doctor()
    assert found.returncode == 0, found.stdout
    agent = "tuning: aiplatform.tuningServiceAgent on project: "
    assert f"ok    {agent}held" in found.stdout, "the agent came with the first tuning job"
    assert Path(newcomer.terminal.folder, "runs").is_dir()
