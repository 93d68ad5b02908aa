import csv
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from emulator import tokens
from emulator.summarizer.model import LEADING_SENTENCES, Weights, load, summarize
from emulator.summarizer.training import Epoch, Settings, checkpoint_epochs, default_epoch_count, train
from tests.emulator.tuning import article, summary

SAMPLE = Path(__file__).parents[2] / "samples" / "howto"
METRICS = ("rouge1", "rouge2", "rougeL")
PAIRS = [(article(number), summary(number)) for number in range(32)]
DEFAULTS = Settings(4, 4, 1.0)
ANY_TEXT = [
    "",
    " \n\n ",
    "word",
    "...",
    "a" * 5000,
    "one, " * 3000,
    f"a{'-' * 100_000}a",
    " " * 100_000 + "late",
    "你好。今天天气很好\uff0c我们去公园吧。带上水。",
    "สวัสดีครับ วันนี้อากาศดี",
    "नमस्ते दुनिया। यह दूसरा वाक्य है।",
    "مرحبا بالعالم، كيف الحال؟ هذا جيد.",
    "👩‍👩‍👧 😀. \u200d\ufeff Zürich\u0301!",
    "\ud800 half a pair",
]


def chat(name: str) -> list[tuple[str, str]]:
    lines = (SAMPLE / name).read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line)["messages"] for line in lines]
    return [(messages[0]["content"], messages[-1]["content"]) for messages in turns]


@lru_cache
def sample_epochs(shuffled: bool) -> list[Epoch]:
    pairs = chat("train.jsonl")
    if shuffled:
        order = np.random.default_rng(1).permutation(len(pairs))
        pairs = [(pairs[number][0], pairs[other][1]) for number, other in enumerate(order)]
    return list(train(pairs, chat("validation.jsonl"), DEFAULTS))


@lru_cache
def sample_test() -> list[tuple[str, str]]:
    with (SAMPLE / "test.csv").open(newline="", encoding="utf-8") as file:
        return [(row["input_text"], row["output_text"]) for row in csv.DictReader(file)]


def rouge(weights: Weights | None) -> NDArray[np.float64]:
    """F1 scores of the sample's test split: examples by metrics."""
    scorer = RougeScorer(METRICS, use_stemmer=True)
    scores = [scorer.score(wanted, summarize(text, weights).text) for text, wanted in sample_test()]
    return np.array([[score[metric].fmeasure for metric in METRICS] for score in scores])


def low_end(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower end of the paired 95 % interval of the mean."""
    error = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    return np.asarray(differences.mean(axis=0) - 1.99 * error)


def losses(epochs: Sequence[Epoch]) -> list[float]:
    return [float(np.mean([step.loss for step in epoch.steps])) for epoch in epochs]


def test_the_base_model_answers_with_the_leading_sentences() -> None:
    assert LEADING_SENTENCES == 3
    assert summarize("One is here. Two, too! Is three? Four is not.", None).text == "One is here. Two, too! Is three?"


def test_training_on_the_sample_beats_the_base_model() -> None:
    gain = low_end(rouge(sample_epochs(False)[-1].weights) - rouge(None))
    assert (gain > 0.03).all(), dict(zip(METRICS, gain, strict=True))


def test_summaries_of_other_articles_teach_less() -> None:
    right, wrong = (rouge(sample_epochs(shuffled)[-1].weights) for shuffled in (False, True))
    assert (low_end(right - wrong) > 0).all()


def test_the_curves_of_the_sample_fall() -> None:
    epochs = sample_epochs(False)
    assert losses(epochs) == sorted(losses(epochs), reverse=True)
    validation = [epoch.validation for epoch in epochs if epoch.validation]
    assert len(validation) == 4
    assert validation[-1].loss < 0.9 * validation[0].loss
    assert validation[-1].accuracy > validation[0].accuracy > 0.5


def test_a_tuned_answer_is_made_of_whole_clauses_of_the_article() -> None:
    text, _ = sample_test()[0]
    for sentence in summarize(text, sample_epochs(False)[-1].weights).text.rstrip(".").split(". "):
        assert sentence[1:] in text
        assert text[text.index(sentence[1:]) + len(sentence) - 1] in ".,;:!?"


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        list(train(PAIRS, [], DEFAULTS))[-1].weights.save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_saved_checkpoint_answers_as_before(tmp_path: Path) -> None:
    weights = list(train(PAIRS, [], DEFAULTS))[-1].weights
    weights.save(tmp_path / "1.npz")
    assert summarize(article(50), load(tmp_path / "1.npz")) == summarize(article(50), weights)


def test_a_tuned_model_answers_in_the_style_it_was_shown() -> None:
    weights = list(train(PAIRS, [], Settings(8, 4, 1.0)))[-1].weights
    assert summarize(article(999), weights).text == summary(999)


def test_a_tiny_multiplier_hardly_changes_the_model() -> None:
    small, usual = (list(train(PAIRS, PAIRS, Settings(2, 4, rate)))[-1].validation for rate in (0.001, 1.0))
    start = next(iter(train(PAIRS, PAIRS, Settings(1, 4, 1.0)))).steps[0]
    assert small and usual
    assert small.loss == pytest.approx(start.loss, rel=0.02)
    assert usual.loss < 0.7 * start.loss


def test_many_epochs_on_few_examples_overfit() -> None:
    epochs = list(train(chat("train.jsonl")[:24], chat("validation.jsonl"), Settings(40, 8, 3.0)))
    validation = [epoch.validation.loss for epoch in epochs if epoch.validation]
    assert losses(epochs)[-1] < 0.2
    assert validation[-1] > 1.1 * min(validation)


def test_going_on_from_a_checkpoint_starts_where_it_ended() -> None:
    first = list(train(PAIRS, [], DEFAULTS))
    onward = next(iter(train(PAIRS, [], Settings(1, 8, 1.0), first[-1].weights)))
    assert onward.steps[0].loss < 0.5 * first[0].steps[0].loss
    assert onward.weights.factors.shape[1] == 8


@pytest.mark.parametrize("text", ANY_TEXT, ids=range(len(ANY_TEXT)))
def test_no_text_breaks_the_model(text: str) -> None:
    epochs = list(train([(text, "Wash it."), (article(1), text), (text, text)], [(text, text)], Settings(2, 2, 1.0)))
    for weights in (None, epochs[-1].weights):
        answer = summarize(text, weights)
        assert bool(answer.text) == bool(text.strip())
        assert answer.log_probability <= 0


def test_a_summary_in_chinese_ends_as_chinese_does() -> None:
    text = "茶很好喝。先把水烧开\uff0c不要太久。然后放茶叶\uff0c等三分钟。茶有很多种。"
    weights = list(train([(text, "先把水烧开。然后放茶叶。")] * 16, [], Settings(8, 4, 1.0)))[-1].weights
    assert summarize(text, weights).text.endswith("。")


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [(1, [1]), (9, list(range(1, 10))), (10, list(range(1, 11))), (30, list(range(3, 31, 3)))],
)
def test_about_ten_checkpoints_are_kept_and_always_the_last(epochs: int, kept: list[int]) -> None:
    assert checkpoint_epochs(epochs) == kept


def test_larger_datasets_get_fewer_epochs() -> None:
    assert [default_epoch_count(examples) for examples in (16, 499, 500, 5000)] == [4, 4, 3, 2]


@pytest.mark.parametrize("text", ANY_TEXT, ids=range(len(ANY_TEXT)))
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.truncate(text, 2) == "".join(tokens.pieces(text)[:2])


def test_a_token_is_about_four_characters_of_english() -> None:
    text = "\n".join(text for text, _ in sample_test())
    assert 3.5 < len(text) / tokens.count(text) < 4.5
