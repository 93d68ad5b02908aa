"""How fast raw chat becomes checked examples, beside the codelab's loop, and in how much memory.

    python -m scripts.benchmark convert [--json]

A chat JSON Lines file made of the sample articles' words, in pieces, so that all sides take turns in one process and
a busy machine slows each. The codelab's side is its loop: json.loads and json.dumps for every line.
Conversion alone reads, converts and writes; the checked side is the intake of a data conversion: structure, roles,
exact duplicates, digests and counts, too. The peak of memory is that of a whole data conversion in a process of its
own, above a bare interpreter's; it is told on Linux only. It takes about a minute.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gemtune.data.conversion import Converter
from gemtune.data.dataset import prepare
from gemtune.data.findings import FindingLog
from gemtune.data.intake import Intake
from gemtune.data.near_duplicates import INDEXED, NearDuplicates, prompt_text
from gemtune.data.plain_chat import encode_plain_chat, encode_texts
from gemtune.data.progress import Progress
from gemtune.data.raw_files import read_raw
from gemtune.data.settings import DatasetSettings
from gemtune.data.split import Split
from gemtune.storage import Storage

PIECES = 10
MEGABYTES, SMALL, LARGE = 300, 30, 1000
SAMPLES = Path(__file__).parents[1] / "samples/howto/train.jsonl"
STATUS = Path("/proc/self/status")
"""Where Linux tells the memory of a process."""
PROMPT, ANSWER = (800, 4000), (300, 900)
"""Characters of a prompt and of an answer: about 3 KB a line."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        "python -m scripts.benchmark convert", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, help="size of the file (default %(default)s)")
    parser.add_argument("--large", action="store_true", help=f"measure the memory at {LARGE:,} MB, too")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.memory_of:
        convert_whole(arguments.memory_of)
        print(peak_kib())
        return 0
    sizes = {min(SMALL, arguments.megabytes), arguments.megabytes, *([LARGE] if arguments.large else [])}
    with tempfile.TemporaryDirectory() as folder:
        figures = speed(Path(folder), arguments.megabytes)
        if STATUS.exists():
            figures |= memory(Path(folder), sorted(sizes))
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:<24}{value:>10}")
    return 0


def write_chat(path: Path, megabytes: float, seed: int) -> int:
    """Write a chat JSON Lines file as json.dumps writes it, and return the number of its lines."""
    rng = random.Random(seed)
    rows = [json.loads(line)["messages"] for line in SAMPLES.read_text(encoding="utf-8").splitlines()]
    sentences = re.findall(r"[^.!?]+[.!?]\s*", " ".join(turn["content"] for row in rows for turn in row))
    lines = written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            prompt, answer = (text(sentences, rng, *lengths) for lengths in (PROMPT, ANSWER))
            messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
            written += file.write(json.dumps({"messages": messages}) + "\n")
            lines += 1
    return lines


def text(sentences: list[str], rng: random.Random, shortest: int, longest: int) -> str:
    """Return sentences picked at random, up to a length."""
    length, found = rng.randint(shortest, longest), ""
    while len(found) < length:
        found += "".join(rng.choices(sentences, k=8))
    return found[:length]


def speed(folder: Path, megabytes: float) -> dict[str, float]:
    """Return what the sides took, in seconds, their ratios to the codelab's loop, and the near-duplicates' time."""
    seconds = {"codelab": 0.0, "conversion": 0.0, "checked": 0.0}
    source, output, lines = folder / "piece.jsonl", folder / "output.jsonl", 0
    with ExitStack() as stack:
        log = stack.enter_context(FindingLog(folder / "findings.jsonl"))
        intake = Intake(
            log, folder, Progress(1, "Reading"), invalid_action="raised", validation_share=0.0, test_share=0.0
        )
        stack.enter_context(intake)
        sides: dict[str, Callable[[], object]] = {
            "codelab": lambda: codelab(source, output),
            "conversion": lambda: convert(source, output),
            "checked": lambda: intake.take("train", source, converter(source)),
        }
        for piece in range(PIECES):
            lines += write_chat(source, megabytes / PIECES, piece)
            source.read_bytes()
            for name, side in sides.items():
                output.unlink(missing_ok=True)  # giving its space back is nobody's time
                seconds[name] += timed(side)
    train = intake.splits["train"]
    assert train.read == lines and not train.rejected, "the intake lost a line"
    near = timed(lambda: near_duplicates(train))
    (folder / "train.spool").unlink()
    return {
        "lines": lines,
        **{f"{name}_seconds": round(value, 3) for name, value in seconds.items()},
        "conversion_ratio": round(seconds["codelab"] / seconds["conversion"], 2),
        "checked_ratio": round(seconds["codelab"] / seconds["checked"], 2),
        "near_duplicate_seconds": round(near, 3),
    }


def timed(run: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def codelab(source: Path, output: Path) -> None:
    """Convert as the codelab does."""
    with source.open() as lines, output.open("w") as file:
        for line in lines:
            contents = []
            for message in json.loads(line)["messages"]:
                role = "model" if message["role"] == "assistant" else message["role"]
                contents.append({"role": role, "parts": [{"text": message["content"]}]})
            file.write(json.dumps({"contents": contents}) + "\n")


def convert(source: Path, output: Path) -> None:
    """Read, convert and write, and nothing else."""
    with output.open("wb", 1 << 18) as file:
        for _, raw in read_raw(source, source.name):
            assert isinstance(raw, tuple), "no plain chat"
            file.write(encode_plain_chat(encode_texts(raw)))
            file.write(b"\n")


def converter(source: Path) -> Converter:
    """Return what a data conversion reads a file with."""
    return Converter(uri=source.name, data_format="auto", prompt_template="", system_instruction="", is_test=False)


def near_duplicates(train: Split) -> None:
    """Search a whole split for prompts like its first ones, as many as a test and a validation split may have."""
    near = NearDuplicates()
    for place, spooled in enumerate(train.examples()):
        text = prompt_text(spooled.example)
        if place < 2 * INDEXED:
            near.add(text, "test", spooled.source, spooled.line)
        else:
            near.find(text)


def memory(folder: Path, sizes: list[int]) -> dict[str, float]:
    """Return the peaks of data conversions of so many megabytes above a bare interpreter's, and the highest."""
    bare = int(run_python("-c", "from pathlib import Path\n" + BARE))
    peaks = {}
    for size in sizes:
        source = folder / "source.jsonl"
        write_chat(source, size, size)
        peak = int(run_python("-m", "scripts.benchmark_convert", "--memory-of", str(source)))
        peaks[f"rss_mb_at_{size}_mb"] = round((peak - bare) * 1024 / 1e6, 1)
    return {**peaks, "peak_rss_mb": max(peaks.values())}


BARE = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
"""What a bare interpreter runs; getrusage would tell the parent's peak if that was higher."""


def peak_kib() -> int:
    """Return the most memory that this process had so far."""
    status = STATUS.read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def run_python(*arguments: str) -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout


class LocalStorage(Storage):
    """One local file as a data conversion's only source."""

    def __init__(self, source: Path) -> None:
        super().__init__("none")
        self._source = source

    def read_text(self, uri: str) -> str:
        """Return the manifest."""
        entry = {"uri": "gs://none/chat.jsonl", "staged": "gs://none/chat.jsonl", "bytes": self._source.stat().st_size}
        return json.dumps({"train": [entry], "validation": [], "test": []})

    def download(self, uri: str, path: Path) -> None:
        """Give the file, without a copy of it."""
        path.symlink_to(self._source)


def convert_whole(source: Path) -> dict[str, Any]:
    """Prepare a dataset from one file: splits, leaks, near-duplicates, all that a data conversion does."""
    with tempfile.TemporaryDirectory() as folder:
        settings = DatasetSettings(base_model="gemini-3.1-flash-lite", on_leakage="drop")
        return prepare("", settings, storage=LocalStorage(source), folder=Path(folder), is_quiet=True).ledger


if __name__ == "__main__":
    sys.exit(main())
