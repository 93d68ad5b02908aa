"""The exit step: always runs, logs the run in its experiment, and says how it ended."""

from kfp.dsl import PipelineTaskFinalStatus

from components import component


@component("google-cloud-storage")
def notify(
    *,
    project: str,
    bucket: str,
    name: str,
    location: str,
    tuning_location: str,
    base_model: str,
    pre_tuned_model: str,
    catalog_overrides: dict,
    webhook_secret: str,
    experiment: str,
    job_resource_name: str,
    status: PipelineTaskFinalStatus,
):
    """Say how the run ended: decision, numbers, cost and links, or the step that failed, its cause and what next.

    The run is logged in Vertex AI Experiments, however it was started. One that did not succeed has its unfinished
    tuning and batch jobs cancelled, which would be billed for nothing.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline, where the steps left their results.
        name: Name of the tuning spec.
        location: Region of the pipeline.
        tuning_location: Region of the tuning job; empty for what the catalogue says.
        base_model: Base model id that is tuned.
        pre_tuned_model: Tuned model that is tuned further instead; empty for none.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        webhook_secret: Secret in Secret Manager with the address of a Slack-compatible webhook; empty for none.
        experiment: Vertex AI experiment that the run is logged in; empty for one with the spec's name.
        job_resource_name: The pipeline job.
        status: How the run ended, filled in by the pipeline service.
    """
    from gemtune.runs.notification import tell

    tell(
        name=name,
        job=job_resource_name,
        state=status.state,
        project=project,
        bucket=bucket,
        parameters={
            "base_model": base_model,
            "pre_tuned_model": pre_tuned_model,
            "tuning_location": tuning_location,
            "location": location,
            "catalog_overrides": catalog_overrides,
        },
        webhook_secret=webhook_secret,
        experiment=experiment,
        error=status.error_message or "",
    )
