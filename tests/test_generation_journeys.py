"""Long journeys of generation: a step killed in the middle, two models compared, the benchmark."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gemtune.generation.predictions import digest_of
from gemtune.storage import Storage
from tests.gemtune.conftest import articles
from tests.terminal import SAMPLES, Terminal

pytestmark = pytest.mark.acceptance
ASK = "publishers.models.generateContent"
PROMPTS, IN_FLIGHT = 240, 8
STEP = f"""
import sys
from pathlib import Path
from gemtune import catalog
from gemtune.generation.generate import generate
from gemtune.generation.settings import GenerationSettings
from gemtune.serving import ServedModel
from gemtune.storage import Storage
project, bucket, prompts, output = sys.argv[1:]
model = "gemini-3.1-flash-lite"
generate(project=project, bucket=bucket, prompts_uri=prompts, served=ServedModel(model, "global", model),
         settings=GenerationSettings(), max_in_flight={IN_FLIGHT}, max_age_days=30, output=Path(output),
         storage=Storage(project), catalog=catalog.load())
"""


def test_a_step_killed_at_half_sends_nothing_again_that_it_had_kept(emulator: Any, tmp_path: Path) -> None:
    storage, uri = Storage(emulator.project), f"gs://{emulator.bucket}/test.jsonl"
    prompts = articles(PROMPTS)
    lines = (json.dumps({"id": f"id-{at}", "prompt": each, "reference": "x"}) for at, each in enumerate(prompts))
    storage.write_text(uri, "\n".join(lines) + "\n")
    # Answers take their time, so that half is far from the end; and one in ten is refused.
    emulator.fail(ASK, times=PROMPTS // 10, code=429, share=0.1)
    emulator.fail(ASK, times=10_000, code=0, delay_seconds=0.25)
    output = tmp_path / "predictions.jsonl"
    command = [sys.executable, "-c", STEP, emulator.project, emulator.bucket, uri, str(output)]

    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(emulator.requests(ASK)) >= PROMPTS // 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # what was under way ends on the server, too
    first, kept = asked(emulator), stored(storage, emulator.bucket)
    assert not output.exists()
    assert 0 < len(kept) < PROMPTS

    emulator.state.faults.clear()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=120)
    total = asked(emulator)
    predictions = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in predictions] == [f"id-{at}" for at in range(PROMPTS)]
    assert {one["outcome"] for one in predictions} == {"answered"}
    again = {digest for digest in total if total[digest] > first[digest] > 0}
    assert not again & kept, "what was kept is not asked again"
    assert set(total) - kept == {digest for digest in total if total[digest] > first[digest]}
    # An answer waits 2 s for its shard, at 8 x 1/0.25 s = 32 a second, and 8 are in flight; a busy machine is slower.
    assert len(again) <= 2 * 32 + IN_FLIGHT + 40

    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=120)
    assert asked(emulator) == total, "a third run asks nothing"


def asked(emulator: Any) -> Counter[str]:
    bodies = [request["body"] for request in emulator.requests(ASK)]
    return Counter(digest_of({"contents": body["contents"]}) for body in bodies if body)


def stored(storage: Storage, bucket: str) -> set[str]:
    shards = storage.find(f"gs://{bucket}/gemtune/predictions/**.jsonl")
    return {json.loads(line)["prompt"] for shard in shards for line in storage.lines(shard)}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path_factory.mktemp("terminal"))
    yield terminal
    terminal.emulator.terminate()
    terminal.emulator.communicate(timeout=20)


def test_two_models_are_compared_on_test_data_alone_and_answers_are_found_again(terminal: Terminal) -> None:
    spec = terminal.folder / "evaluation.yaml"
    spec.write_text(json.dumps({"name": "two-models", "test_data": str(SAMPLES / "test.csv")}))
    command = ["evaluate", str(spec), "--target", "emulator", "--model", "gemini-3.1-flash-lite", "--model"]
    ended = terminal.gemtune(*command, "gemini-3.5-flash")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("hold: inconclusive")
    assert terminal.paid() == (0, 160)
    compared = terminal.comparison()
    assert compared["models"]["candidate"] == "gemini-3.5-flash" and compared["tuning"] == {}
    assert compared["ledger"]["train"]["read"] == 0

    # In batch mode the answers of the first evaluation are found, and only the third model is asked: by one job.
    ended = terminal.gemtune(*command, "gemini-3.8-flash", "--set", "generation_mode=batch")
    assert ended.returncode == 0, ended.stderr
    assert terminal.paid() == (0, 160)
    assert len(terminal.ask("/emulator/requests?method=batchPredictionJobs.create")) == 1
    assert terminal.comparison()["sides"]["candidate"]["outcomes"] == {"answered": 80}


def test_an_evaluation_finds_the_answers_of_the_whole_run(terminal: Terminal) -> None:
    ended = terminal.gemtune("run", terminal.spec("whole"))
    assert ended.returncode == 0, ended.stderr
    before, job = terminal.paid(), terminal.comparison()["tuning"]["tuning_job"]
    models = ["--model", "gemini-3.1-flash-lite", "--model", job]
    ended = terminal.gemtune("evaluate", terminal.spec("again"), *models)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("promote: improved")
    assert terminal.paid() == before

    asked = terminal.gemtune("predict", job, "Rain fell all week. Close the bridge.", "--spec", terminal.spec("again"))
    assert asked.returncode == 0 and asked.stdout.strip(), asked.stderr


def test_the_benchmark_tells_every_figure_and_loses_nothing() -> None:
    environment = {name: value for name, value in os.environ.items() if "GOOGLE" not in name}
    command = [sys.executable, "-m", "scripts.benchmark", "generate", "--json"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)
    assert found.returncode == 0, found.stderr
    figures = json.loads(found.stdout)
    named = {"quota_share", "random_429_share", "share_at_32", "share_at_128", "raw_ratio", "codelab_ratio", "lost"}
    assert named <= figures.keys()
    assert figures["lost"] == 0 < figures["threads_lost_to_quota"]
