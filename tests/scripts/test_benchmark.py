import pytest

from scripts import benchmark


def test_an_unknown_subject_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["tuning"]) == 2
    assert "found 'tuning'" in capsys.readouterr().out


def test_help_names_every_subject(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"scripts.benchmark {subject}" in shown for subject in benchmark.SUBJECTS)


@pytest.mark.parametrize("subject", benchmark.SUBJECTS)
def test_every_subject_has_a_json_form(subject: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmark.main([subject, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
