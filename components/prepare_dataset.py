"""Step 2: turn the raw files into the splits that tuning and evaluation read."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Metrics, Output

from components import component


@component("google-cloud-storage", "pandas")
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
    for_tuning: bool = True,
    train: Output[Dataset],
    validation: Output[Dataset],
    test: Output[Dataset],
    findings: Output[Artifact],
    ledger: Output[Artifact],
    metrics: Output[Metrics],
) -> NamedTuple("Splits", [("train_uri", str), ("validation_uri", str), ("test_uri", str)]):
    """Convert the raw data to Gemini's format, check every example, and account for each one that is not used.

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
        for_tuning: Whether there must be training examples.

    Returns:
        train: JSONL that the tuning job reads.
        validation: JSONL that the tuning job measures its progress on; empty when there is none.
        test: JSONL that only the evaluation reads: id, prompt, reference, language, source.
        findings: JSONL with one line for each problem found in the data.
        ledger: JSON that accounts for every example of every split.
        metrics: Examples used and not used, by split.
        train_uri: The training split under a name made of its content.
        validation_uri: The validation split likewise; empty when there is none.
        test_uri: The test split likewise.

    Raises:
        DataError: An example is invalid or leaks into training, and the settings say raise.
    """
    import shutil
    from pathlib import Path

    from gemtune.dataset import DatasetSettings, prepare
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
        for_tuning=for_tuning,
    )
    outputs = {"train": train, "validation": validation, "test": test, "findings": findings, "ledger": ledger}
    with step("Data conversion", project=project, bucket=bucket, job_id=job_id_of(findings.path)):
        storage = Storage(project)
        folder = Path("prepared").absolute()
        try:
            prepared = prepare(sources_uri, settings, storage=storage, folder=folder)
        finally:
            for name, artifact in outputs.items():
                for file in folder.glob(f"{name}.json*"):
                    shutil.copyfile(file, artifact.path)
        for name, value in prepared.counts().items():
            metrics.log_metric(name, value)
        datasets = f"gs://{bucket}/gemtune/datasets"
        return tuple(
            storage.upload_by_content(path, datasets, ".jsonl") if path.stat().st_size else ""
            for path in (prepared.train, prepared.validation, prepared.test)
        )
