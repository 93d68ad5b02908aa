"""How fast ROUGE is here, beside rouge-score's own loop, and whether the figures are the same.

    python -m scripts.benchmark rouge
    python -m scripts.benchmark rouge --json

2,000 pairs made of the sample articles' words, references of 40 to 100 words and answers of 40 to 150, half of the
texts with lines. Both sides take turns in one process, fifty pairs at a time, so that a busy machine slows both.
What is timed on this side is what the scoring step does, its comparison with rouge-score included.
"""

import argparse
import json
import random
import re
import sys
import time
from pathlib import Path

from gemtune.metrics.rouge import ROUGE_TYPES, FastRouge, Overlap, Vocabulary, scorer

PAIRS = 2_000
TURN = 50
SAMPLES = Path(__file__).parents[1] / "samples/howto/train.jsonl"


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        "benchmark rouge", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="number of pairs (default %(default)s)")
    arguments = parser.parse_args(argv)
    found = measure(made_pairs(arguments.pairs))
    print(json.dumps(found) if arguments.json else table(found))
    return 0


def made_pairs(count: int) -> list[tuple[str, str]]:
    """Return references and answers; an answer takes about half of its words from its reference's sentences."""
    rng = random.Random(5)
    rows = [json.loads(line)["messages"] for line in SAMPLES.read_text(encoding="utf-8").splitlines()]
    words = [word for row in rows for turn in row for word in re.findall(r"\S+", turn["content"])]
    pairs = []
    for _ in range(count):
        reference = run_of(words, rng, rng.randint(40, 100))
        answer = reference[: rng.randint(0, len(reference))]
        answer += run_of(words, rng, rng.randint(40, 150) - min(39, len(answer)))
        pairs.append((text_of(reference, rng), text_of(answer[:150], rng)))
    return pairs


def run_of(words: list[str], rng: random.Random, length: int) -> list[str]:
    """Return a run of neighbouring words."""
    start = rng.randrange(len(words) - length)
    return words[start : start + length]


def text_of(words: list[str], rng: random.Random) -> str:
    """Return words as a text; every second text has a line for each sentence."""
    text = " ".join(words)
    return text.replace(". ", ".\n") if rng.random() < 0.5 else text


def measure(pairs: list[tuple[str, str]]) -> dict[str, float | int | bool]:
    """Return the time of both sides in seconds, their ratio, and whether every figure is the same to the last bit."""
    from rouge_score.rouge_scorer import RougeScorer

    vocabulary, library = Vocabulary("rouge-score"), RougeScorer(list(ROUGE_TYPES), use_stemmer=True)
    start = time.perf_counter()
    texts = [(vocabulary.read(reference), vocabulary.read(answer)) for reference, answer in pairs]
    engine = scorer("rouge-score", vocabulary, [one for one, _ in pairs], [other for _, other in pairs])
    ours, theirs = time.perf_counter() - start, 0.0
    identical = isinstance(engine, FastRouge)
    for first in range(0, len(pairs), TURN):
        start = time.perf_counter()
        fast = [engine.score(*each) for each in texts[first : first + TURN]]
        middle = time.perf_counter()
        slow = [library.score(*each) for each in pairs[first : first + TURN]]
        ours, theirs = ours + middle - start, theirs + time.perf_counter() - middle
        expected = [{kind: Overlap(*each) for kind, each in one.items()} for one in slow]
        identical = identical and fast == expected
    return {
        "pairs": len(pairs),
        "rouge_score_seconds": round(theirs, 3),
        "gemtune_seconds": round(ours, 3),
        "ratio": round(theirs / ours, 1),
        "identical": identical,
    }


def table(found: dict[str, float | int | bool]) -> str:
    """Return the figures as lines."""
    return "\n".join(f"{name.replace('_', ' '):<20} {value}" for name, value in found.items())


if __name__ == "__main__":
    sys.exit(main())
