import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import cli


def test_help_lists_every_verb_with_the_first_line_of_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb, text in cli.VERBS.items():
        module = importlib.import_module(f"scripts.{verb}")
        assert (module.__doc__ or "").splitlines()[0] == text
        assert f"{verb:<10} {text}" in shown


def test_help_imports_no_verb_and_no_library() -> None:
    code = "import sys; from scripts import cli; cli.main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    for heavy in ("kfp", "pydantic", "yaml", "google.auth", "scripts.run"):
        assert f"'{heavy}'" not in loaded


def test_the_version_is_that_of_the_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"gemtune {project['version']}\n"


def test_no_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage: gemtune VERB" in capsys.readouterr().out


def test_an_unknown_verb_is_named_with_the_verbs_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tune"]) == 2
    assert "found verb 'tune', expected one of run, submit" in capsys.readouterr().err
    assert cli.main(["shedule"]) == 2
    assert capsys.readouterr().err == "gemtune: found verb 'shedule', did you mean `schedule`?\n"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself_in_80_columns(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"scripts.{verb}").main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: gemtune {verb}")
