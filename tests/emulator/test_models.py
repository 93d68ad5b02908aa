"""Aliases of tuned models, as Google's own SDK sets them."""

from typing import Any

import google.auth
import pytest
from google.cloud import aiplatform

from tests.conftest import Emulator
from tests.emulator.tuning import at, call, client, finished, put_datasets, tune


@pytest.fixture
def model(emulator: Emulator) -> str:
    """A model of two versions: the second one was tuned further from the first one."""
    put_datasets(emulator, 8)
    first = finished(emulator, tune(emulator, epoch_count=1)).tuned_model.model
    again = finished(emulator, tune(emulator, base_model=first, epoch_count=1)).tuned_model.model
    assert again == first.replace("@1", "@2")
    return str(again.partition("@")[0])


def aliases(emulator: Emulator, model: str) -> list[list[str]]:
    """Return the aliases of versions 1 and 2."""
    return [call(emulator, "GET", f"{model}@{version}").json()["versionAliases"] for version in (1, 2)]


def test_an_alias_names_one_version_and_moves_to_another(emulator: Emulator, model: str) -> None:
    credentials, _ = google.auth.default()
    aiplatform.init(
        project=emulator.project,
        location="us-central1",
        api_endpoint=emulator.url,
        api_transport="rest",
        credentials=credentials,
    )
    registry = aiplatform.models.ModelRegistry(model)
    registry.add_version_aliases(["golden"], version="1")
    assert aliases(emulator, model) == [["golden"], ["default"]]
    assert client(emulator).models.get(model=f"{model}@golden").version == "1"
    registry.add_version_aliases(["golden"], version="2")
    assert aliases(emulator, model) == [[], ["default", "golden"]]
    registry.remove_version_aliases(["golden"], version="2")
    assert aliases(emulator, model) == [[], ["default"]]
    registry.add_version_aliases(["default"], version="1")
    assert call(emulator, "GET", model).json()["versionId"] == "1"


@pytest.mark.parametrize("wanted", [["-default"], ["1"], ["Golden"], []])
def test_what_is_no_alias_is_refused(emulator: Emulator, model: str, wanted: list[str]) -> None:
    answer = call(emulator, "POST", f"{model}@1:mergeVersionAliases", {"versionAliases": wanted})
    assert answer.status_code == 400


def test_an_alias_is_given_to_a_version_that_is_there(emulator: Emulator, model: str) -> None:
    def code(name: str) -> Any:
        return call(emulator, "POST", f"{name}:mergeVersionAliases", {"versionAliases": ["golden"]}).status_code

    assert (code(model), code(f"{model}@3"), code(f"{at(emulator)}/models/9@1")) == (400, 404, 404)
    assert code(f"{model}@2") == 200
