"""Step 10: make the tuned model the one that applications use."""

from kfp.dsl import Artifact, Input

from components import component


@component("google-cloud-storage")
def promote_model(
    *,
    project: str,
    bucket: str,
    name: str,
    endpoint: str,
    model: str,
    checkpoint_id: str,
    job_id: str,
    comparison: Input[Artifact],
):
    """Mark the model that won as the promoted one, and write down its endpoint where applications read it.

    Its checkpoint becomes the default one; label and alias gemtune-promoted go to it from the model promoted before.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline; the pointer is gemtune/promoted/NAME.json.
        name: Name of the tuning spec.
        endpoint: Resource name of the endpoint that won.
        model: Resource name of the tuned model, with its version.
        checkpoint_id: Checkpoint that won; empty if the model has none to choose from.
        job_id: Id of the pipeline job that decided.
        comparison: The comparison that decided.
    """
    import json
    from pathlib import Path

    from gemtune.comparison.promotion import promote
    from gemtune.step import step
    from gemtune.storage import Storage

    with step("Promotion", project=project, bucket=bucket, job_id=job_id):
        decided = json.loads(Path(comparison.path).read_text(encoding="utf-8"))
        promote(
            decided,
            name=name,
            endpoint=endpoint,
            model=model,
            checkpoint_id=checkpoint_id,
            bucket=bucket,
            job_id=job_id,
            storage=Storage(project),
        )
