"""Artifact Registry repositories of format KFP: pipeline templates with versions and tags.

Faithful: both hosts that kfp's RegistryClient speaks to. What is https://LOCATION-kfp.pkg.dev/PROJECT/REPOSITORY is
/LOCATION-kfp.pkg.dev/PROJECT/REPOSITORY here (upload, download); artifactregistry.googleapis.com/v1/… is /v1/…
(repositories, packages, versions, tags), and once more below the first address, where kfp looks on any other host.
Not modelled: enforcing its policy, other formats, clean-up policies, the metadata of operations.
Assumed: a version is the SHA-256 of the file, so the same bytes again are the same version; uploading with a tag that
there is moves it. The wording of errors is not verified live.
Source: https://cloud.google.com/artifact-registry/docs/reference/rest and kfp.registry.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator import policies
from emulator.errors import already_exists, failed_precondition, invalid_argument, not_found
from emulator.operations import done_operation
from emulator.registry_store import (
    PACKAGES,
    REPOSITORIES,
    TAGS,
    VERSIONS,
    content_of,
    find_version,
    move_tag,
    store_template,
    uploaded_parts,
)
from emulator.routing import body, page, parent, respond, state


def require(request: Request, collection: str, name: str) -> dict[str, Any]:
    """Return a document of the registry.

    Raises:
        ApiError: 404, there is none.
    """
    document = state(request).get(collection, name)
    if document is None:
        raise not_found(f'Resource "{name}" was not found.')
    return document


def repository_of(request: Request) -> str:
    """Return the full name of the repository in the path, which exists."""
    name = f"{parent(request)}/repositories/{request.path_params['repository']}"
    return str(require(request, REPOSITORIES, name)["name"])


def named(request: Request) -> str:
    """Return the full name of what the path names below a repository, which exists."""
    parts = request.path_params
    name = f"{repository_of(request)}/packages/{parts['package']}"
    for kind in ("version", "tag"):
        name += f"/{kind}s/{parts[kind]}" if kind in parts else ""
    return name


async def create_repository(request: Request) -> JSONResponse:
    """Create a repository, as `gcloud artifacts repositories create --repository-format=kfp` does."""
    sent, repository = await body(request), request.query_params.get("repositoryId", "")
    if not repository or sent.get("format") not in ("KFP", 10):
        raise invalid_argument("repositoryId and format KFP are required.", "repository")
    name = f"{parent(request)}/repositories/{repository}"
    if state(request).get(REPOSITORIES, name):
        raise already_exists("the repository already exists")
    now = state(request).clock.timestamp()
    document = {**sent, "name": name, "format": "KFP", "createTime": now, "updateTime": now}
    state(request).put(REPOSITORIES, name, document)
    kind = "google.devtools.artifactregistry.v1.Repository"
    return respond(done_operation(state(request), parent(request), kind, document))


async def get_repository(request: Request) -> JSONResponse:
    """Return a repository."""
    return respond(require(request, REPOSITORIES, repository_of(request)))


async def list_repositories(request: Request) -> JSONResponse:
    """List the repositories of a location."""
    documents = state(request).list(REPOSITORIES, f"{parent(request)}/repositories/")
    return respond(page(documents, "repositories", request))


async def get_policy(request: Request) -> JSONResponse:
    """Return who may read and write the repository."""
    return respond(policies.read(state(request), repository_of(request)))


async def set_policy(request: Request) -> JSONResponse:
    """Replace who may read and write the repository."""
    sent = await body(request)
    return respond(policies.replace(state(request), repository_of(request), sent.get("policy", {})))


async def upload(request: Request) -> Response:
    """Store a template; the answer is `package/version` as plain text."""
    repository = repository_of(request)
    content, tags = uploaded_parts(request.headers.get("content-type", ""), await request.body())
    package, version = store_template(state(request), repository, content, tags)
    return PlainTextResponse(f"{package}/{version}")


async def download(request: Request) -> Response:
    """Return the template that a version or a tag names."""
    parts = request.path_params
    version = find_version(state(request), f"{repository_of(request)}/packages/{parts['package']}", parts["reference"])
    return Response(content_of(state(request), version), media_type="application/yaml")


async def list_packages(request: Request) -> JSONResponse:
    """List the packages of a repository, newest first."""
    documents = state(request).list(PACKAGES, f"{repository_of(request)}/packages/")
    return respond(page(documents, "packages", request))


async def get_package(request: Request) -> JSONResponse:
    """Return a package."""
    return respond(require(request, PACKAGES, named(request)))


async def delete_package(request: Request) -> JSONResponse:
    """Delete a package with all its versions and tags."""
    name = require(request, PACKAGES, named(request))["name"]
    with state(request).transaction():
        for collection in (TAGS, VERSIONS):
            for document in state(request).list(collection, f"{name}/"):
                state(request).delete(collection, document["name"])
        state(request).delete(PACKAGES, name)
    return respond(done_operation(state(request), parent(request), "google.protobuf.Empty"))


def tags_of(request: Request, version: str) -> list[dict[str, Any]]:
    """Return the tags that point to a version."""
    package = version.partition("/versions/")[0]
    return [tag for tag in state(request).list(TAGS, f"{package}/tags/") if tag["version"] == version]


def version_view(request: Request, version: dict[str, Any]) -> dict[str, Any]:
    """Return a version, with its tags only in the full view."""
    tags = tags_of(request, version["name"]) if request.query_params.get("view") == "FULL" else []
    return version | ({"relatedTags": tags} if tags else {})


async def list_versions(request: Request) -> JSONResponse:
    """List the versions of a package, newest first."""
    name = require(request, PACKAGES, named(request))["name"]
    documents = state(request).list(VERSIONS, f"{name}/versions/")
    return respond(page([version_view(request, one) for one in documents], "versions", request))


async def get_version(request: Request) -> JSONResponse:
    """Return a version."""
    return respond(version_view(request, require(request, VERSIONS, named(request))))


async def delete_version(request: Request) -> JSONResponse:
    """Delete a version; a tagged one only with ?force=true, and then with its tags."""
    name = require(request, VERSIONS, named(request))["name"]
    tags = tags_of(request, name)
    if tags and request.query_params.get("force") != "true":
        raise failed_precondition(f"{name} is tagged: delete its tags first, or set force.")
    for tag in tags:
        state(request).delete(TAGS, tag["name"])
    state(request).delete(VERSIONS, name)
    return respond(done_operation(state(request), parent(request), "google.protobuf.Empty"))


async def list_tags(request: Request) -> JSONResponse:
    """List the tags of a package."""
    name = require(request, PACKAGES, named(request))["name"]
    return respond(page(state(request).list(TAGS, f"{name}/tags/"), "tags", request))


async def get_tag(request: Request) -> JSONResponse:
    """Return a tag."""
    return respond(require(request, TAGS, named(request)))


async def create_tag(request: Request) -> JSONResponse:
    """Create the tag ?tagId on the version that the body names."""
    package, tag = named(request), request.query_params.get("tagId", "")
    if state(request).get(TAGS, f"{package}/tags/{tag}"):
        raise already_exists(f'Tag "{tag}" already exists.')
    return respond(point(request, package, tag, await body(request)))


async def patch_tag(request: Request) -> JSONResponse:
    """Point a tag to another version."""
    package, _, tag = require(request, TAGS, named(request))["name"].partition("/tags/")
    return respond(point(request, package, tag, await body(request)))


def point(request: Request, package: str, tag: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Point a tag to the version in a request; kfp names it with or without the repository."""
    version = str(sent.get("version", "")).rpartition("/versions/")[2]
    found = require(request, VERSIONS, f"{package}/versions/{version}")
    return move_tag(state(request), package, tag, found["name"])


async def delete_tag(request: Request) -> JSONResponse:
    """Delete a tag; the version stays."""
    state(request).delete(TAGS, require(request, TAGS, named(request))["name"])
    return respond({})


DOWNLOADS = "/{location}-kfp.pkg.dev/{project}/{repository}"
REPOSITORY_PARENT = "/v1/projects/{project}/locations/{location}/repositories"
REPOSITORY = REPOSITORY_PARENT + "/{repository}"


def management(prefix: str) -> list[Route]:
    """Return the routes for packages, versions and tags below the address of a repository."""
    package = prefix + "/packages/{package}"
    version, tag = package + "/versions/{version}", package + "/tags/{tag}"
    return [
        Route(prefix + "/packages", list_packages, name="packages.list"),
        Route(package, get_package, name="packages.get"),
        Route(package, delete_package, methods=["DELETE"], name="packages.delete"),
        Route(package + "/versions", list_versions, name="packages.versions.list"),
        Route(version, get_version, name="packages.versions.get"),
        Route(version, delete_version, methods=["DELETE"], name="packages.versions.delete"),
        Route(package + "/tags", list_tags, name="packages.tags.list"),
        Route(package + "/tags", create_tag, methods=["POST"], name="packages.tags.create"),
        Route(tag, get_tag, name="packages.tags.get"),
        Route(tag, patch_tag, methods=["PATCH"], name="packages.tags.patch"),
        Route(tag, delete_tag, methods=["DELETE"], name="packages.tags.delete"),
    ]


routes = [
    Route(REPOSITORY_PARENT, create_repository, methods=["POST"], name="repositories.create"),
    Route(REPOSITORY_PARENT, list_repositories, name="repositories.list"),
    Route(REPOSITORY + ":getIamPolicy", get_policy, name="repositories.getIamPolicy"),
    Route(REPOSITORY + ":setIamPolicy", set_policy, methods=["POST"], name="repositories.setIamPolicy"),
    Route(REPOSITORY, get_repository, name="repositories.get"),
    *management(REPOSITORY),
    *management(DOWNLOADS),
    Route(DOWNLOADS, upload, methods=["POST"], name="registry.upload"),
    Route(DOWNLOADS + "/{package}/{reference}", download, name="registry.download"),
]
