"""Step 1: find the raw files and give each a name made of its content."""

from components import component


@component("google-cloud-storage")
def stage_sources(
    *, project: str, bucket: str, train_data: str, validation_data: str, test_data: str, job_id: str
) -> str:
    """Give every source file a name made of its content: changed bytes are seen, equal bytes are not paid for twice.

    Args:
        project: Google Cloud project id that is billed for the requests.
        bucket: Cloud Storage bucket of the pipeline, without gs://.
        train_data: Training sources: gs:// URIs or wildcards, separated by commas.
        validation_data: Validation sources; empty to cut them from the training sources.
        test_data: Test sources; empty to cut them from the training sources.
        job_id: Id of the pipeline job, for the report of a failure.

    Returns:
        gs:// URI of the manifest: each split's source files with their staged copies.

    Raises:
        StorageError: A source is missing, unreadable, or a wildcard matches nothing.
    """
    from gemtune.data.sources import stage
    from gemtune.step import step
    from gemtune.storage import Storage

    with step("Stage sources", project=project, bucket=bucket, job_id=job_id):
        patterns = {"train": train_data, "validation": validation_data, "test": test_data}
        return stage(patterns, bucket=bucket, storage=Storage(project))
