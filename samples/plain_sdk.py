"""The pipeline started with Google's SDK alone, here on the emulator: what Vertex AI does not need is marked.

eval "$(gemtune emulator --env)"    # where everything is; real credentials are then never read
python samples/plain_sdk.py
"""

import os

from google.cloud import aiplatform, storage
from google.cloud.aiplatform.utils import gcs_utils

# The SDK asks who owns the bucket through an API that is not emulated, and would wait for it for a minute.
gcs_utils.create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist = lambda *_, **__: None  # emulator only
emulator = os.environ["GOOGLE_VERTEX_BASE_URL"]  # emulator only, as are transport and endpoint
aiplatform.init(project="gemtune-local", location="us-central1", api_transport="rest", api_endpoint=emulator)

bucket = storage.Client(project="gemtune-local").bucket("gemtune-local")
bucket.blob("train.jsonl").upload_from_filename("samples/howto/train.jsonl")

job = aiplatform.PipelineJob(
    display_name="from-the-sdk",
    template_path="compiled/tuning.yaml",
    pipeline_root="gs://gemtune-local/pipeline-root",
    parameter_values={
        "name": "from-the-sdk",
        "project": "gemtune-local",
        "bucket": "gemtune-local",
        "train_data": "gs://gemtune-local/train.jsonl",
    },
)
job.submit()
print(job.state.name, [task.task_name for task in job.task_details])
