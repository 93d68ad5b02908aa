"""The README says what is so: its commands run, its Python runs, its output is a run's output."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import cli
from tests.ports import free_port
from tests.terminal import Terminal

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_every_path_of_the_file_map_exists() -> None:
    tree = next(block for block in blocks("text") if "components/" in block)
    for line in tree.splitlines():
        folder = line.split()[0]
        if line[0] != " " and folder.endswith("/"):
            assert (ROOT / folder).is_dir(), folder
        for name in re.findall(r"([\w.]+\.(?:py|toml|yaml|json))\b", line):
            assert list(ROOT.glob(f"[!.]*/**/{name}")), name


def test_every_verb_is_in_the_readme() -> None:
    for verb in cli.VERBS:
        assert f"gemtune {verb}" in README, verb


@pytest.mark.acceptance
@pytest.mark.parametrize("block", blocks("bash"))
def test_the_commands_of_the_readme_run(block: str, tmp_path: Path) -> None:
    environment = {**os.environ, "GEMTUNE_EMULATOR_PORT": str(free_port()), "GEMTUNE_STATE": str(tmp_path)}
    for command in block.strip().splitlines():
        ended = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"


@pytest.mark.acceptance
def test_the_plain_sdk_drives_a_job_as_the_readme_shows(tmp_path: Path) -> None:
    (program,) = blocks("python")
    with Terminal(tmp_path) as terminal:
        exports = terminal.gemtune("emulator", "--env").stdout
        program = f"""
{program}
assert job.resource_name in [each.resource_name for each in aiplatform.PipelineJob.list()]
job.cancel()
import time
while job.state.name != "PIPELINE_STATE_CANCELLED":
    time.sleep(0.2)
"""
        script = tmp_path / "readme.py"
        script.write_text(program)
        ended = subprocess.run(
            f"{exports}\nexec {sys.executable} {script}", shell=True, cwd=ROOT, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        assert "PIPELINE_STATE_" in ended.stdout
        assert "stage-sources" in ended.stdout
