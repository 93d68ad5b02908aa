"""gemtune.report.page: one page, with everything in it and nothing that runs."""

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gemtune.comparison.decision import Limits
from gemtune.metrics.definitions import METRICS, metrics_of, ranking_metric
from gemtune.report.page import example_rows, prompt_text, render, select_rows, visible
from gemtune.report.plots import report_figures
from tests.gemtune.made_run import CURVES, REFERENCES, SELECTION, TUNING, compare, examples, side, worse_and_better

HOSTILE = {
    "script": "</p></div></details><script>document.title='owned'</script>",
    "handler": '"><img src=x onerror="document.title=1"><svg onload=alert(1)>',
    "attribute": 'en" onmouseover="alert(1)" x=\'',
    "link": '<a href="javascript:alert(1)">x</a> [x](javascript:alert(1))',
    "style": "</style><style>*{background:url(https://evil.example/x)}</style>",
    "template": "{{ 7 * 7 }}{% include 'x' %}",
    "comment": "<!--[if IE]><script>alert(1)</script><![endif]--> ]]> <plaintext>",
    "request": '<meta http-equiv="refresh" content="0;url=https://evil.example"><base href="https://evil.example/">',
    "surrogate": "broken \ud800 half \udc00",
    "direction": "abc \u202e\u2066 fdp.exe",
    "control": "a\x00b\x1b[31m\x85\x7f",
    "long": "<b>" + "x" * 1_000_000,
}


class Page(HTMLParser):
    """The elements and attributes of a page, as a browser's parser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.append((tag, dict(attrs)))


@cache
def page() -> str:
    """Return the report of a small run."""
    records = examples()
    baseline, candidate = worse_and_better(records)
    comparison = compare(records, baseline, candidate)
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures)


@cache
def hostile_page() -> str:
    """Return a report in which every text that comes from outside is hostile."""
    texts = list(HOSTILE.values())
    records = [
        {**record, "id": f"{record['id']}{text[:100]}", "language": HOSTILE["attribute"]}
        for text in texts
        for record in examples([f"reference {text}"], prompt=text)
    ]
    baseline = side(records, texts, model="gemini-3.1-flash-lite", version=HOSTILE["script"])
    candidate = side(records, texts[::-1], version=HOSTILE["handler"])
    nasty = HOSTILE["script"] + HOSTILE["handler"]
    comparison = compare(
        records,
        baseline,
        candidate,
        spec={"name": nasty, "base_model": nasty, nasty: nasty, "list": [nasty]},
        job=nasty,
        digests={nasty: nasty},
        ledger={nasty: {"read": 1, "used": 0, "sampled_out": 0, "rejected": {nasty: 1}}},
    )
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures)


def check_nothing_executes(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    """Check elements and attributes against what the report itself is made of."""
    assert not {"script", "img", "iframe", "object", "embed", "base", "link", "form", "plaintext", "b-x"} & {
        tag for tag, _ in tags
    }
    assert sum(tag == "style" for tag, _ in tags) == 1
    assert [attrs.get("http-equiv") for tag, attrs in tags if tag == "meta" and "http-equiv" in attrs] == [
        "Content-Security-Policy"
    ]
    for tag, attrs in tags:
        assert not [
            name for name in attrs if name.startswith("on") or name in ("src", "srcdoc", "action", "formaction")
        ]
        for name in ("href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)


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
    assert text.count("<svg ") == 7
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
    assert f"by their difference in {METRICS[ranking_metric(primary, task)].title}" in text


def test_the_chance_floor_stands_beside_rouge() -> None:
    assert '<th scope="col">By chance</th>' in page()


def test_it_is_the_same_every_time() -> None:
    assert page.__wrapped__() == page()


def test_it_makes_no_request_and_has_no_script() -> None:
    text = page()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    assert set(re.findall(r"https?://[^\"' )<]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "url(" not in re.sub(r"url\(#", "", text)
    check_nothing_executes(Page(text).tags)


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
    assert len(text) < 1_000_000
    assert "more characters]" in text


def test_texts_find_their_own_direction_and_language() -> None:
    bodies = [attrs for _, attrs in Page(page()).tags if attrs.get("class") == "text-body"]
    assert len(bodies) == 4 * 6
    assert all(attrs["dir"] == "auto" and attrs["lang"] == "en" for attrs in bodies)


def test_line_ends_and_right_to_left_letters_are_left_alone() -> None:
    assert visible("a\r\nb\tc \u0645\u0631\u062d\u0628\u0627") == "a\nb\tc \u0645\u0631\u062d\u0628\u0627"


@pytest.mark.parametrize(
    ("differences", "sizes"),
    [
        ([0.1] * 100 + [-0.1] * 100, {"Largest gains": 30, "Largest losses": 30}),
        ([0.1] * 100 + [-0.1] * 5, {"Largest gains": 55, "Largest losses": 5}),
        ([0.1] * 5 + [-0.1] * 100, {"Largest gains": 5, "Largest losses": 55}),
        ([0.1, 0.0, None], {"Largest gains": 1, "No difference, or not scored": 2}),
        ([], {}),
    ],
)
def test_at_most_sixty_examples_are_shown(differences: list[float | None], sizes: dict[str, int]) -> None:
    groups = select_rows([{"difference": difference} for difference in differences])
    assert {name: len(rows) for name, rows in groups.items()} == sizes


def test_the_largest_differences_come_first() -> None:
    groups = select_rows([{"difference": difference} for difference in (0.1, -0.2, 0.3, -0.4)])
    assert [row["difference"] for row in groups["Largest gains"]] == [0.3, 0.1]
    assert [row["difference"] for row in groups["Largest losses"]] == [-0.4, -0.2]


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


@pytest.fixture
def chromium(tmp_path: Path) -> Callable[..., str]:
    """Return a function that opens a page in headless Chromium with the given flags, and returns its output."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert binary, "no Chromium found: install it, or leave browser tests out with -m 'not browser'"

    def run(text: str, *flags: str) -> str:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        command = [str(binary), *fixed, f"--user-data-dir={tmp_path / 'profile'}", *flags, file.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    return run


@pytest.mark.browser
def test_a_browser_finds_nothing_executable_in_a_hostile_report(chromium: Callable[..., str]) -> None:
    dom = chromium(hostile_page(), "--dump-dom")
    check_nothing_executes(Page(dom).tags)
    assert "<title>owned" not in dom
    assert 'id="reproduce-title"' in dom


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["0", "1"])
def test_light_and_dark_have_papers_of_their_own(chromium: Callable[..., str], tmp_path: Path, scheme: str) -> None:
    from matplotlib.image import imread

    shot = tmp_path / "shot.png"
    flags = [f"--screenshot={shot}", "--window-size=390,800", f"--blink-settings=preferredColorScheme={scheme}"]
    chromium(page(), *flags)
    paper = imread(shot)[2, 2, :3].mean()
    assert paper < 0.2 if scheme == "0" else paper > 0.9
