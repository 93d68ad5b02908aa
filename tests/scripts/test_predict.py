import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import predict
from scripts.target import Target

ASK = "publishers.models.generateContent"


@pytest.fixture
def ask(emulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call `gemtune predict` on the emulator of the test."""
    here = Target("emulator", emulator.url, emulator.project, emulator.bucket)
    monkeypatch.setattr(predict, "open_target", lambda name: here)
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps({"name": "n", "system_instruction": "Be brief.", "temperature": 0.4}))
    return lambda *arguments: predict.main([*arguments, "--spec", str(spec), "--target", "emulator"])


def test_the_answer_goes_to_stdout_and_the_rest_to_stderr(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("gemini-3.5-flash", "The river rose. The bridge is closed.") == 0
    out, err = capsys.readouterr()
    assert out == "The river rose. The bridge is closed.\n"
    assert "answered, STOP, gemini-3.5-flash-emulator" in err


def test_the_settings_are_those_of_the_spec_and_the_command_line(ask: Any, emulator: Any) -> None:
    ask("gemini-3.5-flash", "Rain fell.", "--set", "max_output_tokens=65536", "--set", "safety_threshold=OFF")
    (request,) = emulator.requests(ASK)
    config = request["body"]["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.4, 65536)
    assert config["thinkingConfig"] == {"thinkingLevel": "MINIMAL"}
    assert request["body"]["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert {each["threshold"] for each in request["body"]["safetySettings"]} == {"OFF"}


@pytest.mark.parametrize("arguments", [["-"], []])
def test_a_prompt_is_read_from_stdin(
    ask: Any, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Read from a pipe.\n"))
    assert ask("gemini-3.5-flash", *arguments) == 0
    assert capsys.readouterr().out == "Read from a pipe.\n"


def test_a_blocked_prompt_has_no_answer(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("gemini-3.5-flash", "Tell me [[blocked]]") == 1
    out, err = capsys.readouterr()
    assert not out and "blocked, PROHIBITED_CONTENT" in err


@pytest.mark.parametrize("name", ["tuningJobs/1", "endpoints/1", "models/1@1"])
def test_an_unknown_resource_is_named_with_where_it_was_looked_for_and_what_lists_them(
    ask: Any, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    model = f"projects/gemtune-local/locations/europe-west4/{name}"
    assert ask(model, "Rain fell.") == 1
    out, err = capsys.readouterr()
    assert f"{model}: not found in europe-west4" in err and "gemtune jobs list" in err
    assert not out and "GET " not in err


def test_an_unknown_base_model_is_named_with_where_it_was_asked_and_what_is_meant(
    ask: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("gemini-3.1-flash-lit", "Rain fell.") == 1
    out, err = capsys.readouterr()
    assert "gemini-3.1-flash-lit: not found in global by project gemtune-local" in err
    assert "did you mean `gemini-3.1-flash-lite`?" in err and "gemini-2.5-flash" in err
    assert "inference_location" in err
    assert not out and "outcome" not in err


def test_a_known_model_that_does_not_answer_there_is_told_where_it_does(
    ask: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("gemini-3.5-flash", "Rain fell.", "--set", "inference_location=us-central1") == 1
    err = capsys.readouterr().err
    assert "gemini-3.5-flash: not found in us-central1 by project gemtune-local" in err
    assert "set inference_location to global" in err


def test_an_empty_prompt_is_a_usage_error(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("gemini-3.5-flash", " ") == 2
    assert "PROMPT: found nothing" in capsys.readouterr().err
