"""Step 1: find what the run works on: the raw files, each under a name made of its content, and the model to beat."""

from typing import NamedTuple

from components import component


@component("google-cloud-storage")
def stage_sources(
    *,
    project: str,
    bucket: str,
    name: str,
    train_data: str,
    validation_data: str,
    test_data: str,
    baseline_model: str,
    job_id: str,
) -> NamedTuple("Found", [("sources_uri", str), ("baseline_model", str)]):
    """Give every source file a name made of its content: changed bytes are seen, equal bytes are not paid for twice.

    Here, once, and never cached, it is also settled what `baseline_model: promoted` stands for.

    Args:
        project: Google Cloud project id that is billed for the requests.
        bucket: Cloud Storage bucket of the pipeline, without gs://.
        name: Name of the tuning spec.
        train_data: Training sources: gs:// URIs or wildcards, separated by commas.
        validation_data: Validation sources; empty to cut them from the training sources.
        test_data: Test sources; empty to cut them from the training sources.
        baseline_model: Model to compare with; promoted for the one of this spec that was promoted last.
        job_id: Id of the pipeline job, for the report of a failure.

    Returns:
        sources_uri: Manifest of each split's source files with their staged copies.
        baseline_model: Model to compare with; empty for the base model.

    Raises:
        StorageError: A source is missing, unreadable, or a wildcard matches nothing.
        ServiceError: The model promoted last is gone.
    """
    from gemtune.comparison.champion import find_baseline
    from gemtune.data.sources import stage
    from gemtune.step import step
    from gemtune.storage import Storage

    with step("Stage sources", project=project, bucket=bucket, job_id=job_id):
        baseline = find_baseline(baseline_model, project=project, bucket=bucket, name=name)
        patterns = {"train": train_data, "validation": validation_data, "test": test_data}
        return stage(patterns, bucket=bucket, storage=Storage(project)), baseline
