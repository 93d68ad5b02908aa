from pathlib import Path

import pytest

from scripts import compile as verb


def test_a_build_for_an_image_leaves_compiled_alone_and_says_that_nothing_was_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in verb.COMPILED.iterdir()}
    assert verb.main(["--image", "europe-docker.pkg.dev/p/r/steps:1", "--output", str(tmp_path / "image")]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "image" / name)
        for name in ("evaluation.yaml", "tuning.yaml", "tuning-email.yaml", "Dockerfile", "requirements.txt")
    ]
    text = (tmp_path / "image/Dockerfile").read_text(encoding="utf-8")
    assert "Not built or pushed" in text and f"docker build --tag europe-docker.pkg.dev/p/r/steps:1 {tmp_path}" in text
    assert {path: path.stat().st_mtime_ns for path in verb.COMPILED.iterdir()} == before


@pytest.mark.parametrize("arguments", [["--output", "x"], ["--check", "--image", "x"]])
def test_options_that_do_not_go_together_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verb.main(arguments)
    assert ended.value.code == 2
    assert "--output goes with --image" in capsys.readouterr().err
