"""Resource Manager: one project, and who may do what in it.

Faithful: the project by id or number, another one looks as if the caller had no access, policies.
Not modelled: creating, moving and deleting projects, folders, organisations, project labels, version v3.
Assumed: the project is an older one. Its default compute account is Editor, the agents of Vertex AI have their roles;
that of tuning appears, with its role, with the first tuning job.
Source: https://cloud.google.com/resource-manager/reference/rest/v1/projects.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator import policies
from emulator.errors import permission_denied
from emulator.routing import body, respond, state
from emulator.state import State


def create_default_policy(state: State) -> None:
    """Give the project the bindings that it has without anyone setting up anything."""
    if state.get(policies.POLICIES, project_name(state)) is not None:
        return
    agent = f"serviceAccount:service-{state.number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    compute = f"serviceAccount:{state.number}-compute@developer.gserviceaccount.com"
    policies.grant(state, project_name(state), "roles/owner", f"serviceAccount:{state.project}.svc.id.goog")
    policies.grant(state, project_name(state), "roles/editor", compute)
    policies.grant(state, project_name(state), "roles/aiplatform.serviceAgent", agent)


def project_name(state: State) -> str:
    """Return `projects/NUMBER`, which the project's policy is kept under."""
    return f"projects/{state.number}"


def welcome_tuning_agent(state: State) -> None:
    """Bind the role of the tuning service's agent once, as soon as there was a tuning job."""
    if state.get("iamAgents", "tuning") is not None or not state.list("tuningJobs"):
        return
    with state.transaction():
        state.put("iamAgents", "tuning", {})
        agent = policies.TUNING_AGENT.format(number=state.number)
        policies.grant(state, project_name(state), policies.TUNING_ROLE, f"serviceAccount:{agent}")


def known(request: Request) -> State:
    """Return the state, if the path names its project.

    Raises:
        ApiError: 403; the service does not tell whether another project exists.
    """
    found, project = state(request), request.path_params["project"]
    if project not in (found.project, found.number):
        raise permission_denied("The caller does not have permission")
    return found


async def get(request: Request) -> JSONResponse:
    """Return the project."""
    found = known(request)
    return respond(
        {
            "projectNumber": found.number,
            "projectId": found.project,
            "lifecycleState": "ACTIVE",
            "name": found.project,
            "createTime": "2026-01-01T00:00:00.000Z",
        }
    )


async def get_policy(request: Request) -> JSONResponse:
    """Return who may do what in the project."""
    found = known(request)
    welcome_tuning_agent(found)
    return respond(policies.read(found, project_name(found)))


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may do what in the project."""
    sent: dict[str, Any] = await body(request)
    found = known(request)
    return respond(policies.replace(found, project_name(found), sent.get("policy", {})))


async def test_permissions(request: Request) -> JSONResponse:
    """Tell which of the permissions the caller has."""
    known(request)
    return respond(policies.permitted(await body(request)))


PROJECT = "/v1/projects/{project}"
routes = [
    Route(PROJECT + ":getIamPolicy", get_policy, methods=["POST"], name="projects.getIamPolicy"),
    Route(PROJECT + ":setIamPolicy", set_policy, methods=["POST"], name="projects.setIamPolicy"),
    Route(PROJECT + ":testIamPermissions", test_permissions, methods=["POST"], name="projects.testIamPermissions"),
    Route(PROJECT, get, name="projects.get"),
]
