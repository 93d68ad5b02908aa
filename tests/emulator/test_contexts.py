"""Experiments as Google's own SDK writes and reads them, and what is refused."""

from typing import Any

import google.auth
import pytest
from google.cloud import aiplatform

from tests.conftest import Emulator
from tests.emulator.tuning import at, call


@pytest.fixture
def sdk(emulator: Emulator) -> None:
    credentials, _ = google.auth.default()
    aiplatform.init(
        project=emulator.project,
        location="us-central1",
        api_endpoint=emulator.url,
        api_transport="rest",
        credentials=credentials,
    )


def store(emulator: Emulator) -> str:
    return f"{at(emulator)}/metadataStores/default"


def create(emulator: Emulator, identity: str, **fields: Any) -> Any:
    body = {"schemaTitle": "system.Experiment", **fields}
    return call(emulator, "POST", f"{store(emulator)}/contexts?contextId={identity}", body)


@pytest.mark.usefixtures("sdk")
def test_what_the_sdk_logs_it_reads_again(emulator: Emulator) -> None:
    experiment = aiplatform.Experiment.create("trials")
    for number in (1, 2):
        run = aiplatform.ExperimentRun.create(f"run-{number}", experiment=experiment)
        run.log_params({"epochs": number})
        run.log_metrics({"rouge": 0.5 * number, "verdict": "improved"})
        run.end_run()
    aiplatform.ExperimentRun.create("run-1", experiment=aiplatform.Experiment.create("other"))
    frame = aiplatform.Experiment("trials").get_data_frame().sort_values("run_name")
    assert list(frame["param.epochs"]) == [1, 2] and list(frame["metric.rouge"]) == [0.5, 1.0]
    assert set(frame["state"]) == {"COMPLETE"} and set(frame["metric.verdict"]) == {"improved"}
    assert {each.name for each in aiplatform.Experiment.list()} == {"trials", "other"}
    assert not emulator.requests("tensorboards.create")


def test_an_id_is_taken_once_and_has_the_form_that_the_service_wants(emulator: Emulator) -> None:
    assert create(emulator, "trials").status_code == 200
    again = create(emulator, "trials")
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    for identity in ("abc", "Trials", "a_b_c", "x" * 129):
        assert create(emulator, identity).status_code == 400
    assert call(emulator, "POST", f"{store(emulator)}/contexts?contextId=no-title", {}).status_code == 400


def test_a_change_of_an_old_state_is_refused(emulator: Emulator) -> None:
    context = create(emulator, "trials").json()
    changed = {**context, "metadata": {"a": 1}}
    fresh = call(emulator, "PATCH", context["name"], changed).json()
    assert fresh["metadata"] == {"a": 1} and fresh["createTime"] == context["createTime"]
    stale = call(emulator, "PATCH", context["name"], changed)
    assert (stale.status_code, stale.json()["error"]["status"]) == (409, "ABORTED")
    masked = call(emulator, "PATCH", f"{context['name']}?updateMask=displayName", {"displayName": "d", "metadata": {}})
    assert (masked.json()["displayName"], masked.json()["metadata"]) == ("d", {"a": 1})


def test_a_child_is_added_once_and_must_be_there(emulator: Emulator) -> None:
    above, below = (create(emulator, identity).json()["name"] for identity in ("trials", "trials-run"))
    for _ in range(2):
        assert call(emulator, "POST", f"{above}:addContextChildren", {"childContexts": [below]}).status_code == 200
    assert call(emulator, "GET", below).json()["parentContexts"] == [above]
    missing = call(emulator, "POST", f"{above}:addContextChildren", {"childContexts": [f"{below}-2"]})
    assert missing.status_code == 404


def test_there_is_one_store_without_executions_and_artifacts(emulator: Emulator) -> None:
    assert call(emulator, "GET", store(emulator)).json()["name"].endswith("/metadataStores/default")
    assert call(emulator, "GET", store(emulator).replace("default", "other")).status_code == 404
    assert call(emulator, "GET", f"{store(emulator)}/executions").json() == {}
    assert call(emulator, "GET", f"{store(emulator)}/artifacts/a").status_code == 404
