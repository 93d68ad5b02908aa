"""gemtune.report.examples: which examples a page holds, cut to size, and embedded so that nothing breaks out."""

import json

import pytest

from gemtune.report.examples import MOST_ROWS, embed, example_rows, fitting_length, largest, prompt_text, select_rows
from tests.gemtune.made_run import REFERENCES, examples, side
from tests.gemtune.report.made_pages import HOSTILE


def row(gain: float | None, **changes: object) -> dict[str, object]:
    texts = {"prompt_text": "p", "reference": "r", "baseline_text": "b", "candidate_text": "c"}
    outcomes = {"baseline_outcome": "answered", "candidate_outcome": "answered"}
    return {"gain": gain, **texts, **outcomes, **changes}


@pytest.mark.parametrize(
    ("gains", "sizes"),
    [
        ([0.1] * 100 + [-0.1] * 100, {"Largest gains": 20, "Largest losses": 20}),
        ([0.1] * 100 + [-0.1] * 5, {"Largest gains": 20, "Largest losses": 5}),
        ([0.1, 0.0, None], {"Largest gains": 1, "No difference, or not scored": 2}),
        ([], {}),
    ],
)
def test_twenty_gains_and_twenty_losses_need_no_script(gains: list[float | None], sizes: dict[str, int]) -> None:
    assert {name: len(rows) for name, rows in largest([{"gain": gain} for gain in gains]).items()} == sizes


def test_the_largest_gains_and_losses_come_first() -> None:
    groups = largest([{"gain": gain} for gain in (0.1, -0.2, 0.3, -0.4)])
    assert [each["gain"] for each in groups["Largest gains"]] == [0.3, 0.1]
    assert [each["gain"] for each in groups["Largest losses"]] == [-0.4, -0.2]


def test_of_more_than_fit_those_with_the_largest_differences_stay_in_their_order() -> None:
    rows = [row(None if number == 0 else number / 10_000 * (-1) ** number) for number in range(MOST_ROWS + 3)]
    assert [each["gain"] for each in select_rows(rows)] == [each["gain"] for each in rows[3:]]


def test_a_metric_that_is_better_when_lower_gains_by_falling() -> None:
    records = examples(["a b c d e f"] * 5)
    before, after = (side(records, [text] * 5) for text in ("a b c d a b c d a b c d", "a b c d e f"))
    first = example_rows(records, before, after, "repetition")[0]
    assert first["difference"] < 0 < first["gain"]


def test_long_texts_are_cut_so_that_all_fit_and_the_rest_is_counted() -> None:
    assert fitting_length([10] * 100) == 20_000
    assert fitting_length([30_000] * 8_000) == 1_250
    assert fitting_length([5] * 10 + [1_000_000], in_all=1_050) == 1_000
    shown = select_rows([row(0.1, prompt_text="x" * 1_000_000)])[0]
    assert shown["prompt_text"][0].endswith("[… 980,000 more characters]")


def test_embedded_rows_come_back_as_they_were_and_cannot_end_their_element() -> None:
    texts = [*HOSTILE.values(), "</script>", "<!--<script>", "]]>", "\u2028"]
    rows = select_rows([row(0.1, reference=text, id=text) for text in texts])
    text = embed(rows)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == rows
    text.encode()


def test_an_answer_that_did_not_come_is_flagged() -> None:
    assert select_rows([row(0.1, baseline_outcome="empty")], "tuned")[0]["flag"] == "baseline empty"
    assert select_rows([row(0.1, candidate_outcome="blocked")], "tuned")[0]["flag"] == "tuned blocked"


def test_an_unscored_example_has_no_difference() -> None:
    records = examples()
    lost = side(records, [None] * 6, outcomes=dict.fromkeys(range(6), "failed"))
    row = example_rows(records, side(records, REFERENCES), lost, "rougeL_f1")[0]
    assert (row["baseline_score"], row["candidate_score"], row["difference"]) == (1.0, None, None)
    assert (row["candidate_text"], row["candidate_outcome"]) == ("", "failed")


def test_a_prompt_shows_its_turns_its_instruction_and_its_files() -> None:
    prompt = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "See "}, {"fileData": {"fileUri": "gs://b/a.pdf"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "x"}}]},
        ],
    }
    assert prompt_text(prompt) == "[system] Be brief.\n\n[user] See [gs://b/a.pdf]\n\n[model] [functionCall]"
