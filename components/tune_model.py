"""Step 5: tune the model, once."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Metrics, Output, OutputPath

from components import component


@component("google-cloud-storage", "google-genai")
def tune_model(
    *,
    project: str,
    bucket: str,
    name: str,
    location: str,
    tuning_location: str,
    train_uri: str,
    validation_uri: str,
    base_model: str,
    pre_tuned_model: str,
    pre_tuned_checkpoint_id: str,
    epoch_count: int,
    adapter_size: int,
    learning_rate_multiplier: float,
    export_last_checkpoint_only: bool,
    tuned_model_display_name: str,
    kms_key_name: str,
    tuning_service_account: str,
    force_retune: bool,
    tuning_deadline_hours: float,
    catalog_overrides: dict,
    job_id: str,
    tuning_job: Output[Artifact],
    curves: Output[Dataset],
    metrics: Output[Metrics],
    gcp_resources: OutputPath(str),
) -> NamedTuple("TunedModel", [("model", str), ("endpoint", str), ("model_uri", str)]):
    """Tune a Gemini model on the training split and wait for it; the same data and settings are never tuned twice.

    Args:
        project: Google Cloud project id that is billed for the tuning.
        bucket: Cloud Storage bucket of the pipeline; the lock is kept under gemtune/locks.
        name: Name of the tuning spec; labels the tuning job.
        location: Region of the pipeline.
        tuning_location: Region of the tuning job; empty for that of the pre-tuned model, or what the catalogue says.
        train_uri: gs:// URI of the training split.
        validation_uri: gs:// URI of the validation split; empty for none.
        base_model: Base model id to tune.
        pre_tuned_model: Tuned model (model@version or tuning job) to tune further; empty to start from base_model.
        pre_tuned_checkpoint_id: Checkpoint of the pre-tuned model; empty for its default.
        epoch_count: Passes over the training split; 0 for the service's default.
        adapter_size: Size of the adapter; 0 for the service's default.
        learning_rate_multiplier: Factor on the service's learning rate; 0 for the service's default.
        export_last_checkpoint_only: Keep only the last checkpoint.
        tuned_model_display_name: Display name of the tuned model; empty for the spec's name.
        kms_key_name: Cloud KMS key that encrypts the tuned model; empty for Google's own.
        tuning_service_account: Identity of the tuning job; empty for the service's agent.
        force_retune: Start a new tuning job even if an equal one is there.
        tuning_deadline_hours: Longest wait for the tuning job, in hours.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        job_id: Id of the pipeline job; labels the tuning job.

    Returns:
        tuning_job: JSON with the finished job: checkpoints, data statistics, billable tokens.
        curves: JSONL with loss and accuracy by step, as far as the service tells them.
        metrics: Tokens, epochs, steps and the last losses.
        gcp_resources: The tuning job, in the form the console links from.
        model: Resource name of the tuned model, with its version.
        endpoint: Resource name of the endpoint that serves it.
        model_uri: Address of the tuned model, for its artifact.

    Raises:
        TuningJobError: The job failed, was cancelled, or is not done by the deadline.
    """
    import json
    from pathlib import Path

    from gemtune import catalog as catalogs
    from gemtune.labels import SPEC_LABEL
    from gemtune.records import write_records
    from gemtune.step import step
    from gemtune.storage import Storage
    from gemtune.tuning.curves import read_curves
    from gemtune.tuning.record import gcp_resources_of, model_uri_of, summary_metrics
    from gemtune.tuning.request import TuningRequest, location_for
    from gemtune.tuning.tune import tune

    request = TuningRequest(
        base_model=base_model,
        pre_tuned_model=pre_tuned_model,
        pre_tuned_checkpoint_id=pre_tuned_checkpoint_id,
        train_uri=train_uri,
        validation_uri=validation_uri,
        epoch_count=epoch_count,
        adapter_size=adapter_size,
        learning_rate_multiplier=learning_rate_multiplier,
        export_last_checkpoint_only=export_last_checkpoint_only,
        tuned_model_display_name=tuned_model_display_name or name,
        description=f"Tuned by gemtune for {name}, run {job_id}",
        kms_key_name=kms_key_name,
        service_account=tuning_service_account,
        labels={SPEC_LABEL: name},
    )
    with step("Tuning", project=project, bucket=bucket, job_id=job_id):
        catalog = catalogs.load(catalog_overrides)
        job = tune(
            request,
            project=project,
            location=location_for(
                base_model=base_model,
                pre_tuned_model=pre_tuned_model,
                tuning_location=tuning_location,
                location=location,
                catalog=catalog,
            ),
            bucket=bucket,
            job_id=job_id,
            deadline_hours=tuning_deadline_hours,
            force_retune=force_retune,
            storage=Storage(project),
            catalog=catalog,
            pipeline_location=location,
        )
        points = read_curves(job, project=project)
        Path(tuning_job.path).write_text(json.dumps(job, indent=1, sort_keys=True), encoding="utf-8")
        write_records(Path(curves.path), points)
        Path(gcp_resources).write_text(gcp_resources_of(job), encoding="utf-8")
        for key, value in summary_metrics(job, points).items():
            metrics.log_metric(key, value)
        return job["model"], job["endpoint"], model_uri_of(job)
