"""Step 6: decide which checkpoint of the tuned model is judged."""

from typing import NamedTuple

from kfp.dsl import Artifact, Input, Metrics, Output

from components import component


@component("aiohttp", "google-cloud-storage", "google-genai", "rouge-score", "sacrebleu")
def select_checkpoint(
    *,
    project: str,
    bucket: str,
    checkpoint_selection: str,
    primary_metric: str,
    task: str,
    rouge_profile: str,
    max_unscored_share: float,
    prompts_uri: str,
    temperature: float,
    top_p: float,
    top_k: int,
    max_output_tokens: int,
    seed: int,
    stop_sequences: list,
    safety_threshold: str,
    thinking: str,
    request_timeout_seconds: int,
    max_in_flight: int,
    generation_mode: str,
    generation_deadline_hours: float,
    prediction_max_age_days: int,
    catalog_overrides: dict,
    job_id: str,
    tuning_job: Input[Artifact],
    selection: Output[Artifact],
    metrics: Output[Metrics],
) -> NamedTuple("Checkpoint", [("endpoint", str), ("checkpoint_id", str)]):
    """Choose the checkpoint that is evaluated and, if it wins, promoted; the test split has no part in it.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline; answers are kept under gemtune/predictions.
        checkpoint_selection: last takes the final checkpoint; validation asks each the validation split and takes the
            earliest within one standard error of the best.
        primary_metric: The metric that decides.
        task: What the model does; decides the metrics.
        rouge_profile: How text is cut into words: rouge-score, unicode-1, or auto.
        max_unscored_share: Largest share of requests that may have failed, 0 to 1.
        prompts_uri: gs:// URI of the validation split in the form of the test split; empty for none.
        temperature: Randomness of the answers, 0 to 2.
        top_p: Nucleus sampling, 0 to 1; -1 for the model's default.
        top_k: Tokens considered at each step; -1 for the model's default.
        max_output_tokens: Longest answer, thinking included, in tokens.
        seed: Seed of the sampling; -1 for none.
        stop_sequences: Texts that end an answer.
        safety_threshold: Block threshold of the four harm categories, or CATEGORY=THRESHOLD for some of them.
        thinking: minimal, default, a level, or a budget in tokens.
        request_timeout_seconds: Longest wait for one answer.
        max_in_flight: Most requests at the same time.
        generation_mode: How the test split is asked; validation needs online, as a batch job asks one checkpoint only.
        generation_deadline_hours: Longest wait for a checkpoint's answers, in hours.
        prediction_max_age_days: Oldest stored answer that is used again.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        job_id: Id of the pipeline job; labels the answers it pays for, and the report of a failure.
        tuning_job: The finished tuning job.

    Returns:
        selection: JSON with the chosen checkpoint and the figures of every checkpoint.
        metrics: Epoch and step of the choice, and each checkpoint's mean.
        endpoint: Resource name of the endpoint that serves the chosen checkpoint.
        checkpoint_id: Id of the chosen checkpoint; empty if the job names none.

    Raises:
        DataError: There is no validation example to choose by.
        SpecError: The rule does not go with the way of asking.
    """
    import json
    from functools import partial
    from pathlib import Path

    from gemtune import catalog as catalogs
    from gemtune.generation.generate import generate
    from gemtune.generation.settings import GenerationSettings
    from gemtune.step import step
    from gemtune.storage import Storage
    from gemtune.tuning.selection import Trial, check_rule, describe_choice, select, selection_metrics

    settings = GenerationSettings(
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_output_tokens=max_output_tokens,
        seed=seed,
        stop_sequences=tuple(stop_sequences),
        safety_threshold=safety_threshold,
        thinking=thinking,
        request_timeout_seconds=request_timeout_seconds,
    )
    with step("Checkpoint selection", project=project, bucket=bucket, job_id=job_id):
        check_rule(checkpoint_selection, generation_mode)
        storage = Storage(project)
        answer = partial(
            generate,
            project=project,
            bucket=bucket,
            prompts_uri=prompts_uri,
            settings=settings,
            max_in_flight=max_in_flight,
            max_age_days=prediction_max_age_days,
            storage=storage,
            catalog=catalogs.load(catalog_overrides),
            deadline_hours=generation_deadline_hours,
            job_id=job_id,
        )
        trial = Trial(
            prompts_uri=prompts_uri,
            answer=answer,
            metric=primary_metric,
            task=task,
            rouge_profile=rouge_profile,
            max_unscored_share=max_unscored_share,
            project=project,
            storage=storage,
            folder=Path("checkpoints").absolute(),
        )
        job = json.loads(Path(tuning_job.path).read_text(encoding="utf-8"))
        found = select(job, checkpoint_selection, trial)
        print(describe_choice(found))
        Path(selection.path).write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
        for name, value in selection_metrics(found).items():
            metrics.log_metric(name, value)
        return found["endpoint"], found["checkpoint_id"]
