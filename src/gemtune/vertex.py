"""Where Vertex AI answers, and how it is asked: addresses, clients, plain REST calls, resource names.

The one module of gemtune that reads the environment: GOOGLE_VERTEX_BASE_URL replaces every address, as it does for
google-genai. Project and location are always explicit: the project that default credentials return is never used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gemtune.errors import ServiceError, SpecError
from gemtune.google_errors import is_no_answer

_REST_TIMEOUT_SECONDS = 60
_CONSOLE = {
    "tuningJobs": "vertex-ai/generative/language/locations/{location}/tuning/tuningJob/{id}",
    "pipelineJobs": "vertex-ai/pipelines/locations/{location}/runs/{id}",
    "contexts": "vertex-ai/experiments/locations/{location}/experiments/{id}/runs",
    "endpoints": "vertex-ai/online-prediction/locations/{location}/endpoints/{id}",
    "models": "vertex-ai/models/locations/{location}/models/{id}",
}


class CallError(ServiceError):
    """Vertex AI answered a REST call with an error, or not at all; `code` is the HTTP status, 0 without an answer."""

    code: int = 0


def base_url(location: str) -> str:
    """Return the address that serves a location, without its last slash.

    Source: google/genai/_api_client.py; ``us`` and ``eu`` are multi-regions with hosts of their own.

    >>> base_url("us"), base_url("europe-west4")
    ('https://aiplatform.us.rep.googleapis.com', 'https://europe-west4-aiplatform.googleapis.com')
    """
    if override := _override():
        return override.rstrip("/")
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def service_url(service: str) -> str:
    """Return the address of another service of Google Cloud, without its last slash.

    Args:
        service: Its short name, such as ``iam``.
    """
    return _override().rstrip("/") or f"https://{service}.googleapis.com"


def object_url(uri: str) -> str:
    """Return where a browser opens an object in Cloud Storage; a stand-in has no such page, only the URI.

    >>> object_url("gs://bucket/report.html")
    'https://storage.cloud.google.com/bucket/report.html'
    """
    return uri if _override() else uri.replace("gs://", "https://storage.cloud.google.com/", 1)


def location_of(resource_name: str) -> str:
    """Return the location in a full resource name.

    >>> location_of("projects/1/locations/us/endpoints/2")
    'us'

    Raises:
        SpecError: The name has no location.
    """
    match = re.match(r"projects/[^/]+/locations/([^/]+)(/|$)", resource_name)
    if match is None:
        raise SpecError(f"{resource_name!r}: no location found, expected projects/PROJECT/locations/LOCATION/...")
    return match[1]


def console_url(resource_name: str, project: str) -> str:
    """Return the page of a resource in the Google Cloud console; empty where there is none, as on a stand-in.

    Args:
        resource_name: Full resource name.
        project: Project id; names returned by the service carry the number, which the console does not take.
    """
    collection, _, identity = resource_name.partition("@")[0].rpartition("/")
    page = _CONSOLE.get(collection.rpartition("/")[2])
    if page is None or _override():
        return ""
    path = page.format(location=location_of(resource_name), id=identity)
    return f"https://console.cloud.google.com/{path}?project={project}"


def advice(code: int, message: str = "") -> str:
    """Return what to do about an error of the service, as far as its HTTP status tells; empty if it does not."""
    if code == 403 and "storage." in message:
        return "grant roles/storage.objectViewer on the bucket to the account named in the message"
    return {
        0: "check the network and try again",
        401: "run `gcloud auth application-default login`, or choose the target `emulator`",
        403: "grant roles/aiplatform.user in this project to the account that runs this, and enable the API",
        404: "check name, project and location; a retired model answers like this, too",
        429: "the quota is used up: wait, or ask for more",
    }.get(code, "try again" if code >= 500 else "")


def genai_client(project: str, location: str, *, api_version: str = "v1", timeout_seconds: float = 120) -> Any:
    """Return a google-genai client for one location; hold on to it, a collected client closes its connections.

    Retries are left out on purpose: the SDK's own give up after five and ignore RetryInfo, so callers bring theirs.

    Args:
        project: Google Cloud project.
        location: Location of the models, endpoints or tuning jobs it is for.
        api_version: ``v1``, or ``v1beta1`` for what exists only there (sub-states of tuning jobs).
        timeout_seconds: How long one request may take.
    """
    from google import genai
    from google.genai import types

    options = types.HttpOptions(
        api_version=api_version, timeout=max(1, round(timeout_seconds * 1000)), base_url=_override() or None
    )
    return genai.Client(
        vertexai=True, project=project, location=location, credentials=default_credentials(), http_options=options
    )


def connection(location: str) -> dict[str, Any]:
    """Return how to connect to a location's address, as arguments of aiohttp.ClientSession.

    As requests and httpx do it: proxies of the environment, and the certificates of certifi or SSL_CERT_FILE. No limit
    on connections: the caller limits its requests.
    """
    import ssl
    import urllib.request

    import aiohttp
    import certifi

    address = urlsplit(base_url(location))
    is_direct = bool(urllib.request.proxy_bypass(address.hostname or ""))
    is_safe = address.scheme == "https"
    certificates = os.environ.get("SSL_CERT_FILE") or certifi.where()
    return {
        "connector": aiohttp.TCPConnector(
            limit=0, ssl=ssl.create_default_context(cafile=certificates) if is_safe else True
        ),
        "proxy": None if is_direct else urllib.request.getproxies().get(address.scheme),
    }


class Rest:
    """Calls to Vertex AI that google-genai does not have; plain JSON, API version v1.

    Reads are repeated when the service is busy; writes are not.

    Args:
        project: Google Cloud project.
        location: Location that is asked.
        base: Address of another service of Google Cloud; empty for Vertex AI at the location.
    """

    def __init__(self, project: str, location: str, *, base: str = "") -> None:
        self.project = project
        self.location = location
        self._base = base or base_url(location)
        self._session: Any = None

    def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """Read a resource; the path is a full resource name, or starts below the location.

        Raises:
            CallError: The service answered with an error; the message is its own.
        """
        return self._call("GET", path, params=params)

    def pages(self, path: str, key: str, **params: str | int) -> Iterator[dict[str, Any]]:
        """Yield every resource of a collection, page after page, in the service's order."""
        token = ""
        while True:
            page = self.get(path, **params, **({"pageToken": token} if token else {}))
            yield from page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method, or create a resource."""
        return self._call("POST", path, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any], mask: str) -> dict[str, Any]:
        """Change the fields named in the mask, comma-separated."""
        return self._call("PATCH", path, json=dict(body), params={"updateMask": mask})

    def delete(self, path: str) -> dict[str, Any]:
        """Delete a resource; the service goes on with it by itself where that takes time, and returns the operation."""
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException  # type: ignore[import-untyped]

        name = path if path.startswith("projects/") else f"projects/{self.project}/locations/{self.location}/{path}"
        url = f"{self._base}/v1/{name}"
        self._session = self._session or _session()
        try:
            response = self._session.request(method, url, timeout=_REST_TIMEOUT_SECONDS, **request)
            document = response.json() if response.content else {}
        except (RequestException, GoogleAuthError) as error:
            if is_no_answer(error):
                raise _call_error(f"{method} {name}", 0, f"no answer ({type(error).__name__})") from error
            raise _call_error(f"{method} {name}", 401, f"no usable Google credentials ({error})") from error
        if response.ok:
            return dict(document)
        found = document.get("error", {}) if isinstance(document, dict) else {}
        message = found.get("message") or response.reason
        raise _call_error(f"{method} {name}", response.status_code, f"{found.get('status', '')} {message}".strip())


def resource_exists(name: str, *, project: str) -> bool:
    """Return whether a resource is there.

    Raises:
        ServiceError: The service does not tell.
    """
    try:
        Rest(project, location_of(name)).get(name)
    except CallError as error:
        if error.code == 404:
            return False
        raise
    return True


def _override() -> str:
    return os.environ.get("GOOGLE_VERTEX_BASE_URL", "")


def default_credentials() -> Any:
    """Return application default credentials for Google Cloud.

    Raises:
        ServiceError: There are none, or the metadata server that GCE_METADATA_HOST names does not answer.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        return google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])[0]
    except DefaultCredentialsError as error:
        if host := os.environ.get("GCE_METADATA_HOST"):
            raise ServiceError(
                f"http://{host}: the service does not answer, expected Google credentials from it", next=advice(0)
            ) from error
        raise ServiceError(
            "Google credentials: none found, expected application default credentials", next=advice(401)
        ) from error


def _session() -> Any:
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter  # type: ignore[import-untyped]
    from urllib3.util import Retry

    busy = Retry(
        total=5,
        backoff_factor=0.5,
        status_forcelist=[408, 429, 500, 502, 503, 504],
        allowed_methods=["GET"],
        raise_on_status=False,
    )
    session = AuthorizedSession(default_credentials())
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=busy))
    return session


def _call_error(where: str, code: int, found: str) -> CallError:
    error = CallError(f"{where}: {code} {found}" if code else f"{where}: {found}", next=advice(code, found))
    error.code = code
    return error
