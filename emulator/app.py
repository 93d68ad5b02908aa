"""The application: one table of routes from one file per resource collection, behind one gate."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from emulator import (
    batch_prediction_jobs,
    billing,
    contexts,
    control,
    credentials,
    endpoints,
    experiments,
    iam,
    kms,
    models,
    operations,
    pipeline_jobs,
    projects,
    publisher_models,
    registry,
    registry_store,
    schedule_runs,
    schedules,
    secret_manager,
    service_usage,
    storage,
    storage_buckets,
    tuning_jobs,
    webhooks,
)
from emulator.errors import ApiError, render, unimplemented
from emulator.gate import Gate, guarded
from emulator.state import State

RESOURCES = [
    tuning_jobs,
    contexts,
    experiments,
    endpoints,
    models,
    publisher_models,
    batch_prediction_jobs,
    pipeline_jobs,
    schedules,
    operations,
    storage,
    registry,
    secret_manager,
    service_usage,
    projects,
    billing,
    iam,
    kms,
    webhooks,
]


class Application(Starlette):
    """Starlette, which remembers the server's own `send` for the faults that break a connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        scope["emulator.send"] = send
        await super().__call__(scope, receive, send)


async def unknown(request: Request) -> Response:
    """Answer what no route matches: never a 404, which would be a made-up fact about a resource."""
    raise unimplemented(f"the emulator does not serve {request.method} {request.url.path}")


def create_app(state: State) -> Starlette:
    """Return the ASGI application that serves `state`."""
    resources = [route for module in RESOURCES for route in module.routes]
    fallback = Route("/{path:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    app = Application(
        routes=[*control.routes, *credentials.routes, *guarded(resources), fallback],
        middleware=[Middleware(Gate, state=state)],
        exception_handlers={ApiError: render, Exception: render},
    )
    app.router.redirect_slashes = False
    app.state.emulator = state
    projects.create_default_policy(state)
    storage_buckets.create_default_bucket(state)
    registry_store.create_default_repository(state)
    schedule_runs.go_on(state)
    return app
