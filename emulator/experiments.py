"""The curves of a tuning job, where the service keeps them: a metadata context, an experiment run, TensorBoard series.

Faithful: the names that lead from a job's `experiment` to its series, and the reads on the way, as the SDK
google-cloud-aiplatform and Google's notebook do them: tensorboards, experiments, runs, series, read and batchRead;
TensorBoard experiments are deleted with their runs. Contexts are in contexts.py.
Not modelled: writing any of them otherwise, down-sampling by maxDataPoints.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import contexts
from emulator.errors import not_found
from emulator.operations import done_operation
from emulator.routing import LOCATION, page, parent, respond, state
from emulator.state import State
from emulator.summarizer.training import Epoch, Measure

BOARDS, CURVES = "tensorboards", "curves"
"""Documents by name; a curve document by the name of its run: {metric: [[step, value, wall time], …]}."""

METRICS = ("total_loss", "fraction_of_correct_next_step_preds", "num_predictions")
SERIES = [f"/{split}_{metric}" for split in ("train", "eval") for metric in METRICS]
"""Names of the series; their place in the list plus one is their id.
Source: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning/use."""

RUN = "tuning-run"


def create(state: State, job: str) -> str:
    """Create what a tuning job's curves belong to; return the job's `experiment`, the same one for the same job."""
    known = state.get(CURVES, job)
    if known is not None:
        state.put(CURVES, job, {**known, "series": {}})
        return str(known["experiment"])
    location, now = job.partition("/tuningJobs/")[0], state.clock.timestamp()
    experiment = f"tuning-experiment-{re.sub('[^0-9]', '', now)}"
    context = f"{location}/metadataStores/default/contexts/{experiment}"
    board = f"{location}/tensorboards/{state.new_id()}"
    times = {"createTime": now, "updateTime": now, "etag": state.new_id()}
    metadata = {"backing_tensorboard_resource": board, "experiment_deleted": False}
    run = f"{context}-{RUN}"
    documents: dict[str, dict[str, Any]] = {
        context: {"displayName": experiment, "schemaTitle": "system.Experiment", "metadata": metadata},
        run: {"displayName": RUN, "schemaTitle": "system.ExperimentRun", "parentContexts": [context]},
    }
    for name, document in documents.items():
        contexts.put(state, name, {**document, "schemaVersion": "0.0.1"})
    state.put(BOARDS, board, {"name": board, "displayName": experiment, **times})
    for name in (f"{board}/experiments/{experiment}", f"{board}/experiments/{experiment}/runs/{RUN}"):
        state.put(BOARDS, name, {"name": name, "displayName": name.rpartition("/")[2], **times})
    state.put(CURVES, job, {"experiment": context, "run": f"{board}/experiments/{experiment}/runs/{RUN}", "series": {}})
    return context


def record(state: State, job: str, epoch: Epoch) -> None:
    """Add an epoch's points to the curves of its job."""
    document = state.get(CURVES, job) or {}
    now = state.clock.timestamp()
    points = [("train", measure) for measure in epoch.steps]
    points += [("eval", epoch.validation)] if epoch.validation else []
    for split, measure in points:
        for metric, value in zip(METRICS, _values(measure), strict=True):
            document["series"].setdefault(f"/{split}_{metric}", []).append([measure.step, value, now])
    state.put(CURVES, job, document)


def _values(measure: Measure) -> tuple[float, float, float]:
    return measure.loss, measure.accuracy, float(measure.predictions)


def series_of(state: State, run: str) -> dict[str, list[list[Any]]]:
    """Return the series of a TensorBoard run by metric."""
    curves = state.list(CURVES, run.partition("/tensorboards/")[0])
    return next((dict(curve["series"]) for curve in curves if curve["run"] == run), {})


def series_resource(run: str, metric: str, board: dict[str, Any]) -> dict[str, Any]:
    """Return the TensorboardTimeSeries resource of a metric."""
    name = f"{run}/timeSeries/{SERIES.index(metric) + 1}"
    times = {key: board[key] for key in ("createTime", "updateTime", "etag")}
    return {"name": name, "displayName": metric, "valueType": "SCALAR", **times}


def data_of(state: State, name: str) -> dict[str, Any]:
    """Return the TimeSeriesData of a series by its full name.

    Raises:
        ApiError: 404, there is no such series.
    """
    run, _, number = name.rpartition("/timeSeries/")
    metric = SERIES[int(number) - 1] if number.isdigit() and 0 < int(number) <= len(SERIES) else ""
    points = series_of(state, run).get(metric)
    if points is None:
        raise not_found(f"TensorboardTimeSeries {name} is not found.")
    values = [{"scalar": {"value": value}, "step": str(step), "wallTime": time} for step, value, time in points]
    return {"tensorboardTimeSeriesId": number, "valueType": "SCALAR", "values": values}


def board_of(request: Request) -> tuple[str, dict[str, Any]]:
    """Return name and document of the tensorboard, experiment or run in the path."""
    name = f"{parent(request)}/tensorboards/{request.path_params['board']}"
    document = state(request).get(BOARDS, name)
    if document is None:
        raise not_found(f"TensorBoard resource {name} is not found.")
    return name, document


async def delete_board(request: Request) -> JSONResponse:
    """Delete an experiment with all its runs and series, a run, or a whole tensorboard.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.tensorboards.experiments/delete.
    """
    found, (name, _) = state(request), board_of(request)
    for document in found.list(BOARDS, name):
        if f"{document['name']}/".startswith(f"{name}/"):
            found.delete(BOARDS, document["name"])
    return respond(done_operation(found, parent(request), "google.protobuf.Empty"))


async def get_board(request: Request) -> JSONResponse:
    """Return a tensorboard, an experiment or a run."""
    return respond(board_of(request)[1])


async def list_runs(request: Request) -> JSONResponse:
    """List the runs of a TensorBoard experiment."""
    experiment, _ = board_of(request)
    return respond(page(state(request).list(BOARDS, f"{experiment}/runs/"), "tensorboardRuns", request))


async def list_series(request: Request) -> JSONResponse:
    """List the series of a run."""
    run, document = board_of(request)
    metrics = series_of(state(request), run)
    series = [series_resource(run, metric, document) for metric in metrics]
    return respond(page(series, "tensorboardTimeSeries", request))


async def get_series(request: Request) -> JSONResponse:
    """Return a series without its points."""
    run, document = board_of(request)
    data = data_of(state(request), f"{run}/timeSeries/{request.path_params['series']}")
    return respond(series_resource(run, SERIES[int(data["tensorboardTimeSeriesId"]) - 1], document))


async def read(request: Request) -> JSONResponse:
    """Return the points of a series."""
    run, _ = board_of(request)
    return respond({"timeSeriesData": data_of(state(request), f"{run}/timeSeries/{request.path_params['series']}")})


async def batch_read(request: Request) -> JSONResponse:
    """Return the points of several series of a tensorboard."""
    names = request.query_params.getlist("timeSeries")
    given = f"projects/{state(request).project}/"
    names = [name.replace(given, f"projects/{state(request).number}/") for name in names]
    return respond({"timeSeriesData": [data_of(state(request), name) for name in names]})


BOARD = LOCATION + "/tensorboards/{board:path}"

routes = [
    Route(LOCATION + "/tensorboards/{board}:batchRead", batch_read, name="tensorboards.batchRead"),
    Route(BOARD + "/timeSeries/{series}:read", read, name="tensorboards.timeSeries.read"),
    Route(BOARD + "/timeSeries/{series}", get_series, name="tensorboards.timeSeries.get"),
    Route(BOARD + "/timeSeries", list_series, name="tensorboards.timeSeries.list"),
    Route(BOARD + "/runs", list_runs, name="tensorboards.runs.list"),
    Route(BOARD, get_board, name="tensorboards.get"),
    Route(BOARD, delete_board, methods=["DELETE"], name="tensorboards.delete"),
]
