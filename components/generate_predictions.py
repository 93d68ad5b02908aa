"""Steps 3 and 7: ask one model for its answer to every prompt of the test split."""

from kfp.dsl import Dataset, Metrics, Output

from components import component


@component("aiohttp", "google-cloud-storage", "google-genai")
def generate_predictions(
    *,
    project: str,
    bucket: str,
    prompts_uri: str,
    model: str,
    fallback_model: str,
    location: str,
    inference_location: str,
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
    side: str,
    job_id: str,
    predictions: Output[Dataset],
    metrics: Output[Metrics],
):
    """Send every test prompt to one model and keep each answer as it came; what was answered before is not sent again.

    Args:
        project: Google Cloud project id that is billed for the tokens.
        bucket: Cloud Storage bucket of the pipeline; answers are kept under gemtune/predictions.
        prompts_uri: gs:// URI of the test split.
        model: Base model id, endpoint, model@version or tuning job; empty for fallback_model.
        fallback_model: The model to ask when no other is named.
        location: Region of the pipeline, where a model name of 2.x is served.
        inference_location: Where to ask a base model; empty for what the catalogue says.
        temperature: Randomness of the answers, 0 to 2; -1 for the model's default.
        top_p: Nucleus sampling, 0 to 1; -1 for the model's default.
        top_k: Tokens considered at each step; -1 for the model's default.
        max_output_tokens: Longest answer, thinking included, in tokens.
        seed: Seed of the sampling; -1 for none.
        stop_sequences: Texts that end an answer.
        safety_threshold: Block threshold of the four harm categories, or CATEGORY=THRESHOLD for some of them.
        thinking: minimal, default, a level, or a budget in tokens.
        request_timeout_seconds: Longest wait for one answer.
        max_in_flight: Most requests at the same time.
        generation_mode: online asks one prompt at a time, batch all of them by one job at half the price.
        generation_deadline_hours: Longest wait for all answers, in hours.
        prediction_max_age_days: Oldest stored answer that is used again.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        side: baseline or tuned; names the step in messages.
        job_id: Id of the pipeline job: labels what the step pays for, and names the report of a failure.

    Returns:
        predictions: JSONL, one line for each prompt: outcome, text, token counts, latency.
        metrics: Outcomes and token counts.

    Raises:
        GenerationError: The model cannot be asked at all: no access, not served there, or retired.
    """
    from pathlib import Path

    from gemtune import catalog as catalogs
    from gemtune.generation.generate import generate
    from gemtune.generation.settings import GenerationSettings, settings_as_sent
    from gemtune.serving import resolve_model
    from gemtune.step import step
    from gemtune.storage import Storage

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
    with step(f"{side.capitalize()}: generate", project=project, bucket=bucket, job_id=job_id):
        catalog = catalogs.load(catalog_overrides)
        served = resolve_model(
            model or fallback_model,
            project=project,
            location=location,
            inference_location=inference_location,
            catalog=catalog,
        )
        summary = generate(
            project=project,
            bucket=bucket,
            prompts_uri=prompts_uri,
            served=served,
            settings=settings,
            max_in_flight=max_in_flight,
            max_age_days=prediction_max_age_days,
            output=Path(predictions.path),
            storage=Storage(project),
            catalog=catalog,
            mode=generation_mode,
            deadline_hours=generation_deadline_hours,
            job_id=job_id,
        )
        predictions.metadata["model"] = served.model
        predictions.metadata["base_model"] = served.base_model
        predictions.metadata["settings"] = settings_as_sent(settings, summary["not_sent"])
        predictions.metadata["prompts"] = Path(prompts_uri).stem  # sha256: the file has the name of its content
        predictions.metadata["paid"] = summary["paid"]
        predictions.metadata["mode"] = generation_mode
        for name in ("sent", "reused", "prompt_tokens", "output_tokens", "thinking_tokens"):
            metrics.log_metric(name, summary[name])
        for outcome, count in summary["outcomes"].items():
            metrics.log_metric(outcome, count)
