"""README, CONTRIBUTING and SECURITY say what is so: commands run, figures are computed, files are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gemtune import catalog
from scripts import cli
from tests.ports import free_port
from tests.terminal import Terminal

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING, SECURITY = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")
)


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


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


def test_the_costs_of_the_readme_are_those_of_the_catalogue() -> None:
    known = catalog.load()
    rows = re.findall(r"^\| `([\w.-]+)`[^|]*\| (\S+) \| (\S+) \| (\S+) \|$", README, re.MULTILINE)
    assert len(rows) >= 3
    for model, *shown in rows:
        costs = [
            known.training_cost(model, 500 * 600, 3),
            known.inference_cost(model, 100 * 500, 100 * 100, tuned=False),
            known.inference_cost(model, 100 * 500, 100 * 100, tuned=True),
        ]
        assert shown == ["unknown" if cost is None else f"${cost + 1e-9:.2f}" for cost in costs], model


def test_every_error_that_the_readme_explains_is_one_that_is_said() -> None:
    table = README[README.index("| what is said") : README.index("## Where things are")]
    said = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    said += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts").glob("*.py"))
    quoted = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(quoted) >= 8
    assert not [words for words in quoted if words not in said]


@pytest.mark.parametrize("text", [CONTRIBUTING, SECURITY])
def test_what_the_other_pages_name_is_there(text: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make (\w+)", text)) <= set(targets)
    assert set(re.findall(r"`gemtune (\w+)", text)) <= set(cli.VERBS)
    for path in re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`|\]\(([\w/.-]+)\)", text):
        name = "".join(path)
        assert (ROOT / name).exists() or name in (".gemtune/", "gemtune/promoted/"), name


def test_the_example_for_ci_needs_no_key_and_runs_verbs_that_exist() -> None:
    workflow = yaml.safe_load((ROOT / "samples/ci/github-actions.yaml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    (job,) = workflow["jobs"].values()
    assert all("secrets." not in str(step) and "credentials_json" not in str(step) for step in job["steps"])
    commands = [step["run"].split() for step in job["steps"] if ".venv/bin/gemtune" in step.get("run", "")]
    assert commands and all(command[1] in cli.VERBS for command in commands)


def test_no_key_is_in_the_repository() -> None:
    # An API key stands alone: among the letters of an embedded archive any four of them turn up now and then.
    alone = rb"(?<![0-9A-Za-z+/_-])AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z+/_-])"
    keys = re.compile(rb'-----BEGIN [A-Z ]*PRIVATE KEY-----|"private_key_id"\s*:|' + alone)
    assert all(keys.search(each % (b"AIza" + b"x" * 35)) for each in (b'key: "%b"', b"?key=%b&", b"%b"))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert files
    assert not [path for path in files if keys.search(path.read_bytes())]


@pytest.mark.acceptance
@pytest.mark.parametrize("block", [*blocks("bash"), *blocks("bash", CONTRIBUTING)])
def test_the_commands_of_the_pages_run(block: str, tmp_path: Path) -> None:
    environment = {**os.environ, "GEMTUNE_EMULATOR_PORT": str(free_port()), "GEMTUNE_STATE": str(tmp_path)}
    for command in block.strip().splitlines():
        ended = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"


@pytest.mark.acceptance
def test_the_plain_sdk_drives_a_job_as_the_sample_shows(tmp_path: Path) -> None:
    program = (ROOT / "samples/plain_sdk.py").read_text(encoding="utf-8")
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
        script = tmp_path / "sample.py"
        script.write_text(program)
        ended = subprocess.run(
            f"{exports}\nexec {sys.executable} {script}", shell=True, cwd=ROOT, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        assert "PIPELINE_STATE_" in ended.stdout
        assert "stage-sources" in ended.stdout
