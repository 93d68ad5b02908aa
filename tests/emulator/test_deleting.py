"""What the service lets go of, and in which order: endpoints, models, versions, batch jobs, experiments."""

import json
from typing import Any

import httpx
import pytest
from google.genai import types
from google.genai.errors import ClientError

from tests.conftest import Emulator
from tests.emulator.tuning import article, at, call, client, finished, put_datasets, tune


@pytest.fixture
def job(emulator: Emulator) -> types.TuningJob:
    put_datasets(emulator)
    return finished(emulator, tune(emulator))


def refused(answer: httpx.Response, wording: str) -> None:
    assert answer.status_code == 400 and answer.json()["error"]["status"] == "FAILED_PRECONDITION", answer.text
    assert wording in answer.json()["error"]["message"]


def undeploy(emulator: Emulator, endpoint: str) -> dict[str, Any]:
    deployed = call(emulator, "GET", endpoint).json()["deployedModels"][0]["id"]
    answer = call(emulator, "POST", f"{endpoint}:undeployModel", {"deployedModelId": deployed})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def delete(emulator: Emulator, name: str) -> httpx.Response:
    return call(emulator, "DELETE", name)


def remove_endpoints(emulator: Emulator, job: types.TuningJob) -> None:
    for checkpoint in (job.tuned_model and job.tuned_model.checkpoints) or []:
        operation = undeploy(emulator, checkpoint.endpoint or "")
        assert call(emulator, "GET", operation["name"]).json()["done"]
        assert delete(emulator, checkpoint.endpoint or "").json()["done"]


def test_an_endpoint_is_deleted_when_the_undeploying_is_done_and_not_before(
    emulator: Emulator, job: types.TuningJob
) -> None:
    endpoint = str(job.tuned_model and job.tuned_model.endpoint)
    refused(delete(emulator, endpoint), "has deployed or being-deployed DeployedModel(s)")
    operation = undeploy(emulator, endpoint)
    assert "done" not in operation and operation["name"].startswith(f"{endpoint}/operations/")
    refused(delete(emulator, endpoint), "has deployed or being-deployed DeployedModel(s)")
    assert call(emulator, "GET", operation["name"]).json()["done"] is True
    assert call(emulator, "GET", operation["name"]).json()["done"] is True, "read twice, done once"
    refused(
        call(
            emulator, "POST", f"{endpoint}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}
        ),
        "no deployed model",
    )
    assert delete(emulator, endpoint).json()["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert call(emulator, "GET", endpoint).status_code == 404


def test_what_is_not_deployed_cannot_be_undeployed(emulator: Emulator, job: types.TuningJob) -> None:
    endpoint = str(job.tuned_model and job.tuned_model.endpoint)
    assert call(emulator, "POST", f"{endpoint}:undeployModel", {"deployedModelId": "7"}).status_code == 404
    assert call(emulator, "POST", f"{endpoint}:undeployModel", {"id": "7"}).status_code == 400


def test_a_model_goes_with_all_its_versions_once_it_is_deployed_nowhere(
    emulator: Emulator, job: types.TuningJob
) -> None:
    model = str(job.tuned_model and job.tuned_model.model)
    name = model.partition("@")[0]
    refused(delete(emulator, name), "is deployed or being deployed at the following Endpoint(s): projects/")
    assert delete(emulator, model).status_code == 400, "the name has no version"
    remove_endpoints(emulator, job)
    operation = delete(emulator, name).json()
    assert operation["done"] and operation["name"].startswith(f"{name}/operations/")
    assert call(emulator, "GET", name).status_code == 404
    vertex = client(emulator)
    kept = vertex.tunings.get(name=job.name or "")
    assert kept.tuned_model and kept.tuned_model.model == model, "a tuning job remembers what it made"
    assert delete(emulator, job.name or "").status_code == 404, "and cannot be deleted"


def test_a_version_goes_alone_unless_it_is_the_last_or_the_default_one(
    emulator: Emulator, job: types.TuningJob
) -> None:
    model = str(job.tuned_model and job.tuned_model.model)
    remove_endpoints(emulator, job)
    refused(delete(emulator, f"{model}:deleteVersion"), "only version")
    vertex = client(emulator)
    second = finished(
        emulator,
        vertex.tunings.tune(
            base_model=model,
            training_dataset=types.TuningDataset(gcs_uri="gs://gemtune-local/train.jsonl"),
            config=types.CreateTuningJobConfig(epoch_count=1),
        ),
    )
    newest = str(second.tuned_model and second.tuned_model.model)
    assert newest == model.replace("@1", "@2")
    refused(delete(emulator, f"{newest}:deleteVersion"), "default version")
    assert delete(emulator, f"{model}:deleteVersion").json()["done"]
    versions = call(emulator, "GET", f"{model.partition('@')[0]}:listVersions").json()["models"]
    assert [version["versionId"] for version in versions] == ["2"]


def test_a_batch_job_is_deleted_after_its_end_and_its_output_stays(emulator: Emulator, bucket: Any) -> None:
    row = json.dumps({"request": {"contents": [{"role": "user", "parts": [{"text": article(1)}]}]}})
    bucket.blob("in.jsonl").upload_from_string(row)
    vertex = client(emulator, "global", "v1")
    source, dest = f"gs://{emulator.bucket}/in.jsonl", f"gs://{emulator.bucket}/out"
    batch = vertex.batches.create(model="gemini-3.1-flash-lite", src=source, config={"dest": dest, "display_name": "b"})
    name = str(batch.name)
    with pytest.raises(ClientError, match="cannot be deleted"):
        vertex.batches.delete(name=name)
    emulator.progress("batchPredictionJobs", immediate=True)
    assert vertex.batches.get(name=name).state == "JOB_STATE_SUCCEEDED"
    vertex.batches.delete(name=name)
    assert call(emulator, "GET", name).status_code == 404
    assert list(bucket.list_blobs(prefix="out/"))


def test_the_curves_of_a_job_are_deleted_where_the_service_keeps_them(emulator: Emulator, job: types.TuningJob) -> None:
    context = str(job.experiment)
    board = call(emulator, "GET", context).json()["metadata"]["backing_tensorboard_resource"]
    experiment = f"{board}/experiments/{context.rpartition('/')[2]}"
    assert call(emulator, "GET", f"{experiment}/runs").json()
    assert delete(emulator, experiment).json()["done"]
    assert call(emulator, "GET", experiment).status_code == 404
    assert call(emulator, "GET", board).status_code == 200
    assert delete(emulator, context).json()["done"]
    assert call(emulator, "GET", context).status_code == delete(emulator, context).status_code == 404
    assert call(emulator, "GET", f"{at(emulator)}/metadataStores/default/contexts").json()["contexts"], "its run"
