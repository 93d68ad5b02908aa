import hashlib
from pathlib import Path

import pytest
from kfp.registry.registry_client import ApiAuth, RegistryClient

from emulator.storage import read_object
from tests.scripts.conftest import CommandLine

COMPILED = (Path(__file__).parents[2] / "compiled/tuning.yaml").read_bytes()
REPOSITORY = "https://us-central1-kfp.pkg.dev/gemtune-local/gemtune-local"


@pytest.mark.parametrize("place", ["", "gs://gemtune-local/pipelines/v2/"])
def test_the_pipeline_goes_to_cloud_storage_byte_for_byte(gemtune: CommandLine, place: str) -> None:
    ended = gemtune("publish", gemtune.spec(), *(["--to", place] if place else []))
    uri = f"{place.rstrip('/') or 'gs://gemtune-local/gemtune/pipelines'}/tuning.yaml"
    assert (ended.code, ended.out) == (0, f"{uri}\n")
    assert read_object(gemtune.emulator.state, uri) == COMPILED


def test_the_pipeline_goes_to_artifact_registry_with_its_tags(gemtune: CommandLine) -> None:
    ended = gemtune("publish", gemtune.spec(), "--to", REPOSITORY, "--tag", "v1", "--tag", "latest")
    assert (ended.code, ended.out) == (0, f"{REPOSITORY}/gemini-tuning/v1\n"), ended.err
    digest = f"sha256:{hashlib.sha256(COMPILED).hexdigest()}"
    assert digest in ended.err
    url = REPOSITORY.replace("https:/", gemtune.emulator.url)
    client = RegistryClient(host=url, auth=ApiAuth(gemtune.emulator.state.token))
    assert [client.get_tag("gemini-tuning", tag)["version"].rpartition("/")[2] for tag in ("v1", "latest")] == [
        digest
    ] * 2
    fetched = client.download_pipeline("gemini-tuning", tag="v1", file_name=str(gemtune.folder / "fetched.yaml"))
    assert Path(fetched).read_bytes() == COMPILED
    untagged = gemtune("publish", gemtune.spec(), "--to", REPOSITORY)
    assert untagged.out == f"{REPOSITORY}/gemini-tuning/{digest}\n"


def test_a_missing_repository_is_named_with_what_it_takes(gemtune: CommandLine) -> None:
    ended = gemtune(
        "publish", gemtune.spec(), "--to", REPOSITORY.replace("gemtune-local/gemtune-local", "gemtune-local/x")
    )
    assert ended.code == 1
    assert "not found" in ended.err.lower() and "roles/artifactregistry.writer" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "ftp://x"], "--to: found 'ftp://x', expected gs://BUCKET/FOLDER or https://REGION-kfp.pkg.dev"),
        (["--tag", "v1"], "--tag: found 'v1' for Cloud Storage"),
        (["--to", REPOSITORY, "--tag", "V1"], "--tag: found 'V1', expected lowercase letters"),
        (["--pipeline", "none.yaml"], "--pipeline: none.yaml: there is no such file"),
    ],
)
def test_a_wrong_argument_is_named(gemtune: CommandLine, arguments: list[str], message: str) -> None:
    ended = gemtune("publish", gemtune.spec(), *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


@pytest.mark.parametrize("place", ["gs://my-bucket/pipelines", REPOSITORY])
def test_without_credentials_it_says_how_to_get_them(
    gemtune: CommandLine, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "missing.json")
    spec = gemtune.spec(project="my-project", bucket="my-bucket")
    ended = gemtune("publish", spec, "--target", "vertex", "--to", place)
    assert (ended.code, ended.out) == (1, "")
    assert "gcloud auth application-default login" in ended.err and "Traceback" not in ended.err
