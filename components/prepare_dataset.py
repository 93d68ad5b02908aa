"""Step 2: turn the raw files into the splits that tuning and evaluation read."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Metrics, Output

from components import component


@component(
    "arro3-core", "arro3-io", "google-cloud-storage", "google-genai", "pandas", "pydantic-core", "rensa", "xxhash"
)
def prepare_dataset(
    *,
    project: str,
    bucket: str,
    sources_uri: str,
    data_format: str,
    prompt_template: str,
    system_instruction: str,
    max_train_examples: int,
    max_validation_examples: int,
    max_test_examples: int,
    sampling: str,
    sample_seed: int,
    validation_fraction: float,
    test_fraction: float,
    on_invalid: str,
    on_leakage: str,
    location: str,
    inference_location: str,
    base_model: str,
    baseline_model: str,
    task: str,
    epoch_count: int,
    adapter_size: int,
    max_output_tokens: int,
    max_cost_usd: float,
    catalog_overrides: dict,
    export_last_checkpoint_only: bool = False,
    checkpoint_selection: str = "last",
    generation_mode: str = "online",
    for_tuning: bool = True,
    train: Output[Dataset],
    validation: Output[Dataset],
    test: Output[Dataset],
    findings: Output[Artifact],
    ledger: Output[Artifact],
    cost_estimate: Output[Artifact],
    metrics: Output[Metrics],
) -> NamedTuple(
    "Splits", [("train_uri", str), ("validation_uri", str), ("test_uri", str), ("validation_prompts_uri", str)]
):
    """Convert the raw data to Gemini's format, check every example, account for each, and estimate the run's cost.

    Nothing before this step is paid, nor is anything in it: tokens are counted free of charge.

    Args:
        project: Google Cloud project id that is billed for the requests.
        bucket: Cloud Storage bucket of the pipeline, without gs://.
        sources_uri: Manifest of the staged source files.
        data_format: Format of the sources, or auto.
        prompt_template: How a row's columns become the prompt; empty to take the prompt column as it is.
        system_instruction: Put into every example that has none.
        max_train_examples: Most examples to tune on; 0 for all.
        max_validation_examples: Most examples to validate on; 0 for all.
        max_test_examples: Most examples to evaluate on; 0 for all.
        sampling: Which examples to take when there are more: random or head.
        sample_seed: Picks the random sample.
        validation_fraction: Share of the training sources to validate on where no validation data is given.
        test_fraction: Share of the training sources to evaluate on where no test data is given.
        on_invalid: What to do with an example the service would refuse: raise or drop.
        on_leakage: What to do with a test or validation prompt that is trained on: raise or drop.
        location: Region of the pipeline.
        inference_location: Where to ask a base model; empty for what the catalogue says.
        base_model: Base model that will be tuned: its limits, tokens and prices.
        baseline_model: Model that it will be compared with; empty for the base model.
        task: What the model is tuned for, which decides how many examples are advised.
        epoch_count: Passes over the training split; 0 = the service chooses, and the cost is not known.
        adapter_size: Size of the trained adapter, advised on by the number of examples; 0 = the service's default.
        max_output_tokens: Longest answer, in tokens.
        max_cost_usd: Stop if the run may cost more, in USD; 0 = no limit.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        export_last_checkpoint_only: Whether only one checkpoint is kept; decides what trying them costs.
        checkpoint_selection: last, or validation, which asks every checkpoint the validation prompts.
        generation_mode: online, or batch at half the price.
        for_tuning: Whether there must be training examples; the cost is estimated only then.

    Returns:
        train: JSONL that the tuning job reads.
        validation: JSONL that the tuning job measures its progress on; empty when there is none.
        test: JSONL that only the evaluation reads: id, prompt, reference, language, source.
        findings: JSONL with one line for each problem found in the data.
        ledger: JSON that accounts for every example of every split.
        cost_estimate: JSON with what the run will cost, by term, and the tokens that it comes from.
        metrics: Examples used and not used, by split, and the estimated cost.
        train_uri: The training split under a name made of its content.
        validation_uri: The validation split likewise; empty when there is none.
        test_uri: The test split likewise.
        validation_prompts_uri: The validation split in the form of the test split, likewise; empty without one.

    Raises:
        DataError: An example is invalid or leaks into training, and the settings say raise; or there are too few.
        BudgetError: The run may cost more than max_cost_usd, or nobody knows what it will cost.
    """
    import json
    import shutil
    from pathlib import Path

    from gemtune import catalog as catalogs
    from gemtune.data.dataset import prepare
    from gemtune.data.settings import DatasetSettings
    from gemtune.data.whole_splits import check_can_conclude
    from gemtune.runs.cost import check_budget
    from gemtune.runs.prepared_cost import count_run, price_run
    from gemtune.step import job_id_of, step
    from gemtune.storage import Storage

    settings = DatasetSettings(
        data_format=data_format,
        prompt_template=prompt_template,
        system_instruction=system_instruction,
        max_train_examples=max_train_examples,
        max_validation_examples=max_validation_examples,
        max_test_examples=max_test_examples,
        sampling=sampling,
        sample_seed=sample_seed,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        on_invalid=on_invalid,
        on_leakage=on_leakage,
        base_model=base_model,
        catalog_overrides=catalog_overrides,
        task=task,
        adapter_size=adapter_size,
        checkpoint_selection=checkpoint_selection,
        for_tuning=for_tuning,
    )
    outputs = {"train": train, "validation": validation, "test": test, "findings": findings, "ledger": ledger}
    outputs["cost_estimate"] = cost_estimate
    with step("Data conversion", project=project, bucket=bucket, job_id=job_id_of(findings.path)):
        storage = Storage(project)
        folder = Path("prepared").absolute()
        try:
            prepared = prepare(sources_uri, settings, storage=storage, folder=folder)
            check_can_conclude(prepared.ledger, settings)
            estimated = {}
            if for_tuning:
                known = {
                    "project": project,
                    "location": location,
                    "inference_location": inference_location,
                    "base_model": base_model,
                    "catalog": catalogs.load(catalog_overrides),
                }
                tokens = count_run(
                    prepared.train,
                    prepared.test,
                    prepared.validation_prompts,
                    checkpoint_selection=checkpoint_selection,
                    seed=sample_seed,
                    **known,
                )
                estimated = price_run(
                    tokens,
                    baseline_model=baseline_model,
                    epoch_count=epoch_count,
                    export_last_checkpoint_only=export_last_checkpoint_only,
                    generation_mode=generation_mode,
                    max_output_tokens=max_output_tokens,
                    **known,
                )
            (folder / "cost_estimate.json").write_text(json.dumps(estimated, indent=1, sort_keys=True), "utf-8")
            if for_tuning:
                check_budget(estimated, max_cost_usd)
        finally:
            for name, artifact in outputs.items():
                for file in folder.glob(f"{name}.json*"):
                    shutil.copyfile(file, artifact.path)
        for name, value in prepared.counts().items():
            metrics.log_metric(name, value)
        if estimated.get("total") is not None:
            metrics.log_metric("estimated_cost_usd", round(estimated["total"], 4))
        datasets = f"gs://{bucket}/gemtune/datasets"
        return tuple(
            storage.upload_by_content(path, datasets, ".jsonl") if path.stat().st_size else ""
            for path in (prepared.train, prepared.validation, prepared.test, prepared.validation_prompts)
        )
