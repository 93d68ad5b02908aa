"""Tables and folded lines of the command line."""

from hypothesis import given
from hypothesis import strategies as st

from scripts.screen import WIDTH, folded, table


def test_numbers_are_on_the_right_and_have_separators() -> None:
    assert table(("split", "read"), [("train", 1234567), ("test", 5)]) == [
        "split       read",
        "train  1,234,567",
        "test           5",
    ]


def test_a_long_last_column_is_folded_below_itself() -> None:
    lines = table(("what", "why"), [("model", "word " * 30)], text=("why",))
    assert lines[0] == "what   why"
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.startswith("       word") for line in lines[2:])


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_folded_line_is_too_long_but_for_a_word(text: str) -> None:
    lines = folded(text, first="warning: ")
    assert all(len(line) <= WIDTH or len(line.removeprefix("warning: ").split()) == 1 for line in lines)


def test_a_uri_stays_whole_however_long() -> None:
    uri = f"gs://bucket/{'folder/' * 20}file-1.jsonl"
    assert folded(f"found {uri} there") == ["found", f"  {uri}", "  there"]
