"""How close evaluation comes to the limit of a service, beside the codelab's loop, a thread pool and a bare client.

    python -m scripts.benchmark generate [--json]

The service is `scripts/load_server.py`, the bucket is the emulator's, each in a process of its own. What is measured
of gemtune is a whole `generate`: prompts read, answers stored, predictions written. It takes about two minutes.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from gemtune import catalog as catalogs
from gemtune.generation.generate import generate
from gemtune.generation.settings import GenerationSettings
from gemtune.serving import ServedModel
from gemtune.storage import Storage
from scripts.emulator_process import find_emulator
from scripts.load_server import LATENCY_SECONDS, QUOTA_BURST, QUOTA_RATE
from scripts.target import use_environment

MODEL = "gemini-3.1-flash-lite"
LATENCY = sum(LATENCY_SECONDS) / 2
ARTICLE = "Rain fell on the town all week, and the river rose. Some bridges were closed. " * 15
CODELAB_PROMPTS = 6
CATALOG = catalogs.load()
SEEDS = count(1)
"""Other settings for each measurement: answers that an earlier one stored are none to reuse."""


class Measured(NamedTuple):
    """Seconds that a client took for a number of prompts, and how many got no answer."""

    prompts: int
    seconds: float
    lost: int

    @property
    def rate(self) -> float:
        """Prompts a second."""
        return self.prompts / self.seconds


class Place(NamedTuple):
    """Where everything is."""

    url: str
    """Of the load server."""
    project: str
    bucket: str
    folder: Path


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        "python -m scripts.benchmark generate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=1, help="measure so often in turn, and take each one's best")
    arguments = parser.parse_args(argv)
    with place() as here:
        ours(here, "free", 32, 32)  # imports, connections and caches are warm for everybody
        figures = measure(here, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:<20}{value:>10}")
    return 0


def measure(here: Place, rounds: int) -> dict[str, float]:
    """Return every figure; a share is that of the rate that the service allows."""
    quota = best(ours(here, f"quota-{turn}", 500, 32) for turn in range(rounds))
    random_429 = best(ours(here, "random", 500, 32) for _ in range(rounds))
    pairs_32 = [(raw(here, 2000, 32), ours(here, "free", 2000, 32)) for _ in range(rounds)]
    pairs_128 = [(raw(here, 5000, 128), ours(here, "free", 5000, 128)) for _ in range(rounds)]
    (raw_32, at_32), (raw_128, at_128) = (map(best, zip(*pairs, strict=True)) for pairs in (pairs_32, pairs_128))
    codelab, pool = in_a_loop(here), in_threads(here, "free", 500, 32)
    pool_quota, pool_random = in_threads(here, "quota-pool", 500, 32), in_threads(here, "random", 500, 32)
    ideal_quota = (500 - QUOTA_BURST) / QUOTA_RATE
    return {
        "quota_share": rounded(ideal_quota / quota.seconds),
        "random_429_share": rounded(random_429.rate * LATENCY / 32),
        "share_at_32": rounded(at_32.rate * LATENCY / 32),
        "share_at_128": rounded(at_128.rate * LATENCY / 128),
        "raw_ratio": rounded(min(at_32.rate / raw_32.rate, at_128.rate / raw_128.rate)),
        "raw_share_at_32": rounded(raw_32.rate * LATENCY / 32),
        "raw_share_at_128": rounded(raw_128.rate * LATENCY / 128),
        "codelab_ratio": rounded(at_32.rate / codelab.rate),
        "threads_share_at_32": rounded(pool.rate * LATENCY / 32),
        "threads_lost_to_quota": pool_quota.lost,
        "threads_lost_to_random_429": pool_random.lost,
        "lost": sum(each.lost for each in (quota, random_429, at_32, at_128)),
    }


def best(measured: Iterable[Measured]) -> Measured:
    """Return the fastest: what slows a client down from outside is not its own. What any of them lost is lost."""
    found = list(measured)
    return max(found, key=lambda each: each.rate)._replace(lost=sum(each.lost for each in found))


def rounded(share: float) -> float:
    """Return a figure with as many digits as mean something."""
    return round(share, 3) if share < 10 else round(share, 1)


@contextmanager
def place() -> Iterator[Place]:
    """Start the load server and the emulator, and point Google's libraries in this process at them."""
    start = partial(subprocess.Popen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    server = start([sys.executable, "-m", "scripts.load_server"])
    emulator = start([sys.executable, "-m", "emulator", "--port", "0"])
    assert server.stdout and emulator.stderr
    try:
        url, emulator_url = server.stdout.readline().strip(), emulator.stderr.readline().split()[1]
        described = find_emulator(emulator_url) or {}
        use_environment({**described["environment"], "GOOGLE_VERTEX_BASE_URL": url})
        with tempfile.TemporaryDirectory() as folder:
            yield Place(url, described["project"], described["bucket"], Path(folder))
    finally:
        emulator.terminate()
        for process in (emulator, server):
            process.communicate(timeout=20)


def said(subject: str, found: Measured) -> Measured:
    """Tell on stderr how it goes."""
    lost = f", {found.lost} lost" if found.lost else ""
    print(f"{subject:<28}{found.prompts:>5} prompts {found.seconds:7.1f} s {found.rate:7.1f}/s{lost}", file=sys.stderr)
    return found


def ours(here: Place, location: str, prompts: int, in_flight: int) -> Measured:
    """Measure `generate`."""
    storage = Storage(here.project)
    uri, output = f"gs://{here.bucket}/{prompts}.jsonl", here.folder / "predictions.jsonl"
    lines = (json.dumps({"id": str(at), "prompt": prompt(at), "reference": "x"}) for at in range(prompts))
    storage.write_text(uri, "\n".join(lines) + "\n")
    with (here.folder / "progress").open("w") as log, redirect_stderr(log):
        began = time.perf_counter()
        summary = generate(
            project=here.project,
            bucket=here.bucket,
            prompts_uri=uri,
            served=ServedModel(MODEL, location, MODEL),
            settings=GenerationSettings(seed=next(SEEDS)),
            max_in_flight=in_flight,
            max_age_days=30,
            output=output,
            storage=storage,
            catalog=CATALOG,
        )
        seconds = time.perf_counter() - began
    written = sum(1 for _ in output.open(encoding="utf-8"))
    lost = prompts - min(written, summary["outcomes"].get("answered", 0))
    return said(f"gemtune, {location} x{in_flight}", Measured(prompts, seconds, lost))


def raw(here: Place, prompts: int, in_flight: int) -> Measured:
    """Measure a bare aiohttp client: no retries, no store, nothing kept."""
    return said(f"bare aiohttp, free x{in_flight}", asyncio.run(_raw(here, prompts, in_flight)))


async def _raw(here: Place, prompts: int, in_flight: int) -> Measured:
    import aiohttp

    url = f"{here.url}/v1/projects/p/locations/free/publishers/google/models/{MODEL}:generateContent"
    numbers = iter(range(prompts))
    answered = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        for at in numbers:
            with suppress(aiohttp.ClientError):  # lost, as nothing is sent again
                async with session.post(url, json=prompt(at)) as response:
                    await response.json()
                    answered += response.status == 200

    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(in_flight)))
    return Measured(prompts, time.perf_counter() - began, prompts - answered)


def in_a_loop(here: Place) -> Measured:
    """Measure the codelab's way: one prompt after another, and a second of sleep after each."""
    client = sdk_client(here, "free")
    began = time.perf_counter()
    for at in range(CODELAB_PROMPTS):
        client.models.generate_content(model=MODEL, contents=prompt(at)["contents"])
        time.sleep(1)
    return said("codelab's loop", Measured(CODELAB_PROMPTS, time.perf_counter() - began, 0))


def in_threads(here: Place, location: str, prompts: int, threads: int) -> Measured:
    """Measure a thread pool of google-genai's calls, which by default are not repeated."""
    from google.genai.errors import APIError
    from httpx import TransportError

    client = sdk_client(here, location)

    def answered(at: int) -> bool:
        try:
            return bool(client.models.generate_content(model=MODEL, contents=prompt(at)["contents"]).text)
        except (APIError, TransportError):
            return False

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(answered, range(prompts)))
    name = f"threads, {location} x{threads}"
    return said(name, Measured(prompts, time.perf_counter() - began, prompts - total))


def sdk_client(here: Place, location: str) -> Any:
    """Return a google-genai client as a notebook makes it, its credentials fetched before anything is measured."""
    from google import genai
    from google.genai.errors import APIError

    client = genai.Client(vertexai=True, project=here.project, location=location)
    with suppress(APIError):
        client.models.generate_content(model=MODEL, contents=prompt(0)["contents"])
    return client


def prompt(number: int) -> dict[str, Any]:
    """Return a prompt of about 300 tokens."""
    return {"contents": [{"role": "user", "parts": [{"text": f"{ARTICLE}{number}"}]}]}


if __name__ == "__main__":
    sys.exit(main())
