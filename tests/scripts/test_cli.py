import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import cli
from tests.scripts.conftest import CommandLine


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


SPY = """
import sys
from scripts import cli

class FirstLine:
    def write(self, text):
        if text.strip():
            sys.__stdout__.write(text + "\\n" + str(sorted({"kfp", "google.cloud.aiplatform"} & sys.modules.keys())))
            sys.__stdout__.flush()
            raise SystemExit
    def flush(self): pass
    def isatty(self): return False

sys.stdout = sys.stderr = FirstLine()
cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "SPEC"],
        ["submit", "SPEC"],
        ["evaluate", "SPEC", "--model", "gemini-3.1-flash-lite", "--model", "gemini-3.5-flash"],
        ["publish", "SPEC", "--to", "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune"],
        ["schedule", "apply", "SPEC"],
        ["compile", "--check"],
    ],
    ids=" ".join,
)
def test_a_verb_says_something_before_it_imports_what_takes_seconds(gemtune: CommandLine, arguments: list[str]) -> None:
    command = [gemtune.spec() if each == "SPEC" else each for each in arguments]
    ended = subprocess.run([sys.executable, "-c", SPY, *command], cwd=gemtune.folder, capture_output=True, text=True)
    first, *_, loaded = ended.stdout.splitlines()
    assert first.startswith(("target ", "compile ")) and loaded == "[]", ended.stderr
