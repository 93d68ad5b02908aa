"""The exit step: always runs, and says how the run ended."""

from kfp.dsl import PipelineTaskFinalStatus

from components import component


@component("google-cloud-storage")
def notify(*, project: str, bucket: str, name: str, job_id: str, status: PipelineTaskFinalStatus):
    """Say how the run ended: its decision and the numbers behind it, or the step that failed, its cause and what next.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline, where the steps left their results.
        name: Name of the tuning spec.
        job_id: Id of the pipeline job.
        status: How the run ended, filled in by the pipeline service.
    """
    from gemtune.notification import outcome_message
    from gemtune.storage import Storage

    print(outcome_message(name=name, job_id=job_id, state=status.state, bucket=bucket, storage=Storage(project)))
