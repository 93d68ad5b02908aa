"""How far the reading is, is said on a terminal often, in a log seldom, and after a short run not at all."""

import io

from gemtune.data.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(out: io.StringIO, seconds_between: float) -> None:
    now = [0.0]
    progress = Progress(200, "Reading", out=out, clock=lambda: now[0])
    for _ in range(2):
        progress.open(100)
        for at in (50, 100):
            now[0] += seconds_between
            progress.records += 1000
            progress.move(at)
        progress.close()
    progress.finish()


def test_a_terminal_has_one_line_that_is_written_anew() -> None:
    out = Terminal()
    run(out, 1)
    *_, last = out.getvalue().split("\r")
    assert last == "Reading: ████████████████████ 100%  4,000 records, 1,000 a second\x1b[K\n"
    assert "Reading: ██████████░░░░░░░░░░  50%  2,000 records" in out.getvalue()


def test_a_log_has_a_line_now_and_then() -> None:
    out = io.StringIO()
    run(out, 10)
    assert [line.split()[2] for line in out.getvalue().splitlines()] == ["50%", "100%"]


def test_a_short_run_says_nothing_in_a_log() -> None:
    out = io.StringIO()
    run(out, 0.1)
    assert out.getvalue() == ""
