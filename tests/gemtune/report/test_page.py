"""gemtune.report.page: one page, with everything in it and nothing that runs."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gemtune.comparison.decision import Limits
from gemtune.metrics.definitions import METRICS, metrics_of, ranking_metric
from gemtune.report.examples import example_rows, visible
from gemtune.report.page import console_page, content_security_policy, object_page, render
from gemtune.report.plots import report_figures
from tests.gemtune.made_run import REFERENCES, SELECTION, TUNING, compare, examples, side, worse_and_better
from tests.gemtune.report.made_pages import hostile_page, page


class Page(HTMLParser):
    """The elements and attributes of a page, as a browser's parser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.append((tag, dict(attrs)))


LINKS = ("#", "https://console.cloud.google.com/", "https://storage.cloud.google.com/")


def check_nothing_executes(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    """Check elements and attributes against what the report itself is made of."""
    names = [tag for tag, _ in tags]
    assert not {"img", "iframe", "object", "embed", "base", "link", "form", "plaintext", "b-x"} & set(names)
    assert [attrs for tag, attrs in tags if tag == "script"] == [{"type": "application/json", "id": "embedded"}, {}]
    assert names.count("style") == 1
    assert [attrs.get("http-equiv") for tag, attrs in tags if tag == "meta" and "http-equiv" in attrs] == [
        "Content-Security-Policy"
    ]
    for tag, attrs in tags:
        assert not [
            name
            for name in attrs
            if name.startswith("on") or name in ("src", "srcdoc", "action", "formaction", "style", "background")
        ]
        for name in ("href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith(LINKS), (tag, attrs)


def test_it_leads_with_the_verdict_and_says_what_it_is_about() -> None:
    text = page()
    heading = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert heading
    assert re.sub("<.*?>", "", heading[1]).startswith("ImprovedROUGE-L F1 rises by ")
    assert "95 % interval" in heading[1]
    assert text.index("<h1>") < text.index('id="compared"') < text.index('id="metrics"') < text.index('id="examples"')


def test_an_emulator_run_is_announced_above_every_number() -> None:
    records = examples()
    baseline = side(records, REFERENCES, model="gemini-3.1-flash-lite", version="gemini-3.1-flash-lite-emulator")
    comparison = compare(records, baseline, baseline)
    text = render(comparison, [], report_figures(comparison, baseline.scores, baseline.scores, []))
    assert text.index("not from Gemini") < text.index('class="facts"')
    assert "on the emulator nothing was billed" in text


def test_it_holds_every_metric_digest_parameter_and_figure() -> None:
    text = page()
    metrics, scores = text[text.index('id="metrics"') : text.index('id="scores"')], text[text.index('id="scores"') :]
    for metric in metrics_of("summarization").values():
        assert len(re.findall(rf'<th scope="row">{re.escape(metric.title)} ?<', metrics)) == 1
        assert scores.count(f'<th scope="row">{metric.title}<') == 2  # one for each model
    assert "a" * 64 in text
    assert '<th scope="row">epoch_count</th>' in text
    assert text.count("<svg ") == 9  # with the bar of wins, ties and losses
    assert "empty reference 2" in text


def test_the_tuning_section_shows_every_checkpoint_the_choice_and_dropped_rows() -> None:
    figures = {"mean": 0.4, "behind": 0.01, "behind_standard_error": 0.02, "n": 20, "step": 10}
    points = [
        {**figures, "checkpoint_id": "1", "epoch": 1, "best": False, "within": True},
        {**figures, "checkpoint_id": "2", "epoch": 2, "best": True, "within": True},
        {**figures, "checkpoint_id": "3", "epoch": 3, "best": False, "within": False},
    ]
    selection = {**SELECTION, "rule": "validation", "metric": "rougeL_f1", "checkpoints": points}
    tuning = {**TUNING, "dropped_example_count": 2, "dropped_example_indices": [3, 9]}
    records = examples()
    sides = worse_and_better(records)
    compared = compare(records, *sides, selection=selection, tuning=tuning)
    text = render(compared, example_rows(records, *sides, "rougeL_f1"), report_figures(compared, [], [], []))
    words = " ".join(re.sub("<[^>]+>", " ", text).split())
    assert "ROUGE-L F1 on 20 validation examples" in words and "The test split had no part in the choice" in words
    assert "1 1 10 0.400 0.010 0.020 yes, chosen 2 2 10 0.400 0.010 0.020 best 3 3 10 0.400 0.010 0.020 no" in words
    assert "100,000 billable tokens an epoch, 3 epochs: $0.90" in words
    assert "2 of 500 examples, too long or truncated; lines of the training split: 3, 9" in words
    assert "Input tokens an example median 410, 5 % 120, 95 % 1,100, largest 2,100 Dropped" in words
    assert "Checkpoint trials" in words
    assert "Checkpoint trials" not in page() and "the last one" in page()


@pytest.mark.parametrize("task", ["translation", "classification", "json"])
def test_a_corpus_statistic_has_neither_wins_nor_quartiles_nor_a_chance_floor(task: str) -> None:
    records = examples([f'{{"step": {number}}}' for number in range(8)])
    sides = side(records, ["x"] * 8, task=task), side(records, [each["reference"] for each in records], task=task)
    primary = {"translation": "chrf2", "classification": "macro_f1", "json": "json_valid"}[task]
    comparison = compare(records, *sides, limits=Limits(primary_metric=primary))
    figures = report_figures(comparison, sides[0].scores, sides[1].scores, [])
    text = render(comparison, example_rows(records, *sides, primary), figures)
    is_corpus = METRICS[primary].statistic == "corpus"
    assert ("Examples won, tied, lost" in text) != is_corpus
    assert ("of the corpus" in text) == is_corpus
    assert "By chance" not in text
    assert f"Figures are the difference in {METRICS[ranking_metric(primary, task)].title}" in text


def test_the_chance_floor_stands_beside_rouge() -> None:
    assert '<th scope="col">By chance</th>' in page()


def test_it_is_the_same_every_time() -> None:
    assert page.__wrapped__() == page()


def test_it_makes_no_request_and_runs_no_script_but_its_own() -> None:
    text = page()
    style, data, script = re.findall(r"<(?:style|script)[^>]*>(.*?)</(?:style|script)>", text, re.DOTALL)
    policy = html.escape(content_security_policy(style, script), quote=False).replace("'", "&#39;")
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-") and "unsafe" not in policy
    assert len(json.loads(data)) == 6
    addresses = set(re.findall(r"https?://[^\"' )<]+", text))
    assert {each for each in addresses if not each.startswith(LINKS)} == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "url(" not in re.sub(r"url\(#", "", text)
    check_nothing_executes(Page(text).tags)


def test_the_script_writes_text_only_as_text() -> None:
    script = Path(render.__globals__["__file__"]).with_suffix(".js").read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "write(", "eval(", "Function(", "fetch", "localStorage"):
        assert way not in script


def test_resources_link_to_the_console_and_files_to_the_bucket() -> None:
    links = [attrs for tag, attrs in Page(page()).tags if tag == "a" and str(attrs["href"]).startswith("https:")]
    assert all(attrs["rel"] == "noopener noreferrer" for attrs in links)
    assert any("pipelines/locations/us-central1/runs/gemini-tuning-1?" in str(attrs["href"]) for attrs in links)
    assert object_page("gs://b/x.jsonl") == "https://storage.cloud.google.com/b/x.jsonl"
    assert [object_page("javascript:x"), console_page("javascript:x", ""), console_page("a/pipelineJobs/1", "")] == [
        ""
    ] * 3


def test_guards_of_equal_treatment_stand_with_their_problems_and_the_worst_case() -> None:
    records = examples()
    comparison = compare(records, *worse_and_better(records))
    guard = {"baseline": 0.31, "candidate": 0.0, "limit": 0.05, "unit": "share"}
    fairness = [
        {**guard, "title": "Cut off", "passed": False, "problems": ["baseline: raise max_output_tokens"]},
        {**guard, "title": "Contamination", "baseline": None, "candidate": None, "passed": True, "problems": []},
    ]
    worst = {"unscored": 3, "difference": 0.12, "low": -0.08, "high": 0.15, "verdict": "inconclusive"}
    first = {**comparison["metrics"][0], "effect_size": 0.47, "examples_needed": 1_039}
    changes = {"fairness": fairness, "worst_case": worst, "metrics": [first, *comparison["metrics"][1:]]}
    text = render(comparison | changes, [], report_figures(comparison, [], [], []))
    words = " ".join(re.sub("<[^>]+>", " ", text).split()).replace("\u00a0", " ")
    assert "Cut off no 31.0 % 0.0 % at most 5.0 % baseline: raise max_output_tokens" in words
    assert "Contamination yes not known not known at most 5.0 %" in words
    assert "the difference would be +0.120 [\u22120.080, +0.150], and the verdict inconclusive." in words
    assert re.search(r"6 / 0 / 0 0.470 1,039 ", words)
    assert '<a href="#fairness">' in text


@pytest.mark.parametrize(("detectable", "is_said"), [(0.03, True), (0.0, False), (None, False)])
def test_what_could_have_shown_is_said_where_scores_differ_enough_to_tell(
    detectable: float | None, is_said: bool
) -> None:
    records = examples()
    comparison = compare(records, *worse_and_better(records))
    metrics = [{**comparison["metrics"][0], "smallest_detectable": detectable}, *comparison["metrics"][1:]]
    text = render(comparison | {"metrics": metrics}, [], report_figures(comparison, [], [], []))
    assert ("Could have shown" in text) == is_said


def test_of_many_examples_the_page_says_which_it_holds_and_where_the_others_lie() -> None:
    records = examples()
    sides = worse_and_better(records)
    comparison = compare(records, *sides)
    rows = example_rows(records, *sides, "rougeL_f1") * 400
    text = render(comparison, rows, report_figures(comparison, [], [], []), {"Test split": "gs://b/test.jsonl"})
    words = " ".join(re.sub("<[^>]+>", "", text).split())
    assert "The 2,000 of 2,400 examples with the largest differences; all of them lie in gs://b/test.jsonl." in words
    assert "https://storage.cloud.google.com/b/test.jsonl" in text
    assert "All 6 examples." in page()


def test_on_a_stand_in_there_is_nothing_to_link_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", "http://127.0.0.1:1")
    assert console_page("projects/1/locations/us/tuningJobs/1", "p") == ""
    assert object_page("gs://b/x.jsonl") == ""


def test_it_can_be_read_with_a_screen_reader() -> None:
    tags = Page(page()).tags
    names = [tag for tag, _ in tags]
    assert {"header", "main", "nav", "footer"} <= set(names)
    assert names.count("h1") == 1
    assert dict(tags)["html"]["lang"] == "en"
    assert all("scope" in attrs for tag, attrs in tags if tag == "th")
    assert names.count("caption") == names.count("table")
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["aria-labelledby"] for _, attrs in tags if "aria-labelledby" in attrs} <= set(ids)


def test_hostile_text_leaves_nothing_executable() -> None:
    text = hostile_page()
    check_nothing_executes(Page(text).tags)
    assert "{{ 7 * 7 }}" in text
    text.encode()  # no lone surrogate is left
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    for shown in ("[U+D800]", "[U+202E]", "[U+0000]", "[U+001B]"):
        assert shown in text
    assert len(text) < 2_000_000
    assert "more characters]" in text


def test_texts_find_their_own_direction_and_language() -> None:
    bodies = [attrs for _, attrs in Page(page()).tags if attrs.get("class") == "text-body" and "lang" in attrs]
    assert len(bodies) == 4 * 6
    assert all(attrs["dir"] == "auto" and attrs["lang"] == "en" for attrs in bodies)


def test_line_ends_and_right_to_left_letters_are_left_alone() -> None:
    assert visible("a\r\nb\tc \u0645\u0631\u062d\u0628\u0627") == "a\nb\tc \u0645\u0631\u062d\u0628\u0627"
