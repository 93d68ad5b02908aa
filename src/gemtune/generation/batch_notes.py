"""Notes of the batch jobs that a run creates, left where whoever cancels the run finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gemtune.records import to_line
from gemtune.storage import Storage


def notes_uri(bucket: str, job_id: str) -> str:
    """Return the folder of a run's notes."""
    return f"gs://{bucket}/gemtune/runs/{job_id}/batches"


def leave_note(folder_uri: str, display_name: str, location: str, storage: Storage) -> None:
    """Note a batch job, which need not be there yet."""
    note = to_line({"display_name": display_name, "location": location})
    storage.write_text(f"{folder_uri}/{display_name}.json", note)


def read_notes(folder_uri: str, storage: Storage) -> Iterator[tuple[str, str]]:
    """Yield display name and location of each batch job that was noted."""
    for uri in storage.find(f"{folder_uri}/*.json"):
        note = json.loads(storage.read_text(uri))
        yield note["display_name"], note["location"]
