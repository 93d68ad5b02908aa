"""The report in headless Chromium: what a reader does works, and what a hostile text tries does not."""

import html
import json
import re
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gemtune.report.browser import Tab, open_page
from tests.gemtune.report.made_pages import HOSTILE, hostile_page, long_page, page, page_about
from tests.gemtune.report.test_page import Page, check_nothing_executes

pytestmark = pytest.mark.browser

READ = """JSON.stringify({
  count: document.getElementById("count").textContent,
  rows: [...document.querySelectorAll("#rows summary")].map((each) => each.children[0].textContent),
  scores: [...document.querySelectorAll("#rows summary")].map((each) => each.children[1].textContent),
  place: document.getElementById("place").textContent,
})"""

CHOOSE = """(([id, value]) => {
  const field = document.getElementById(id);
  const started = performance.now();
  field.value = value;
  field.dispatchEvent(new Event(field.type === "search" ? "input" : "change"));
  document.body.getBoundingClientRect();
  return performance.now() - started;
})"""


def choose(tab: Tab, field: str, value: str) -> float:
    """Set a field as a reader does, and return how many milliseconds the page took to show the result."""
    return float(tab.run(f"{CHOOSE}({json.dumps([field, value])})"))


def read(tab: Tab) -> dict[str, Any]:
    """Return what the list of examples shows."""
    return dict(json.loads(tab.run(READ)))


def numbers(rows: list[str]) -> list[float]:
    return [float(each.replace("\u2212", "-")) for each in rows]


def check_untouched(tab: Tab, address: str) -> None:
    """Check that nothing ran but the report's own script, and that nothing was asked for or refused."""
    assert tab.run("[sentinel, violations]") == ["untouched", []]
    assert tab.requests == [address]
    assert tab.failures == []


def test_sorting_searching_filtering_and_turning_pages(tab: Tab, tmp_path: Path, record_property: Any) -> None:
    address = open_page(tab, tmp_path, long_page())
    first = read(tab)
    assert first["count"] == "2,000 of 2,000 examples, 1 to 50 below" and first["place"] == "Page 1 of 40"
    assert tab.run("document.getElementById('few').hidden")
    gains = numbers(first["rows"])
    assert gains == sorted(gains, reverse=True) and gains[0] > 0

    took = {"sort": choose(tab, "order", "loss")}
    losses = numbers(read(tab)["rows"])
    assert losses == sorted(losses) and losses[0] < 0
    choose(tab, "order", "score")
    scores = [float(each.split("\u2192")[1]) for each in read(tab)["scores"]]
    assert scores == sorted(scores)

    took["first search"] = choose(tab, "search", "WORD7 word8")
    found = read(tab)["count"]
    took["search"] = choose(tab, "search", "e001234")
    assert read(tab)["count"] == "0 of 2,000 examples" != found
    choose(tab, "search", "e1234")
    assert read(tab)["count"] == "1 of 2,000 examples"
    choose(tab, "search", "")

    took["filter"] = choose(tab, "language", "ar")
    assert read(tab)["count"].startswith("200 of 2,000")
    choose(tab, "outcome", "blocked")
    # Every 50th from the sixth on was blocked, every tenth is Arabic: none is both.
    assert read(tab)["count"] == "0 of 2,000 examples"
    choose(tab, "language", "")
    assert read(tab)["count"] == "40 of 2,000 examples"
    assert all("baseline blocked" in each for each in read(tab)["scores"])

    choose(tab, "outcome", "")
    tab.run("document.getElementById('forward').click()")
    second = read(tab)
    assert second["place"] == "Page 2 of 40" and second["count"].endswith("51 to 100 below")
    assert tab.run("document.activeElement.tagName") == "SUMMARY"
    took["load"] = tab.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    record_property("milliseconds", took)
    print({name: round(value, 1) for name, value in took.items()})
    check_untouched(tab, address)


def test_an_open_example_shows_its_four_texts_with_marks_and_the_direction_of_its_script(
    tab: Tab, tmp_path: Path
) -> None:
    open_page(tab, tmp_path, long_page())
    choose(tab, "language", "ar")
    tab.run("document.querySelector('#rows details').open = true")
    tab.run("new Promise((done) => requestAnimationFrame(done))")
    shown = json.loads(
        tab.run("""JSON.stringify([...document.querySelectorAll("#rows details[open] .text-body")].map((each) =>
            [each.dataset.slot, each.lang, getComputedStyle(each).direction, each.textContent.length > 0,
             each.querySelectorAll("mark").length > 0]))""")
    )
    assert [each[0] for each in shown] == ["reference", "baseline_text", "candidate_text", "prompt_text"]
    assert shown[0][1:4] == ["ar", "rtl", True]
    assert shown[3][2] == "ltr"  # the prompt is English, whatever the language of the example
    assert shown[1][4] or shown[2][4]


HITS = """JSON.stringify([...(CSS.highlights.get("hit") ?? [])].map((range) =>
    [range.startContainer.parentElement.closest("[data-slot]").dataset.slot,
     range.startContainer.data.slice(range.startOffset, range.endOffset)]))"""


def hits(tab: Tab) -> list[tuple[str, str]]:
    """Return what is highlighted: the slot that it is in, and the text."""
    tab.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return [(slot, text) for slot, text in json.loads(tab.run(HITS))]


def test_what_was_searched_is_highlighted_where_it_is_shown_and_no_element_is_added(tab: Tab, tmp_path: Path) -> None:
    address = open_page(tab, tmp_path, long_page())
    assert hits(tab) == []
    choose(tab, "search", "e1234")
    assert hits(tab) == [], "what is folded away is not shown"
    before = tab.run("document.querySelectorAll('#rows *').length")
    tab.run("document.querySelector('#rows details').open = true")
    assert hits(tab) == [("id", "e1234")]
    choose(tab, "search", "WORD7")
    found = hits(tab)
    assert found and {text.lower() for _, text in found} == {"word7"} and {slot for slot, _ in found} == {"excerpt"}
    tab.run("document.querySelector('#rows details').open = true")
    assert len(hits(tab)) > len(found) and {text.lower() for _, text in hits(tab)} == {"word7"}
    choose(tab, "search", "")
    assert hits(tab) == []
    choose(tab, "search", "e1234")
    assert tab.run("document.querySelectorAll('#rows *').length") == before
    check_untouched(tab, address)


@pytest.mark.parametrize(
    ("searched", "shown"),
    [("straße", "Straße"), ("fi", "\ufb01"), ("i\u0307", "\u0130"), ("no.", "\u2116."), ("<b>", "<b>"), ("lm", "lm")],
)
def test_hits_cover_the_letters_that_stand_in_the_text_whatever_the_search_folds(
    tab: Tab, tmp_path: Path, searched: str, shown: str
) -> None:
    open_page(tab, tmp_path, page_about("Die Straße, \U0001f600 ein \ufb01lm, \u0130, \u2116. and <b>bold</b>"))
    choose(tab, "search", searched)
    tab.run("document.querySelector('#rows details').open = true")
    assert {text for _, text in hits(tab)} == {shown}


def test_words_of_the_page_itself_are_no_hits(tab: Tab, tmp_path: Path) -> None:
    open_page(tab, tmp_path, page_about("A short text about rain"))
    choose(tab, "search", "text")
    tab.run("document.querySelector('#rows details').open = true")
    assert "no text" in tab.run("document.querySelector('#rows [data-slot=baseline_text]').textContent")
    found = hits(tab)
    assert {slot for slot, _ in found} == {"excerpt", "reference", "candidate_text"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_hit_stands_out_and_stays_readable(tab: Tab, tmp_path: Path, theme: str) -> None:
    open_page(tab, tmp_path, long_page())
    tab.show(theme=theme)
    colors = tab.run("""(() => {
      const style = getComputedStyle(document.querySelector("#rows summary"), "::highlight(hit)");
      return [style.color, style.backgroundColor, getComputedStyle(document.body).backgroundColor];
    })()""")
    ink, hit, paper = (luminance(color) for color in colors)
    assert contrast(ink, hit) >= 7 and contrast(hit, paper) >= 1.2, colors


def luminance(color: str) -> float:
    """Return the relative luminance of rgb(): https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_hostile_texts_run_nothing_and_break_nothing(tab: Tab, tmp_path: Path) -> None:
    address = open_page(tab, tmp_path, hostile_page())
    count = len(HOSTILE)
    assert read(tab)["count"] == f"{count} of {count} examples"
    for order in ("loss", "score", "", "gain"):
        choose(tab, "order", order)
        assert len(read(tab)["rows"]) == count
    choose(tab, "search", "<SCRIPT>document.title")
    assert int(read(tab)["count"].split()[0]) >= 1
    choose(tab, "search", "[U+202E]")
    assert int(read(tab)["count"].split()[0]) >= 1
    choose(tab, "search", "")
    choose(tab, "language", HOSTILE["attribute"])
    assert read(tab)["count"] == f"{count // 2} of {count} examples"
    choose(tab, "language", "")
    choose(tab, "outcome", "truncated")
    assert read(tab)["count"] == f"1 of {count} examples"
    choose(tab, "outcome", "")

    tab.run("for (const each of document.querySelectorAll('details')) each.open = true")
    tab.run("for (const each of document.querySelectorAll('main *')) each.dispatchEvent(new Event('mouseover'))")
    tab.run("for (const each of document.querySelectorAll('main a[href^=\"#\"]')) each.click()")
    title = re.search("<title>(.*?)</title>", hostile_page(), re.DOTALL)
    assert title and tab.run("document.title") == html.unescape(title[1])
    check_untouched(tab, address)
    dom = tab.run("document.documentElement.outerHTML")
    check_nothing_executes(Page(dom).tags)
    assert tab.run("document.querySelectorAll('#rows .text-body').length") == 4 * count


def test_without_scripts_verdict_tables_and_largest_differences_are_there(tab: Tab, tmp_path: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        open_page(tab, tmp_path, long_page())
        # The protocol still evaluates, the page does not.
        assert tab.run("document.querySelectorAll('#rows details').length") == 0
        assert tab.run("document.getElementById('all').hidden && !document.getElementById('few').hidden")
        assert tab.run("document.querySelectorAll('#few details').length") == 40
        assert tab.run("document.querySelector('#few details[open] mark').getBoundingClientRect().height") > 0
        assert tab.run("document.querySelector('h1').innerText").startswith("Improved")
        assert tab.run("document.querySelectorAll('table').length") >= 6
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


class Viewer(BaseHTTPRequestHandler):
    """Serves a report as an artifact viewer shows it: sandboxed, in an origin of its own."""

    def __init__(self, text: str, sandbox: str, *rest: Any) -> None:
        self.text, self.sandbox = text, sandbox
        super().__init__(*rest)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.sandbox)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("sandbox", "listed"), [("sandbox allow-scripts", 6), ("sandbox", 0)])
def test_in_a_sandbox_it_works_and_without_scripts_it_is_still_whole(tab: Tab, sandbox: str, listed: int) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Viewer, page(), sandbox)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            tab.events.clear()
            tab.show()
            tab.open(f"http://127.0.0.1:{server.server_port}/")
            assert tab.run("document.querySelectorAll('#rows details').length") == listed
            assert tab.run("document.getElementById('few').hidden") == bool(listed)
            assert tab.failures == []
            assert [each for each in tab.requests if not each.endswith(("/", "/favicon.ico"))] == []
        finally:
            server.shutdown()
            thread.join()


def test_in_the_frame_of_a_viewer_links_stay_inside(tab: Tab, tmp_path: Path) -> None:
    frame = f'<!doctype html><iframe width="900" height="600" srcdoc="{html.escape(page())}"></iframe>'
    address = open_page(tab, tmp_path, frame)
    inside = "document.querySelector('iframe').contentDocument"
    assert tab.run(f"{inside}.querySelectorAll('#rows details').length") == 6
    tab.run(f"{inside}.querySelector('nav a[href=\"#reproduce\"]').click()")
    assert tab.run("document.querySelector('iframe').contentWindow.scrollY") > 0
    assert tab.run(f"{inside}.querySelector('h1').innerText").startswith("Improved")
    assert {each.partition("#")[0] for each in tab.requests} <= {address, "about:srcdoc"}
