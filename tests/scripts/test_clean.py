"""`gemtune clean` against a running emulator, in this process."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.cleaning.inventory import places, read
from gemtune.cleaning.plan import Selection, plan
from gemtune.comparison.champion import promoted_uri
from gemtune.storage import Storage
from gemtune.tuning.request import TuningRequest
from gemtune.tuning.tune import tune
from tests.emulator.tuning import example
from tests.scripts.conftest import CommandLine, Ended

BASE = "gemini-3.1-flash-lite"
PARENT = "projects/123456789012/locations/us-central1"
KINDS = ("endpoints", "models", "contexts", "schedules", "batchPredictionJobs")


class Leftovers:
    """What runs left on the emulator, and the verb."""

    def __init__(self, gemtune: CommandLine) -> None:
        self.gemtune, self.emulator = gemtune, gemtune.emulator
        self.storage = Storage(self.emulator.project)
        self.path = gemtune.spec(name="mine")

    def __call__(self, *arguments: str) -> Ended:
        return self.gemtune("clean", self.path, *arguments)

    def json(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self("--json", *arguments).out))

    def tune(self, run: str, count: int = 16, *, spec: str = "mine", **changes: Any) -> dict[str, Any]:
        """Tune as a run does, or take up the job of another."""
        path = self.gemtune.folder / "train.jsonl"
        path.write_text("".join(json.dumps(example(number)) + "\n" for number in range(count)))
        uri = self.storage.upload_by_content(path, f"gs://{self.emulator.bucket}/data", ".jsonl")
        request = TuningRequest(base_model=BASE, train_uri=uri, epoch_count=1, labels={"gemtune-spec": spec})
        return tune(
            replace(request, **changes),
            project=self.emulator.project,
            location="us-central1",
            bucket=self.emulator.bucket,
            job_id=run,
            deadline_hours=0.001,
            force_retune=False,
            storage=self.storage,
            catalog=catalogs.load(),
            sleep=lambda seconds: None,
        )

    def run(self, run: str, spec: str = "mine", *, needs: str = "", bucket: str = "") -> None:
        """Put a run there, with the comparison that it ended with, or with the bucket that it was told."""
        name = f"{PARENT}/pipelineJobs/{run}"
        now = self.emulator.state.clock.timestamp()
        labels = {"gemtune-spec": spec}
        document = {
            "name": name,
            "state": "PIPELINE_STATE_SUCCEEDED",
            "createTime": now,
            "labels": labels,
            "jobDetail": {},
            "runtimeConfig": {"parameterValues": {"bucket": bucket} if bucket else {}},
        }
        self.emulator.state.put("pipelineJobs", name, document)
        if needs:
            comparison = {"spec": {"name": spec}, "models": {"baseline": BASE, "candidate": needs}}
            uri = f"gs://{self.emulator.bucket}/gemtune/runs/{run}/comparison.json"
            self.storage.write_text(uri, json.dumps(comparison))

    def promote(self, endpoint: str, name: str = "mine") -> None:
        self.storage.write_text(promoted_uri(self.emulator.bucket, name), json.dumps({"endpoint": endpoint}))

    def answers(self, run: str) -> str:
        uri = f"gs://{self.emulator.bucket}/gemtune/predictions/{run}/shard.jsonl"
        self.storage.write_text(uri, "x" * 1234, metadata={"gemtune-run": run} if run else None)
        return uri

    def schedule(self, name: str, **labels: str) -> str:
        job = {"pipelineSpec": {"a": 1}, "labels": labels, "runtimeConfig": {"parameterValues": {"x": 1}}}
        sent = {"displayName": name, "cron": "0 3 * * 1", "createPipelineJobRequest": {"pipelineJob": job}}
        resource = f"{PARENT}/schedules/{self.emulator.state.new_id()}"
        now = self.emulator.state.clock.timestamp()
        self.emulator.state.put("schedules", resource, {"name": resource, "state": "ACTIVE", "createTime": now, **sent})
        return resource

    def left(self) -> set[str]:
        return {document["name"] for kind in KINDS for document in self.emulator.state.list(kind)}


@pytest.fixture
def leftovers(gemtune: CommandLine) -> Leftovers:
    gemtune.emulator.progress("tuningJobs", immediate=True)
    return Leftovers(gemtune)


def place_stranger(leftovers: Leftovers) -> set[str]:
    """Put there what somebody else made by the same service, and return the names."""
    before = leftovers.left()
    done = leftovers.tune("theirs", 24)
    for kind in ("tuningJobs", "models", "endpoints"):
        for document in leftovers.emulator.state.list(kind):
            if document.get("labels", {}).pop("gemtune-run", "") == "theirs":
                version = f"@{document['versionId']}" if kind == "models" else ""
                document["labels"] = {"team": "theirs"}
                leftovers.emulator.state.put(kind, document["name"] + version, document)
    assert done["endpoint"] in leftovers.left()
    leftovers.schedule("theirs")
    leftovers.schedule("mine", team="theirs")
    return leftovers.left() - before


def test_nothing_to_clean_is_a_sentence(leftovers: Leftovers) -> None:
    ended = leftovers("--yes")
    assert (ended.code, ended.out) == (0, "nothing to clean: nothing of mine carries a label of gemtune\n")
    assert leftovers.json() == {"to_delete": [], "stays": [], "deleted": [], "failed": [], "other_buckets": {}}


def test_all_of_a_spec_goes_and_all_of_a_stranger_stays(leftovers: Leftovers) -> None:
    theirs = place_stranger(leftovers)
    uploaded = leftovers.answers("")
    done = leftovers.tune("mine-1")
    leftovers.run("mine-1", needs=done["endpoint"])
    leftovers.schedule("mine", **{"gemtune-spec": "mine"})
    shard = leftovers.answers("mine-1")
    ended = leftovers("--yes")
    assert ended.code == 0, ended.err
    assert leftovers.left() - {f"{done['experiment']}-tuning-run"} == theirs
    assert not leftovers.storage.exists(shard) and leftovers.storage.exists(uploaded)
    assert leftovers.storage.exists(f"gs://{leftovers.emulator.bucket}/gemtune/runs/mine-1/comparison.json")
    assert "deleted 6" not in ended.out and "deleted   endpoint us/" in ended.err
    order = [each["method"] for each in leftovers.emulator.requests() if each["method"].endswith("delete")]
    assert order == [
        "schedules.delete",
        "endpoints.delete",
        "models.delete",
        "tensorboards.delete",
        "contexts.delete",
        "contexts.delete",
        "storage.objects.delete",
    ]
    assert leftovers("--yes").out.startswith("nothing to clean")


def test_the_plan_says_what_costs_what_and_deletes_nothing_unasked(leftovers: Leftovers) -> None:
    leftovers.tune("mine-1")
    leftovers.answers("mine-1")
    leftovers.run("mine-1")
    before = leftovers.left()
    ended = leftovers()
    assert ended.code == 0 and leftovers.left() == before
    text = " ".join(ended.out.split())
    assert "endpoint us/" in text and "run mine-1: nothing while idle" in text
    assert "experiment us-central1/" in text and "unknown (storage of metadata and curves)" in text
    assert "1.2 kB in 1 object, price unknown" in text
    assert "pass --yes to delete" in ended.err and "tuning jobs stay" in ended.err
    assert all(len(line) <= 80 for line in (ended.out + ended.err).splitlines())


def test_why_things_stay_is_said_once_and_no_age_is_negative(leftovers: Leftovers) -> None:
    leftovers.emulator.advance(7 * 24 * 3600)
    leftovers.promote(leftovers.tune("mine-1")["endpoint"])
    out = leftovers().out
    assert out.count("promoted/mine.json") == 1 and out.count("of today") == 3, out


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_terminal_is_asked(leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool) -> None:
    leftovers.tune("mine-1")
    leftovers.run("mine-1")
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    ended = leftovers()
    assert "delete 3 of them? [y/N]" in ended.err
    assert bool(leftovers.emulator.requests("models.delete")) is gone


def test_what_is_promoted_stays_whole_by_pointer_or_label(leftovers: Leftovers) -> None:
    done = leftovers.tune("mine-1", 16, epoch_count=2)
    other = leftovers.tune("mine-2", 17)
    leftovers.promote(done["checkpoints"][0]["endpoint"], name="any")
    name = other["model"]
    document = leftovers.emulator.state.get("models", name)
    leftovers.emulator.state.put("models", name, {**document, "labels": document["labels"] | {"gemtune-promoted": "x"}})
    before = leftovers.left()
    ended = leftovers("--yes")
    assert leftovers.left() == before and ended.code == 0
    assert ended.out.startswith("nothing to clean: all that is left of mine must stay")
    assert "promoted/any.json" in ended.out and "it is labelled so" in ended.out


def test_a_model_that_another_spec_took_up_stays_until_its_run_is_meant_too(leftovers: Leftovers) -> None:
    done = leftovers.tune("mine-1")
    leftovers.run("mine-1", needs=done["endpoint"])
    assert leftovers.tune("other-1", spec="other")["reused"]
    leftovers.run("other-1", "other", needs=done["endpoint"])
    ended = leftovers("--yes")
    assert ended.code == 0 and done["endpoint"] in leftovers.left()
    assert "run other-1 of other needs it" in " ".join(ended.out.split())
    assert leftovers("--all-specs", "--yes").code == 0
    assert done["endpoint"] not in leftovers.left()


def test_a_younger_run_keeps_the_model_that_it_took_up_from_an_older_one(leftovers: Leftovers) -> None:
    done = leftovers.tune("mine-1")
    leftovers.run("mine-1", needs=done["endpoint"])
    leftovers.run("mine-2", needs=done["endpoint"])
    (kept,) = [each for each in leftovers.json("--run", "mine-1", "--yes")["stays"] if each["kind"] == "model"]
    assert kept["reason"] == "run mine-2 of mine needs it"
    assert done["endpoint"] in leftovers.left()
    assert leftovers("--yes").code == 0
    assert done["endpoint"] not in leftovers.left(), "both are meant"


def test_a_model_that_is_tuned_further_stays_for_the_run_that_does_it(leftovers: Leftovers) -> None:
    root = leftovers.tune("mine-1")
    further = leftovers.tune("mine-2", 17, base_model="", pre_tuned_model=root["model"])
    assert further["model"] == root["model"].replace("@1", "@2")
    stays = leftovers.json("--run", "mine-1", "--yes")["stays"]
    assert {each["kind"] for each in stays} >= {"endpoint", "model version"}
    assert all("tuningJobs" in each["reason"] for each in stays)
    newest = leftovers.json("--run", "mine-2", "--yes")["stays"]
    assert newest[0]["reason"] == "it is the default version of a model whose other versions stay"
    assert leftovers.json("--yes")["stays"] == []
    assert not leftovers.emulator.state.list("models")


def test_a_version_goes_alone_where_a_younger_one_stays(leftovers: Leftovers) -> None:
    root = leftovers.tune("mine-1")
    further = leftovers.tune("mine-2", 17, base_model="", pre_tuned_model=root["model"])
    leftovers.promote(further["endpoint"])
    done = leftovers.json("--yes")
    assert root["model"] in done["deleted"] and not done["failed"]
    assert [each["versionId"] for each in leftovers.emulator.state.list("models")] == ["2"]


def test_while_a_run_goes_on_tuned_models_stay_and_answers_of_others_go(leftovers: Leftovers) -> None:
    leftovers.tune("mine-1")
    for run in ("mine-1", "mine-2"):
        leftovers.run(run)
        leftovers.answers(run)
    project, bucket = leftovers.emulator.project, leftovers.emulator.bucket
    found = read(places(project, bucket, "us-central1", [], catalogs.load()), leftovers.storage)
    going_on = {**found.runs, "mine-2": replace(found.runs["mine-2"], is_over=False)}
    items = plan(replace(found, runs=going_on), Selection(spec="mine"))
    reasons = {(item.kind, item.run): item.reason for item in items}
    assert reasons == {
        ("endpoint", "mine-1"): "run mine-2 goes on and may use it",
        ("model", "mine-1"): "run mine-2 goes on and may use it",
        ("experiment", "mine-1"): "run mine-2 goes on and may use it",
        ("predictions", "mine-1"): "",
        ("predictions", "mine-2"): "its run goes on",
    }


def test_only_what_is_old_goes_and_never_an_active_schedule(leftovers: Leftovers) -> None:
    old = leftovers.tune("mine-1")
    schedule = leftovers.schedule("mine", **{"gemtune-spec": "mine"})
    for kind in ("tuningJobs", "schedules"):
        for document in leftovers.emulator.state.list(kind):
            leftovers.emulator.state.put(kind, document["name"], {**document, "createTime": "2026-01-01T00:00:00Z"})
    young = leftovers.tune("mine-2", 17)
    assert leftovers("--older-than", "30d", "--yes").code == 0
    left = leftovers.left()
    assert old["endpoint"] not in left and young["endpoint"] in left and schedule in left


def test_what_runs_logged_goes_with_them_and_the_experiment_with_its_last_run(leftovers: Leftovers) -> None:
    store = f"{PARENT}/metadataStores/default/contexts"
    now = leftovers.emulator.state.clock.timestamp()

    def put(identity: str, title: str, **fields: Any) -> str:
        name = f"{store}/{identity}"
        document = {"name": name, "schemaTitle": title, "createTime": now, **fields}
        leftovers.emulator.state.put("contexts", name, document)
        return name

    def log(experiment: str, run: str, job: str) -> str:
        params = {"_params": {"pipeline_job": f"{PARENT}/pipelineJobs/{job}"}} if job else {}
        above = [f"{store}/{experiment}"]
        return put(f"{experiment}-{run}", "system.ExperimentRun", metadata=params, parentContexts=above)

    mine, shared = put("mine", "system.Experiment"), put("shared", "system.Experiment")
    for run in ("mine-1", "mine-2"):
        leftovers.run(run)
    first, second, third = log("mine", "a", "mine-1"), log("mine", "b", "mine-2"), log("shared", "c", "mine-2")
    theirs = log("shared", "d", "")
    leftovers("--run", "mine-1", "--yes")
    assert leftovers.left() == {mine, shared, second, third, theirs}
    deleted = leftovers.json("--yes")["deleted"]
    assert set(deleted) == {second, third, mine} and first not in leftovers.left()
    assert leftovers.left() == {shared, theirs}


def test_what_somebody_else_deployed_is_left_alone(leftovers: Leftovers) -> None:
    done = leftovers.tune("mine-1")
    name, _, version = done["model"].partition("@")
    theirs = f"{PARENT}/endpoints/7"
    deployed = [{"id": "1", "model": name, "modelVersionId": version}]
    leftovers.emulator.state.put("endpoints", theirs, {"name": theirs, "deployedModels": deployed})
    ended = leftovers("--yes")
    assert "somebody deployed it on us-central1/endpoints/7" in " ".join(ended.out.split())
    assert {theirs, done["endpoint"]} <= leftovers.left()


def test_what_fails_is_told_and_the_rest_goes_on(leftovers: Leftovers) -> None:
    leftovers.tune("mine-1")
    leftovers.tune("mine-2", 17)
    leftovers.emulator.fail("endpoints.delete", code=403, message="Permission 'aiplatform.endpoints.delete' denied.")
    ended = leftovers("--yes")
    assert ended.code == 1
    assert "aiplatform.endpoints.delete" in ended.err and "failed 1: clean again" in ended.err
    assert leftovers.emulator.faults_hit() == 1
    assert len(leftovers.emulator.state.list("endpoints")) == 1 and not leftovers.emulator.state.list("models")
    assert leftovers("--yes").code == 0
    assert not leftovers.emulator.state.list("endpoints")


def test_an_undeploying_that_fails_keeps_endpoint_and_model(leftovers: Leftovers) -> None:
    leftovers.tune("mine-1")
    leftovers.emulator.fail("endpoints.undeployModel", code=500)
    ended = leftovers.json("--yes")
    assert [each["name"].split("/")[-2] for each in ended["failed"]] == ["endpoints", "models"]
    assert leftovers("--yes").code == 0 and not leftovers.emulator.state.list("models")


def test_what_is_promoted_cannot_be_read_and_nothing_is_deleted(leftovers: Leftovers) -> None:
    done = leftovers.tune("mine-1")
    leftovers.promote(done["endpoint"])
    leftovers.emulator.fail("storage.objects.list", times=99, code=403)
    ended = leftovers("--yes")
    assert ended.code == 1 and not ended.out
    assert not leftovers.emulator.requests("endpoints.undeployModel")


def test_runs_of_the_spec_in_another_bucket_are_named_with_what_stays_there(leftovers: Leftovers) -> None:
    here = leftovers.emulator.bucket
    leftovers.run("mine-1", bucket=here)
    assert "bucket" not in leftovers("--yes").err
    leftovers.run("mine-2", bucket="elsewhere")
    leftovers.run("mine-3", bucket="elsewhere")
    leftovers.run("theirs-1", spec="theirs", bucket="not-ours")
    said = " ".join(leftovers("--yes").err.split())
    assert "2 runs in bucket elsewhere, such as mine-" in said and "`--set bucket=elsewhere`" in said
    assert "not-ours" not in said
    found = leftovers.json()["other_buckets"]
    assert {bucket: sorted(runs) for bucket, runs in found.items()} == {"elsewhere": ["mine-2", "mine-3"]}
    assert leftovers.json("--run", "mine-1")["other_buckets"] == {}
    assert set(leftovers.json("--all-specs")["other_buckets"]) == {"elsewhere", "not-ours"}


def test_a_wrong_argument_is_named(leftovers: Leftovers, capsys: pytest.CaptureFixture[str]) -> None:
    leftovers.run("mine-1")
    ended = leftovers("--run", "mine-9")
    assert ended.code == 2 and "mine-9: no such run, and nothing carries its label" in ended.err
    with pytest.raises(SystemExit, match="2"):
        leftovers("--older-than", "soon")
    assert "expected days or weeks such as 30d or 8w" in " ".join(capsys.readouterr().err.split())
