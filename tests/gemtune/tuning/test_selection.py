import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.comparison.promotion import set_default_checkpoint
from gemtune.errors import ComparisonError, DataError, ServiceError, SpecError
from gemtune.generation.generate import generate
from gemtune.generation.settings import GenerationSettings
from gemtune.tuning.selection import (
    Trial,
    choose,
    compare_checkpoints,
    describe_choice,
    select,
    select_last,
    selection_metrics,
)

METRIC = "rougeL_f1"
CATALOG = catalogs.load()


def point(number: int, endpoint: str = "projects/1/locations/us/endpoints/{}") -> dict[str, Any]:
    return {"checkpoint_id": str(number), "epoch": number, "step": 10 * number, "endpoint": endpoint.format(number)}


def records(*values: float | None) -> list[dict[str, Any]]:
    return [{"id": f"e{at}", "metrics": {} if value is None else {METRIC: value}} for at, value in enumerate(values)]


def chosen(*columns: list[float]) -> str:
    points = [point(number) for number in range(1, len(columns) + 1)]
    return str(choose(compare_checkpoints(points, [records(*column) for column in columns], METRIC))["checkpoint_id"])


def test_the_earliest_checkpoint_within_one_standard_error_of_the_best_is_chosen() -> None:
    poor, good, best = [0.1, 0.1, 0.2, 0.2], [0.5, 0.3, 0.5, 0.5], [0.5, 0.5, 0.5, 0.4]
    # `good` is behind by 0.025 on average, with a standard error of 0.063; `poor` by 0.325 with one of 0.048.
    assert chosen(poor, good, best) == "2"
    assert chosen(poor, best, good) == "2"
    assert chosen(best, good, poor) == "1"


def test_a_checkpoint_that_is_always_a_little_worse_is_not_within() -> None:
    assert chosen([0.1, 0.5, 0.9], [0.2, 0.6, 1.0]) == "2", "how hard the examples are must not hide the difference"


def test_of_equal_checkpoints_the_earliest_is_chosen() -> None:
    assert chosen([0.5, 0.1], [0.5, 0.1], [0.5, 0.1]) == "1"


def test_a_single_example_decides_without_a_standard_error() -> None:
    assert chosen([0.1], [0.3], [0.2]) == "2"


def test_all_checkpoints_are_compared_on_the_same_examples() -> None:
    figures = compare_checkpoints([point(1), point(2)], [records(0.2, None, 0.4), records(0.6, 0.0, 0.8)], METRIC)
    assert [(each["n"], each["mean"]) for each in figures] == [(2, pytest.approx(0.3)), (2, pytest.approx(0.7))]
    assert [each["best"] for each in figures] == [False, True]
    assert figures[0]["behind"] == pytest.approx(0.4)
    with pytest.raises(DataError, match="no validation example has a score from every checkpoint"):
        compare_checkpoints([point(1), point(2)], [records(None, 0.2), records(0.2, None)], METRIC)


def test_the_last_checkpoint_is_the_one_trained_longest_and_not_the_default_one() -> None:
    job = {"endpoint": point(1)["endpoint"], "checkpoints": [point(3), point(1)]}
    assert select_last(job)["endpoint"] == point(3)["endpoint"]
    assert select_last({**job, "checkpoints": []})["endpoint"] == point(1)["endpoint"]
    assert select_last({**job, "checkpoints": [point(1), point(2, "")]})["checkpoint_id"] == "1"
    assert describe_choice(select_last(job)) == "checkpoint 3, epoch 3: the last one"
    assert selection_metrics(select_last(job)) == {"epoch": 3, "step": 30}
    with pytest.raises(ServiceError, match="no endpoint"):
        select_last({"endpoint": "", "checkpoints": []})


class Bench:
    """A tuned model with a checkpoint an epoch, and validation prompts to choose among them."""

    def __init__(self, tuning: Any, folder: Path) -> None:
        self.tuning, self.folder = tuning, folder
        self.job = tuning.tune(replace(tuning.request, epoch_count=3))
        self.prompts_uri = f"gs://{tuning.emulator.bucket}/prompts.jsonl"
        self.write(6)

    def write(self, count: int) -> None:
        article = "Rain fell on town {0} all week. The river rose by two metres. A bridge was closed on Friday."
        lines = [
            {
                "id": f"v{number}",
                "prompt": {"contents": [{"role": "user", "parts": [{"text": article.format(number)}]}]},
                "reference": f"The river rose in town {number}.",
            }
            for number in range(100, 100 + count)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.tuning.storage.write_text(self.prompts_uri, text)

    def select(self, rule: str = "validation", **changes: Any) -> dict[str, Any]:
        answer = partial(
            generate,
            project=self.tuning.emulator.project,
            bucket=self.tuning.emulator.bucket,
            prompts_uri=self.prompts_uri,
            settings=GenerationSettings(max_output_tokens=64),
            max_in_flight=4,
            max_age_days=30,
            storage=self.tuning.storage,
            catalog=CATALOG,
        )
        given: dict[str, Any] = {
            "prompts_uri": self.prompts_uri,
            "answer": answer,
            "metric": METRIC,
            "task": "summarization",
            "rouge_profile": "auto",
            "max_unscored_share": 0.0,
            "project": self.tuning.emulator.project,
            "storage": self.tuning.storage,
            "folder": self.folder / "trial",
        }
        return select(self.job, rule, Trial(**{**given, **changes}))

    def asked(self) -> list[str]:
        return [each["path"] for each in self.tuning.emulator.requests("endpoints.generateContent")]


@pytest.fixture
def bench(tuning: Any, tmp_path: Path) -> Bench:
    return Bench(tuning, tmp_path)


def test_every_checkpoint_answers_the_validation_split_once(bench: Bench) -> None:
    found = bench.select()
    endpoints = [each["endpoint"] for each in bench.job["checkpoints"]]
    assert sorted({path.partition("/v1/")[2].partition(":")[0] for path in bench.asked()}) == sorted(endpoints)
    assert len(bench.asked()) == 18
    assert [each["checkpoint_id"] for each in found["checkpoints"]] == ["1", "2", "3"]
    assert found["rule"] == "validation" and found["signature"].startswith("rouge")
    assert found["endpoint"] == endpoints[int(found["checkpoint_id"]) - 1]
    assert found["paid"]["prompt_tokens"] > 0 and found["unscored"] == 0
    assert "within one standard error of the best on 6 validation examples" in describe_choice(found)
    assert selection_metrics(found)["checkpoint_1"] == found["checkpoints"][0]["mean"]
    again = bench.select()
    assert len(bench.asked()) == 18, "answers are kept"
    assert again == {**found, "paid": dict.fromkeys(found["paid"], 0)}


def test_the_last_checkpoint_costs_no_request(bench: Bench) -> None:
    assert bench.select("last")["endpoint"] == bench.job["endpoint"]
    assert bench.asked() == []


def test_no_choice_is_made_without_validation_data_or_by_another_rule(bench: Bench) -> None:
    with pytest.raises(DataError, match="there is no validation example") as error:
        bench.select(prompts_uri="")
    assert "validation_fraction" in error.value.next
    with pytest.raises(SpecError, match="found 'test', expected one of last, validation"):
        bench.select("test")


def test_checkpoints_whose_endpoint_is_gone_are_left_out(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.tuning.emulator.state.delete("endpoints", bench.job["checkpoints"][2]["endpoint"])
    assert bench.select("last")["checkpoint_id"] == "2"
    assert "checkpoint 3: left out" in capsys.readouterr().err
    assert [each["checkpoint_id"] for each in bench.select()["checkpoints"]] == ["1", "2"]


def test_checkpoints_that_cannot_be_asked_are_not_compared(bench: Bench) -> None:
    bench.tuning.emulator.fail("endpoints.generateContent", times=1, code=400)
    with pytest.raises(ComparisonError, match="1 of 6 prompts"):
        bench.select()


def test_promotion_makes_the_checkpoint_the_default_one_once(bench: Bench) -> None:
    for _ in range(2):
        set_default_checkpoint(bench.job["model"], "2", project=bench.tuning.emulator.project)
    (patched,) = bench.tuning.emulator.requests("models.patch")
    assert patched["body"] == {"defaultCheckpointId": "2"}
    model = bench.tuning.emulator.state.get("models", bench.job["model"])
    assert model["defaultCheckpointId"] == "2"
    set_default_checkpoint(bench.job["model"], "", project=bench.tuning.emulator.project)
    assert len(bench.tuning.emulator.requests("models.patch")) == 1


def test_a_reused_job_is_still_judged_by_its_last_checkpoint_after_a_promotion(bench: Bench) -> None:
    set_default_checkpoint(bench.job["model"], "1", project=bench.tuning.emulator.project)
    bench.job = bench.tuning.tune(replace(bench.tuning.request, epoch_count=3), job_id="run-2")
    assert bench.job["endpoint"] == bench.job["checkpoints"][0]["endpoint"]
    assert bench.select("last")["checkpoint_id"] == "3"
