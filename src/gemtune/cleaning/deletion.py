"""Delete what a plan lets go, in its order; what fails is told, and the rest goes on.

Sources: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/undeployModel,
https://cloud.google.com/vertex-ai/docs/model-registry/delete-model. Not verified live: that a context is deleted by
REST as the SDK's `Experiment.delete` does it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gemtune.cleaning.plan import Item
from gemtune.errors import GemtuneError, ServiceError
from gemtune.storage import Storage
from gemtune.vertex import CallError, Rest, location_of

PATIENCE_SECONDS = 600.0
"""How long an operation of the service may take."""


class Deletion:
    """Deletes one thing after the other.

    Args:
        project: Google Cloud project that asks.
        storage: Where stored answers are.
        sleep: Waits between two looks at an operation.
    """

    def __init__(self, project: str, storage: Storage, sleep: Callable[[float], object] = time.sleep) -> None:
        self._project = project
        self._storage = storage
        self._sleep = sleep

    def run(self, items: Sequence[Item]) -> Iterator[tuple[Item, str]]:
        """Delete each item, and yield it with what went wrong; empty if it is gone."""
        for item in items:
            try:
                self._delete(item)
                yield item, ""
            except GemtuneError as error:
                yield item, str(error)

    def _delete(self, item: Item) -> None:
        for uri in item.objects:
            self._storage.delete(uri)
        if item.kind == "predictions":
            return
        # Every resource in its own location: endpoints of Gemini 3 are not where their model is.
        rest = Rest(self._project, location_of(item.name))
        if item.kind == "endpoint":
            self._undeploy(rest, item.name)
        elif item.kind == "experiment":
            self._delete_curves(rest, item.name)
        suffix = ":deleteVersion" if item.kind == "model version" else ""
        self._remove(rest, item.name + suffix)

    def _undeploy(self, rest: Rest, endpoint: str) -> None:
        for deployed in _found(rest, endpoint).get("deployedModels", []):
            self._finish(rest, rest.post(f"{endpoint}:undeployModel", {"deployedModelId": deployed["id"]}))

    def _delete_curves(self, rest: Rest, context: str) -> None:
        """Delete an experiment's runs and its part of the TensorBoard, which others may share."""
        board = _found(rest, context).get("metadata", {}).get("backing_tensorboard_resource", "")
        if board:
            self._remove(rest, f"{board}/experiments/{context.rpartition('/')[2]}")
        parent = f'parent_contexts:"{context}"'
        for run in list(rest.pages(context.rpartition("/")[0], "contexts", filter=parent)):
            self._remove(rest, run["name"])

    def _remove(self, rest: Rest, name: str) -> None:
        """Delete a resource; one that is gone already is as good as deleted."""
        try:
            self._finish(rest, rest.delete(name))
        except CallError as error:
            if error.code != 404:
                raise

    def _finish(self, rest: Rest, operation: dict[str, Any]) -> None:
        """Wait for the end of an operation.

        Raises:
            ServiceError: It failed, or does not end in time.
        """
        waited, pause = 0.0, 1.0
        while not operation.get("done"):
            if waited >= PATIENCE_SECONDS:
                raise ServiceError(f"{operation['name']}: not done after {waited:.0f} s", next="clean again later")
            operation = rest.get(operation["name"])
            if not operation.get("done"):
                self._sleep(pause)
                waited, pause = waited + pause, min(10.0, 1.5 * pause)
        if failed := operation.get("error"):
            raise ServiceError(f"{operation['name']}: {failed.get('message') or failed}")


def _found(rest: Rest, name: str) -> dict[str, Any]:
    """Return a resource; empty if it is gone."""
    try:
        return rest.get(name)
    except CallError as error:
        if error.code == 404:
            return {}
        raise
