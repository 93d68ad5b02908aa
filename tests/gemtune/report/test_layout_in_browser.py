"""How the report looks in headless Chromium: on a phone, in both themes, on paper, and to everybody."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.gemtune.report.browser import Tab, open_page
from tests.gemtune.report.made_pages import hostile_page, long_page, page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("made", [page, long_page, hostile_page])
def test_no_page_scrolls_sideways_and_each_theme_has_its_paper(
    tab: Tab, tmp_path: Path, width: int, theme: str, made: Any
) -> None:
    from matplotlib.image import imread

    open_page(tab, tmp_path, made())
    tab.show(width=width, theme=theme)
    tab.run("for (const each of [...document.querySelectorAll('#rows details')].slice(0, 3)) each.open = true")
    assert tab.run("document.documentElement.scrollWidth") <= width
    paper = imread(BytesIO(tab.screenshot()))[2, 2, :3].mean()
    assert paper < 0.2 if theme == "dark" else paper > 0.9


def test_the_guards_of_equal_treatment_fit_on_a_desk_with_the_long_values_they_have(tab: Tab, tmp_path: Path) -> None:
    long = {"sha": "d2ceccb2ec75acb5" * 4, "signature": "rouge:rouge-score-0.1.2|tok:unicode-1|" * 4}
    values = "[...document.querySelectorAll('#fairness tbody tr')].flatMap((row) => [...row.cells].slice(2, 4))"
    open_page(tab, tmp_path, page())
    tab.run(f"{values}.forEach((cell, at) => cell.textContent = at % 2 ? '{long['sha']}' : '{long['signature']}')")
    assert tab.run(
        "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)(document.querySelector('#fairness .scroll'))"
    )
    assert tab.run("document.querySelector('#fairness .scroll').offsetParent !== null")


def test_print_is_on_white_with_every_table_and_without_controls(tab: Tab, tmp_path: Path) -> None:
    open_page(tab, tmp_path, page())
    tab.show(width=800, theme="dark", media="print")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert tab.run("[...document.querySelectorAll('table')].every((each) => each.getBoundingClientRect().height > 20)")
    tab.show()


def test_every_field_has_a_label_and_every_mark_a_second_signal(tab: Tab, tmp_path: Path) -> None:
    open_page(tab, tmp_path, long_page())
    fields = "[...document.querySelectorAll('input, select')]"
    assert tab.run(f"{fields}.length") == 4
    assert tab.run(f"{fields}.every((each) => each.labels.length === 1 && each.labels[0].textContent.trim())")
    assert tab.run("document.getElementById('count').getAttribute('role')") == "status"
    lines = tab.run(
        "[...document.querySelectorAll('.legend mark')].map((each) => getComputedStyle(each).textDecorationStyle)"
    )
    assert sorted(lines) == ["dashed", "dotted", "solid"]


CONTRAST = """(() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const paper = (each) => {
    for (; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
  };
  return [...document.querySelectorAll("body *:not(svg *):not(script)")]
    .filter((each) => each.checkVisibility() && !each.disabled)
    .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((each) => {
      const pair = [light(parse(getComputedStyle(each).color)), light(paper(each))].sort((a, b) => b - a);
      return [(pair[0] + 0.05) / (pair[1] + 0.05), each.outerHTML.slice(0, 80)];
    })
    .sort((a, b) => a[0] - b[0])[0];
})()"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_stands_out_from_its_paper(tab: Tab, tmp_path: Path, theme: str) -> None:
    open_page(tab, tmp_path, hostile_page())
    tab.show(theme=theme)
    tab.run("for (const each of [...document.querySelectorAll('#rows details')].slice(0, 3)) each.open = true")
    ratio, where = tab.run(CONTRAST)
    # https://www.w3.org/TR/WCAG22/#contrast-minimum
    assert ratio >= 4.5, where
