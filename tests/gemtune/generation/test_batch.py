import json
from typing import Any

import pytest

from gemtune.errors import GenerationError, ServiceError, SpecError
from gemtune.generation.batch import read_line
from gemtune.generation.settings import GenerationSettings
from gemtune.serving import ServedModel, resolve_model
from tests.gemtune.conftest import CATALOG, articles, prompt
from tests.gemtune.made_run import compare, examples, worse_and_better

CREATE = "batchPredictionJobs.create"


def test_a_batch_gives_the_answers_that_single_requests_give(bench: Any) -> None:
    uri = bench.write([*articles(8), prompt("Build it [[blocked]]")])
    summary = bench.run(uri, mode="batch")
    in_batch = bench.predictions()
    assert summary["outcomes"] == {"answered": 8, "blocked": 1}
    assert (summary["sent"], summary["paid"]["prompt_tokens"]) == (9, summary["prompt_tokens"])
    assert bench.sent() == 0 and len(bench.emulator.requests(CREATE)) == 1
    bench.run(uri, max_age_days=0)
    assert [(one["id"], one["text"]) for one in bench.predictions()] == [(one["id"], one["text"]) for one in in_batch]


def test_a_second_batch_asks_only_what_is_missing(bench: Any) -> None:
    bench.run(bench.write(articles(4)), mode="batch")
    summary = bench.run(bench.write(articles(6)), mode="batch")
    assert (summary["sent"], summary["reused"]) == (2, 4)
    bench.run(bench.write(articles(6)), mode="batch")
    assert len(bench.emulator.requests(CREATE)) == 2


def test_the_request_of_a_row_is_that_of_a_single_prompt(bench: Any) -> None:
    settings = GenerationSettings(temperature=0.3, stop_sequences=("END",), safety_threshold="OFF", thinking="low")
    system = {"systemInstruction": {"parts": [{"text": "Summarise."}]}}
    uri = bench.write([prompt("Rain. Sun.") | system])
    bench.run(uri, mode="batch", settings=settings)
    (created,) = bench.emulator.requests(CREATE)
    (source,) = created["body"]["inputConfig"]["gcsSource"]["uris"]
    row = json.loads(bench.storage.read_text(source))["request"]
    bench.run(uri, settings=settings, max_age_days=0)
    assert row == bench.emulator.requests("publishers.models.generateContent")[0]["body"]


def test_more_prompts_than_a_job_takes_are_several_jobs(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemtune.generation.batch.MAX_PROMPTS", 3)
    assert bench.run(bench.write(articles(7)), mode="batch")["outcomes"] == {"answered": 7}
    assert len(bench.emulator.requests(CREATE)) == 3


def test_a_prompt_that_the_output_leaves_out_has_failed(bench: Any) -> None:
    def lose(seconds: float) -> None:
        (created,) = bench.emulator.requests(CREATE)
        (uri,) = created["body"]["inputConfig"]["gcsSource"]["uris"]
        bench.storage.write_text(uri, bench.storage.read_text(uri).partition("\n")[0])

    assert bench.run(bench.write(articles(3)), mode="batch", sleep=lose)["outcomes"] == {"answered": 1, "failed": 2}


def test_a_killed_step_goes_on_with_the_job_it_created(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    uri = bench.write(articles(3))
    with pytest.raises(KeyboardInterrupt):
        bench.run(uri, mode="batch", sleep=killed)
    bench.run(uri, mode="batch")
    assert len(bench.emulator.requests(CREATE)) == 1
    assert "goes on with projects/" in capsys.readouterr().err
    assert {one["outcome"] for one in bench.predictions()} == {"answered"}


def test_a_job_that_answered_nothing_is_not_taken_up_again(bench: Any) -> None:
    bench.emulator.fail("batchPredictionJobs.answer", times=2, code=500)
    uri = bench.write(articles(2))
    assert bench.run(uri, mode="batch")["outcomes"] == {"failed": 2}
    assert bench.run(uri, mode="batch")["outcomes"] == {"answered": 2}
    assert len(bench.emulator.requests(CREATE)) == 2


def test_a_lost_answer_to_the_creation_makes_no_second_job(bench: Any) -> None:
    bench.emulator.fail(CREATE, code=503, performed=True)
    bench.run(bench.write(articles(3)), mode="batch")
    assert len(bench.emulator.requests(CREATE)) == bench.emulator.faults_hit() == 1


def test_polling_outlives_a_busy_service(bench: Any) -> None:
    bench.emulator.fail("batchPredictionJobs.get", times=3)
    bench.run(bench.write(articles(2)), mode="batch")
    assert bench.emulator.faults_hit() == 3


def test_rows_that_fail_have_an_outcome_each(bench: Any) -> None:
    bench.emulator.fail("batchPredictionJobs.answer", times=1, code=400, message="Too long.")
    bench.emulator.fail("batchPredictionJobs.answer", times=2, code=500)
    summary = bench.run(bench.write(articles(6)), mode="batch")
    assert summary["outcomes"] == {"answered": 3, "rejected": 1, "failed": 2}
    assert bench.emulator.faults_hit() == 3
    assert bench.run(bench.write(articles(6)), mode="batch")["reused"] == 4


def test_a_job_that_fails_is_named_with_its_reason(bench: Any) -> None:
    def spoil(seconds: float) -> None:
        (created,) = bench.emulator.requests(CREATE)
        bench.storage.write_text(created["body"]["inputConfig"]["gcsSource"]["uris"][0], "not JSON")

    with pytest.raises(GenerationError, match=r"batchPredictionJobs/.*: ended JOB_STATE_FAILED: .* is not JSONL"):
        bench.run(bench.write(articles(2)), mode="batch", sleep=spoil)


def test_a_job_is_not_waited_for_beyond_the_deadline_and_goes_on(bench: Any) -> None:
    bench.emulator.progress("batchPredictionJobs", reads=10_000)
    with pytest.raises(GenerationError, match="JOB_STATE_RUNNING at the step's deadline") as ended:
        bench.run(bench.write(articles(2)), mode="batch", deadline_hours=1)
    assert "go on waiting" in ended.value.next
    assert 3500 < bench.seconds <= 3600


def test_a_model_that_is_not_served_is_refused_in_the_services_words(bench: Any) -> None:
    gone = ServedModel("gemini-2.5-flash", "us-central1", "gemini-2.5-flash")
    with pytest.raises(ServiceError, match=r"no batch job: 404 .* was not found"):
        bench.run(bench.write(articles(2)), served=gone, mode="batch")


def test_an_unknown_mode_is_refused(bench: Any) -> None:
    with pytest.raises(SpecError, match="generation_mode is 'later', expected one of online, batch"):
        bench.run(bench.write(articles(1)), mode="later")


def test_lines_are_joined_by_our_key_and_without_one_by_the_prompt() -> None:
    response = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
    echoed = {**prompt("Rain."), "generationConfig": {"temperature": 0}}
    assert read_line({"key": "k", "request": echoed, "response": response, "status": ""})[0] == "k"
    digest, prediction = read_line({"request": echoed, "response": response})
    assert (digest, prediction.text) == (read_line({"request": prompt("Rain."), "response": response})[0], "a")


def test_a_tuned_model_is_asked_by_its_name_in_its_own_location(tuning: Any, bench: Any) -> None:
    job = tuning.tune()
    served = resolve_model(job["endpoint"], project=bench.emulator.project, location="us-central1", catalog=CATALOG)
    summary = bench.run(bench.write(articles(3)), served=served, mode="batch")
    (created,) = bench.emulator.requests(CREATE)
    assert created["body"]["model"] == job["model"]
    assert "/locations/us-central1/" in created["path"]
    assert summary["outcomes"] == {"answered": 3}
    in_batch = [one["text"] for one in bench.predictions()]
    bench.run(bench.write(articles(3)), served=served, max_age_days=0)
    assert [one["text"] for one in bench.predictions()] == in_batch


def test_a_checkpoint_that_is_not_the_default_one_is_refused(tuning: Any, bench: Any) -> None:
    first = tuning.tune()["checkpoints"][0]["endpoint"]
    served = resolve_model(first, project=bench.emulator.project, location="us-central1", catalog=CATALOG)
    with pytest.raises(SpecError, match="serves checkpoint 1, expected 2, the default one"):
        bench.run(bench.write(articles(1)), served=served, mode="batch")


def test_answers_in_a_batch_cost_half() -> None:
    records = examples()
    sides = worse_and_better(records)
    spec = {"base_model": "gemini-3.1-flash-lite"}
    whole, half = (
        compare(records, *sides, spec={**spec, "generation_mode": mode})["cost"]["actual"]
        for mode in ("online", "batch")
    )
    assert [half[side] * 2 for side in ("baseline", "candidate")] == [whole["baseline"], whole["candidate"]]
    assert half["tuning"] == whole["tuning"] > 0


def test_a_job_carries_the_run_that_pays_for_it(bench: Any) -> None:
    bench.run(bench.write(articles(2)), mode="batch", job_id="Tuning-2026.1")
    (job,) = bench.emulator.state.list("batchPredictionJobs")
    assert job["labels"] == {"gemtune-run": "tuning-2026-1"} and job["displayName"].startswith("gemtune-")
