"""Cloud Billing: whether a project is billed.

Faithful: the fields, which the caller sees who may see the project; without an open billing account, or without any,
`billingEnabled` is false.
Not modelled: billing accounts, linking a project to one, enforcement (a project that is not billed still answers).
Assumed: the project is billed from the start. That false and empty fields are sent is not verified live.
Source: https://docs.cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.projects import PROJECT, known
from emulator.routing import respond

BILLING = "billingInfo"
"""One document, under the id of the project; it is there only where billing was changed."""


async def get(request: Request) -> JSONResponse:
    """Return whether the project is billed, and to which account."""
    found = known(request)
    billed = {"billingAccountName": "billingAccounts/000000-000000-000000", "billingEnabled": True}
    names = {"name": f"projects/{found.project}/billingInfo", "projectId": found.project}
    return respond({**names, **(found.get(BILLING, found.project) or billed)})


routes = [Route(PROJECT + "/billingInfo", get, name="cloudbilling.projects.getBillingInfo")]
