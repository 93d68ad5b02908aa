import pytest

from scripts import cli


@pytest.mark.parametrize("arguments", [[], ["--env"]])
def test_a_port_that_is_none_is_a_usage_error(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMTUNE_EMULATOR_PORT", "http")
    assert cli.main(["emulator", *arguments]) == 2
    assert capsys.readouterr().err == "GEMTUNE_EMULATOR_PORT: found 'http', expected a port from 1 to 65535\n"
