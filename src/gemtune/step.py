"""How a step fails: one line in its log, and one object from which the exit step tells what happened."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from gemtune.errors import GemtuneError
from gemtune.storage import Storage


@contextmanager
def step(task: str, *, project: str, bucket: str, job_id: str) -> Iterator[None]:
    """Run the body of a step; if it fails, write down why before the process ends.

    The exit step takes parameters only, so what failed reaches it through
    ``gs://BUCKET/gemtune/runs/JOB/failure.json`` {task, message, next}.

    Args:
        task: The step's display name.
        project: Google Cloud project of the pipeline.
        bucket: Bucket of the pipeline.
        job_id: Id of the pipeline job.

    Raises:
        SystemExit: With code 1 and without a traceback, for a failure that a person can act on.
    """
    try:
        yield
    except Exception as error:
        _write_failure(error, task, Storage(project), f"gs://{bucket}/gemtune/runs/{job_id}/failure.json")
        if isinstance(error, GemtuneError):
            raise SystemExit(1) from None
        raise


def job_id_of(path: str) -> str:
    """Return the id of the pipeline job that an output artifact belongs to.

    Artifacts are at ``{root}/{project number}/{job id}/{task}_{id}/{output}``.

    >>> job_id_of("/gcs/bucket/root/123456789012/tuning-20261121/prepare-dataset_42/findings")
    'tuning-20261121'
    """
    return PurePosixPath(path).parts[-3]


def _write_failure(error: Exception, task: str, storage: Storage, uri: str) -> None:
    """Say it in the log first: that works even when the bucket is the trouble."""
    is_ours = isinstance(error, GemtuneError)
    message = error.message if isinstance(error, GemtuneError) else f"{type(error).__name__}: {error}"
    failure = {"task": task, "message": message, "next": error.next if isinstance(error, GemtuneError) else ""}
    print(f"{task}: {error if is_ours else message}", file=sys.stderr, flush=True)
    try:
        storage.write_text(uri, json.dumps(failure, ensure_ascii=False, sort_keys=True))
    except Exception as second:
        print(f"{task}: could not write {uri}: {second}", file=sys.stderr, flush=True)
