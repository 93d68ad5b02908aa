"""Step 6: decide which checkpoint of the tuned model is judged."""

from kfp.dsl import Artifact, Input

from components import component


@component("google-cloud-storage")
def select_checkpoint(
    *, project: str, bucket: str, checkpoint_selection: str, job_id: str, tuning_job: Input[Artifact]
) -> str:
    """Choose the checkpoint that is evaluated and, if it wins, promoted.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline.
        checkpoint_selection: last takes the final checkpoint.
        job_id: Id of the pipeline job, for the report of a failure.
        tuning_job: The finished tuning job.

    Returns:
        Resource name of the endpoint that serves the chosen checkpoint.
    """
    import json
    from pathlib import Path

    from gemtune.selection import select
    from gemtune.step import step

    with step("Checkpoint selection", project=project, bucket=bucket, job_id=job_id):
        job = json.loads(Path(tuning_job.path).read_text(encoding="utf-8"))
        return select(job, checkpoint_selection)
