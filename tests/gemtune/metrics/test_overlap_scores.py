"""gemtune.metrics.overlap_scores: how a summary relates to its source."""

import pytest

from gemtune.metrics.overlap_scores import OverlapScores, describe, source_text
from gemtune.metrics.rouge import Text
from gemtune.metrics.scoring import score
from gemtune.records import Record
from tests.gemtune.made_run import examples, prediction

SOURCE = "one two three four five six seven eight nine ten"


def described(answer: str, reference: str = "one two", source: str = SOURCE) -> dict[str, float]:
    words = {word: number for number, word in enumerate(f"{SOURCE} {answer} {reference} {source}".split())}
    return describe(*([words[word] for word in text.split()] for text in (reference, answer, source)))


def test_a_copied_answer_is_copied_and_not_novel() -> None:
    found = described("two three four five six")
    assert found == {"length_ratio": 2.5, "compression": 2.0, "novelty": 0.0, "copied_share": 1.0, "repetition": 0.0}


def test_words_of_the_source_in_another_order_are_novel_and_not_copied() -> None:
    found = described("ten eight six four two")
    assert (found["novelty"], found["copied_share"]) == (1.0, 0.0)


def test_only_runs_of_four_words_are_copied() -> None:
    assert described("one two three cat")["copied_share"] == 0.0
    assert described("one two three four cat")["copied_share"] == pytest.approx(0.8)


def test_saying_it_twice_is_repetition() -> None:
    # Nine runs of four words, of which five are different.
    assert described("a b c d e a b c d e a b".replace("e a b", "e a b"))["repetition"] == pytest.approx(4 / 9)
    assert described("a b c")["repetition"] == 0.0


def test_an_answer_without_words_has_a_length_only() -> None:
    assert described("") == {"length_ratio": 0.0}


def test_the_source_is_what_the_users_turns_say() -> None:
    prompt = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "one"}, {"fileData": {"fileUri": "gs://b/a"}}]},
            {"role": "model", "parts": [{"text": "two"}]},
            {"parts": [{"text": "three"}]},
        ],
    }
    assert source_text({"prompt": prompt}) == "one\nthree"


@pytest.mark.parametrize("task", ["summarization", "chat"])
def test_chat_has_no_source_to_copy_from(task: str) -> None:
    scored = score(examples(["a b"]), [prediction("e000", "a b")], task=task, rouge_profile="auto")
    assert ("novelty" in scored.records[0]["metrics"]) == (task == "summarization")


def test_each_reference_is_cut_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    references = [f"rinse the rice {number}" for number in range(100)]
    scores = OverlapScores(references, references, rouge_profile="rouge-score", with_sources=False)
    read: list[str] = []
    inner = scores._vocabulary.read

    def spy(text: str) -> Text:
        read.append(text)
        return inner(text)

    monkeypatch.setattr(scores._vocabulary, "read", spy)
    texts = [scores.read(reference) for reference in references]
    answer: Record = {}
    for text, other in zip(texts, texts[1:] + texts[:1], strict=True):
        assert text is not None
        scores.score(text, "answer", answer, other)
    assert sorted(read) == sorted([*references, *["answer"] * 100])


def test_the_signature_names_words_and_chrf() -> None:
    scores = OverlapScores(["a"], ["a"], rouge_profile="auto", with_sources=False)
    assert scores.signature.startswith("rouge:rouge-score-0.1.2|tok:rouge-score|stem:porter|agg:mean;chrf2:nrefs:1|")
