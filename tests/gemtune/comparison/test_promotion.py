"""Promotion and the champion: who is marked, what is written down, what the next run compares with."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gemtune.comparison.champion import find_baseline, promoted_uri, replacement_notices
from gemtune.comparison.promotion import promote
from gemtune.errors import ServiceError
from tests.gemtune.made_run import ENDPOINT, compare, examples, side, worse_and_better

BASE_LABEL = "google-vertex-llm-tuning-base-model-id"
EXAMPLES = examples()
DECIDED = compare(EXAMPLES, *worse_and_better(EXAMPLES))


class Promoting:
    """Two tuned models, and promotions of the spec `rice`."""

    def __init__(self, tuning: Any) -> None:
        self.tuning, self.emulator, self.storage = tuning, tuning.emulator, tuning.storage
        self.uri = promoted_uri(self.emulator.bucket, "rice")
        self.first = tuning.tune()
        self.second = tuning.tune(replace(tuning.request, epoch_count=1), job_id="run-2")

    def promote(self, job: dict[str, Any], name: str = "rice") -> dict[str, Any]:
        return promote(
            self.decided(job),
            name=name,
            endpoint=job["endpoint"],
            model=job["model"],
            checkpoint_id=job["checkpoints"][0]["checkpoint_id"],
            bucket=self.emulator.bucket,
            job_id="run-1",
            storage=self.storage,
        )

    def marks(self, job: dict[str, Any]) -> tuple[str | None, bool]:
        """Return the label of a model, and whether it has the alias."""
        model = self.emulator.state.get("models", job["model"])
        return model["labels"].get("gemtune-promoted"), "gemtune-promoted" in model["versionAliases"]

    def decided(self, job: dict[str, Any], **models: str) -> dict[str, Any]:
        """Return a comparison in which the model of a job won."""
        return {**DECIDED, "models": {**DECIDED["models"], "candidate": job["endpoint"], **models}}

    def notices(self, decided: dict[str, Any]) -> list[str]:
        return replacement_notices(decided, bucket=self.emulator.bucket, name="rice", storage=self.storage)

    def baseline(self, name: str = "rice") -> str:
        return find_baseline("promoted", project=self.emulator.project, bucket=self.emulator.bucket, name=name)


@pytest.fixture
def promoting(tuning: Any) -> Promoting:
    return Promoting(tuning)


def test_a_promoted_model_has_label_alias_default_checkpoint_and_a_pointer(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    model = promoting.emulator.state.get("models", promoting.first["model"])
    assert model["labels"]["gemtune-promoted"] == "rice"
    assert model["labels"][BASE_LABEL] == "gemini-3.1-flash-lite" and model["labels"]["gemtune-spec"] == "t"
    assert model["versionAliases"] == ["default", "gemtune-promoted"]
    assert model["defaultCheckpointId"] == "1"
    pointer = json.loads(promoting.storage.read_text(promoting.uri))
    assert pointer["endpoint"] == promoting.first["endpoint"] and pointer["model"] == promoting.first["model"]
    assert pointer["metric"]["difference"] == DECIDED["metrics"][0]["difference"]


def test_a_new_promotion_takes_label_and_alias_from_the_old_model(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    promoting.promote(promoting.second)
    assert promoting.marks(promoting.first) == (None, False)
    assert promoting.marks(promoting.second) == ("rice", True)
    assert json.loads(promoting.storage.read_text(promoting.uri))["endpoint"] == promoting.second["endpoint"]


def test_the_alias_moves_between_versions_of_one_model(promoting: Promoting) -> None:
    further = replace(promoting.tuning.request, base_model="", pre_tuned_model=promoting.first["model"], epoch_count=1)
    third = promoting.tuning.tune(further, job_id="run-3")
    assert third["model"] == promoting.first["model"].replace("@1", "@2")
    promoting.promote(promoting.first)
    promoting.promote(third)
    assert promoting.marks(promoting.first) == (None, False)
    assert promoting.marks(third) == ("rice", True)


def test_promoting_the_same_model_again_changes_nothing_of_it(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    before = [len(promoting.emulator.requests(f"models.{verb}")) for verb in ("patch", "mergeVersionAliases")]
    promoting.promote(promoting.first)
    assert [len(promoting.emulator.requests(f"models.{verb}")) for verb in ("patch", "mergeVersionAliases")] == before
    assert promoting.marks(promoting.first) == ("rice", True)


def test_a_model_that_another_spec_promoted_keeps_its_marks(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    promoting.promote(promoting.first, name="other")
    promoting.promote(promoting.second)
    assert promoting.marks(promoting.first) == ("other", True)


def test_an_old_model_that_is_gone_does_not_undo_a_promotion(
    promoting: Promoting, capsys: pytest.CaptureFixture[str]
) -> None:
    promoting.promote(promoting.first)
    promoting.emulator.state.delete("models", promoting.first["model"])
    assert promoting.promote(promoting.second)["endpoint"] == promoting.second["endpoint"]
    assert "may keep its label and alias" in capsys.readouterr().out


def test_a_promotion_that_broke_off_is_finished_by_its_retry(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    promoting.emulator.fail("models.mergeVersionAliases", code=400)
    with pytest.raises(ServiceError):
        promoting.promote(promoting.second)
    assert promoting.baseline() == promoting.first["endpoint"], "nothing is promoted before the pointer says so"
    promoting.promote(promoting.second)
    assert promoting.marks(promoting.first) == (None, False)
    assert promoting.marks(promoting.second) == ("rice", True)


def test_a_promotion_that_broke_off_after_its_pointer_is_finished_too(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    models, name = promoting.emulator.state, promoting.first["model"]
    document = models.get("models", name)
    models.delete("models", name)  # out of reach while the pointer is written
    promoting.promote(promoting.second)
    models.put("models", name, document)
    assert promoting.marks(promoting.first) == ("rice", True)
    promoting.promote(promoting.second)
    assert promoting.marks(promoting.first) == (None, False)


def test_the_champion_is_what_was_promoted_last(promoting: Promoting) -> None:
    assert promoting.baseline() == "", "nothing promoted: the base model"
    promoting.promote(promoting.first)
    assert promoting.baseline() == promoting.first["endpoint"]
    promoting.promote(promoting.second)
    assert promoting.baseline() == promoting.second["endpoint"]
    assert promoting.baseline("another-spec") == ""


def test_a_champion_that_is_gone_ends_the_run_with_what_to_do(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    promoting.emulator.state.delete("endpoints", promoting.first["endpoint"])
    with pytest.raises(ServiceError) as raised:
        promoting.baseline()
    assert f"{promoting.first['endpoint']} is gone" in raised.value.message
    assert raised.value.next.startswith(f"delete {promoting.uri} to compare with the base model once more")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "gemtune.promoted/1", "endpoint": 5}'])
def test_a_pointer_that_is_none_is_named(promoting: Promoting, text: str) -> None:
    promoting.storage.write_text(promoting.uri, text)
    with pytest.raises(ServiceError, match=r"gemtune/promoted/rice\.json: found no gemtune\.promoted/1"):
        promoting.baseline()


def test_a_model_by_name_is_taken_as_it_is() -> None:
    assert find_baseline("gemini-x", project="p", bucket="b", name="n") == "gemini-x"


def test_the_report_says_what_promoted_stood_for() -> None:
    spec = {"name": "rice", "base_model": "gemini-3.1-flash-lite", "baseline_model": "promoted"}
    baseline, candidate = worse_and_better(EXAMPLES)
    notices = compare(EXAMPLES, baseline, candidate, spec=spec)["notices"]
    assert "Nothing was promoted before: the baseline is the base model, gemini-3.1-flash-lite" in notices
    champion = side(EXAMPLES, ["something else"] * len(EXAMPLES), model="projects/1/locations/us/endpoints/1")
    notices = compare(EXAMPLES, champion, candidate, spec=spec)["notices"]
    assert "The baseline is the model that was promoted last, projects/1/locations/us/endpoints/1" in notices


def test_a_model_never_replaces_itself_whatever_its_answers_say() -> None:
    baseline, candidate = worse_and_better(EXAMPLES)
    luckier = compare(EXAMPLES, baseline._replace(model=ENDPOINT), candidate)
    assert (luckier["verdict"], luckier["decision"]) == ("improved", "hold")
    assert f"the same model, {ENDPOINT}: there is nothing to promote" in luckier["reasons"][-1]
    equal = compare(EXAMPLES, candidate, candidate)
    assert (equal["metrics"][0]["difference"], equal["decision"]) == (0.0, "hold")


def test_a_promotion_over_a_model_that_was_not_compared_says_whom_it_replaces_and_what_would_compare(
    promoting: Promoting, capsys: pytest.CaptureFixture[str]
) -> None:
    decided = promoting.decided(promoting.second)
    assert promoting.notices(decided) == [], "nothing is promoted yet"
    promoting.promote(promoting.first)
    (notice,) = promoting.notices(decided)
    score = f"{DECIDED['metrics'][0]['candidate']:.4f}"
    assert f"replaces {promoting.first['endpoint']}" in notice and "promoted by run run-1" in notice
    assert f"rougeL_f1 {score} there, {score} here" in notice
    assert "`baseline_model: promoted`" in notice
    capsys.readouterr()
    promoting.promote(promoting.second)
    assert notice in capsys.readouterr().out, "the step says the same"
    assert promoting.notices(decided) == [], "a retry replaces nobody"
    promoting.promote(promoting.second)
    assert "replaces" not in capsys.readouterr().out


def test_nothing_is_said_of_a_replacement_where_none_happens_or_it_was_compared(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    decided = promoting.decided(promoting.second)
    assert promoting.notices({**decided, "decision": "hold"}) == []
    assert promoting.notices({**decided, "tuning": {}}) == [], "an evaluation promotes nothing"
    assert promoting.notices(promoting.decided(promoting.second, baseline=promoting.first["endpoint"])) == []
    assert promoting.notices(promoting.decided(promoting.first)) == [], "it is promoted already"


def test_a_score_in_another_metric_is_not_put_beside_this_one(promoting: Promoting) -> None:
    promoting.promote(promoting.first)
    (notice,) = promoting.notices({**promoting.decided(promoting.second), "primary_metric": "chrf2"})
    assert "rougeL_f1 0." in notice and " here" not in notice


def test_a_pointer_that_cannot_be_read_is_a_notice_and_costs_no_report(promoting: Promoting) -> None:
    promoting.storage.write_text(promoting.uri, "{}")
    (notice,) = promoting.notices(promoting.decided(promoting.second))
    assert notice.startswith("What is promoted already is unknown: ") and promoting.uri in notice
