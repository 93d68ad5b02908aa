"""gemtune.metrics.rouge: rouge-score's figures to the last bit, whatever the text."""

import random
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gemtune.metrics.rouge import FastRouge, LibraryRouge, Overlap, Scorer, Text, Vocabulary, scorer

PIECES = [
    *["cats ", "running ", "runs ", "the ", "generalization ", "dies", "ties ", "sky", "agreed ", "fulli ", "logi "],
    *[
        "a ",
        "b ",
        "c ",
        "\n",
        "\n\n",
        " \n",
        "İ",
        "\u212a",
        "\u017f",
        "ß",
        "é",
        "Σ",
        "don't ",
        "3.5 ",
        "2008 ",
        "७ ",
        "Ⅷ",
        "。",
        "天",
    ],
    *["\r\n", "\x0b", "\x0c", "\x85", "\u2028", "i\u0307", "\u0301", "\u200b", "_", "-", "👍"],
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)
ENGINES = {profile: (Vocabulary(profile), LibraryRouge(profile)) for profile in ("rouge-score", "unicode-1")}


def check_identical(profile: str, reference: str, answer: str) -> None:
    vocabulary, library = ENGINES[profile]
    pair = vocabulary.read(reference), vocabulary.read(answer)
    assert FastRouge().score(*pair) == library.score(*pair), (profile, reference, answer)


@pytest.mark.parametrize("profile", ENGINES)
@settings(max_examples=300, deadline=None)
@given(reference=TEXTS, answer=TEXTS)
@example(reference="İstanbul 300\u212a\n", answer="istanbul 300k")
@example(reference="\n\n", answer="a\n")
@example(reference="", answer="\n")
@example(reference="a b\nb a", answer="b a\na b")
def test_every_bit_is_rouge_scores(profile: str, reference: str, answer: str) -> None:
    check_identical(profile, reference, answer)


@pytest.mark.parametrize("alphabet", ["ab", "abc\n", "ab \n", "abcdefgh \n"])
def test_ties_between_subsequences_are_broken_as_rouge_score_breaks_them(alphabet: str) -> None:
    rng = random.Random(alphabet)
    for _ in range(400):
        texts = [" ".join(rng.choices(alphabet, k=rng.randint(0, 25))).replace("\n ", "\n") for _ in range(2)]
        check_identical("rouge-score", *texts)


@pytest.mark.acceptance
@pytest.mark.parametrize("profile", ENGINES)
def test_twenty_thousand_made_pairs_are_identical(profile: str) -> None:
    rng = random.Random(7)
    for _ in range(20_000):
        reference, answer = ("".join(rng.choices(PIECES, k=rng.randint(0, 40))) for _ in range(2))
        check_identical(profile, reference, answer)


def test_no_word_stems_to_nothing() -> None:
    # rouge-score would drop it; a number could not tell.
    stem = Vocabulary("rouge-score")._stem
    endings = ["s", "es", "ies", "sses", "ed", "eed", "ing", "ational", "ement", "ion", "ly", "e", "ied", "alli", "ful"]
    words = {
        first + middle + end for first in ("", "a", "b", "y", "1") for middle in ("", "y", "tt") for end in endings
    }
    assert all(stem(word) for word in words)


class Wrong:
    """An engine that is off in the last bit of one figure."""

    def score(self, reference: Text, answer: Text) -> dict[str, Overlap]:
        """Return nearly the right overlaps."""
        found = FastRouge().score(reference, answer)
        return {**found, "rouge2": found["rouge2"]._replace(recall=found["rouge2"].recall + 2**-53)}


@pytest.mark.parametrize(("engine", "kept"), [(FastRouge(), True), (Wrong(), False)])
def test_an_engine_that_differs_from_rouge_score_is_not_used(
    engine: Scorer, kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    references, answers = [f"put the lid on pot {n}" for n in range(50)], [f"put a lid on pot {n}" for n in range(50)]
    found = scorer("rouge-score", ENGINES["rouge-score"][0], references, answers, engine)
    assert (found is engine) == kept
    assert isinstance(found, LibraryRouge) != kept
    assert ("rouge-score is used" in capsys.readouterr().err) != kept


def test_at_most_twenty_pairs_are_compared_beforehand() -> None:
    class Counting(FastRouge):
        seen = 0

        def score(self, reference: Text, answer: Text) -> dict[str, Overlap]:
            self.seen += 1
            return super().score(reference, answer)

    for pairs, expected in ((1, 1), (20, 20), (39, 20), (1000, 20)):
        engine = Counting()
        scorer("unicode-1", ENGINES["unicode-1"][0], ["a b"] * pairs, ["b a"] * pairs, engine)
        assert engine.seen == expected


def test_importing_it_is_light() -> None:
    code = (
        "import sys, gemtune.metrics.scoring; print(*{'nltk', 'rouge_score', 'sacrebleu', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
