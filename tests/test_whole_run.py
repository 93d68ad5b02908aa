"""The whole run as a newcomer starts it: one command, raw files to a decision, through the compiled pipeline."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gemtune.comparison.schema import Comparison
from tests.ports import free_port

ROOT = Path(__file__).parents[1]


class Run(NamedTuple):
    result: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def comparison(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "comparison.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the quickstart in an empty folder, where a developer's credentials would break it if they were read."""
    here = tmp_path_factory.mktemp("newcomer")
    planted = here / "home/.config/gcloud/application_default_credentials.json"
    planted.parent.mkdir(parents=True)
    planted.write_text("not JSON: whoever reads this fails")
    environment = {
        **os.environ,
        "HOME": str(here / "home"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(planted),
        "GEMTUNE_EMULATOR_PORT": str(free_port()),
        "GEMTUNE_STATE": str(here / "state"),
    }
    environment.pop("CLOUDSDK_CONFIG", None)
    command = [
        sys.executable,
        "-m",
        "scripts.cli",
        "run",
        str(ROOT / "samples/quickstart.yaml"),
        "--target",
        "emulator",
    ]
    result = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=300)
    folders = list((here / "runs").glob("*")) or [here]
    yield Run(result, folders[0])


def test_it_ends_with_a_decision_and_the_report(run: Run) -> None:
    assert run.result.returncode == 0, run.result.stderr
    assert run.result.stdout.startswith("promote: improved")
    assert run.result.stdout.count("\n") == 1
    assert run.result.stderr.splitlines()[-1].endswith("report.html")
    assert {path.name for path in run.folder.iterdir()} == {"comparison.json", "model_card.md", "report.html"}


def test_every_step_is_shown_in_80_columns(run: Run) -> None:
    for name in ("Stage sources", "Data conversion", "Baseline: generate", "Tuning", "Tuned: score", "Promotion"):
        assert f"  {name}" in run.result.stderr
    assert "not from Gemini" in " ".join(run.result.stderr.split())
    assert all(len(line) <= 80 for line in run.result.stderr.splitlines())
    assert "Traceback" not in run.result.stderr


def test_every_example_is_accounted_for(run: Run) -> None:
    ledger = run.comparison["ledger"]
    assert {split: ledger[split]["used"] for split in ("train", "validation", "test")} == {
        "train": 200,
        "validation": 20,
        "test": 80,
    }
    assert all(metric["n"] + metric["unscored"] == 80 for metric in run.comparison["metrics"])


def test_both_models_were_treated_alike_and_the_comparison_is_what_its_schema_says(run: Run) -> None:
    Comparison.model_validate_json((run.folder / "comparison.json").read_text(encoding="utf-8"))
    guards = {guard["name"]: guard for guard in run.comparison["fairness"]}
    assert all(guard["passed"] for guard in guards.values())
    for name in ("prompts", "settings", "thinking", "model_version", "contamination"):
        assert guards[name]["baseline"] == guards[name]["candidate"] is not None


def test_the_verdict_follows_from_the_numbers(run: Run) -> None:
    comparison = run.comparison
    primary = next(metric for metric in comparison["metrics"] if metric["name"] == comparison["primary_metric"])
    assert comparison["verdict"] == "improved" and comparison["decision"] == "promote"
    assert 0.01 <= primary["low"] < primary["difference"] < primary["high"]
    assert primary["difference"] == pytest.approx(primary["candidate"] - primary["baseline"])


def test_it_can_be_reproduced_from_what_it_says(run: Run) -> None:
    assert run.comparison["spec"]["epoch_count"] == 4
    assert run.comparison["spec"]["temperature"] == 0.1
    assert run.comparison["job"].endswith(run.folder.name)
    assert "not from Gemini" in " ".join(run.comparison["notices"])
    assert "not from Gemini" in (run.folder / "model_card.md").read_text(encoding="utf-8")


def test_the_report_needs_no_network(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "improved" in page and "<svg" in page
    assert 'src="http' not in page and "@import" not in page and "<link" not in page and "<script src" not in page
    assert page.count("gs://gemtune-local/gemtune/pipeline-root/") == 4 and "/gcs/" not in page


def test_the_readme_shows_what_the_run_prints(run: Run) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = next(block for block in re.findall(r"```text\n(.*?)```", readme, re.DOTALL) if block.startswith("target"))

    def lines(text: str) -> list[str]:
        for changing in (r" +\d+\.\d s", r"gemini-tuning-\d{14}-[0-9a-f]{4}", r"127.0.0.1:\d+"):
            text = re.sub(changing, " X", text)
        return sorted(text.split())

    assert lines(shown) == lines(run.result.stderr + run.result.stdout)
