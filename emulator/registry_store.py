"""What the registry of pipeline templates holds, for its own methods and for jobs that only name a template.

Faithful: a pipeline job whose templateUri is https://LOCATION-kfp.pkg.dev/PROJECT/REPOSITORY/PACKAGE/TAG needs no spec.
Not modelled: templates at any other address; Vertex AI reads those for the console only.
"""

import email.message
import email.parser
import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from emulator.errors import ApiError, invalid_argument, not_found
from emulator.state import State

REPOSITORIES, PACKAGES, VERSIONS, TAGS = "repositories", "packages", "packageVersions", "packageTags"
TEMPLATE = re.compile(
    r"https://(?P<location>[\w-]+)-kfp\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/(?P<package>[^/]+)/(?P<reference>[^/]+)"
)
TAG = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")


def create_default_repository(state: State) -> None:
    """Make the repository that exists without anyone creating it, beside the default bucket."""
    name = f"projects/{state.number}/locations/us-central1/repositories/{state.project}"
    if state.get(REPOSITORIES, name) is None:
        now = state.clock.timestamp()
        state.put(REPOSITORIES, name, {"name": name, "format": "KFP", "createTime": now, "updateTime": now})


def uploaded_parts(content_type: str, body: bytes) -> tuple[bytes, list[str]]:
    """Return the file and the tags of an upload form.

    Raises:
        ApiError: 400, the body is not multipart/form-data with a part `content`.
    """
    message = email.parser.BytesParser().parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    parts: dict[str, bytes] = {}
    for part in message.get_payload() if message.is_multipart() else []:
        assert isinstance(part, email.message.Message)
        content = part.get_payload(decode=True)
        parts[str(part.get_param("name", header="content-disposition"))] = bytes(content) if content else b""
    if "content" not in parts:
        raise invalid_argument("The upload has no part named content, expected a pipeline template.", "content")
    tags = [tag for tag in parts.get("tags", b"").decode().split(",") if tag]
    for tag in tags:
        check_tag(tag)
    return parts["content"], tags


def check_tag(tag: str) -> None:
    """Refuse what cannot be a tag."""
    if not TAG.fullmatch(tag):
        raise invalid_argument(f"Tag {tag!r} does not match {TAG.pattern}.", "tag_id")


def store_template(state: State, repository: str, content: bytes, tags: list[str]) -> tuple[str, str]:
    """Store a compiled pipeline under its own name; return that and its version."""
    info = read_spec(content).get("pipelineInfo", {})
    if not isinstance(info, dict) or not re.fullmatch(r"[a-z0-9][\w.-]*", str(info.get("name", ""))):
        raise invalid_argument("The template has no pipelineInfo.name, expected a compiled pipeline.", "content")
    digest, now = hashlib.sha256(content).hexdigest(), state.clock.timestamp()
    path = content_path(state, digest)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    package = f"{repository}/packages/{info['name']}"
    version = f"{package}/versions/sha256:{digest}"
    with state.transaction():
        for collection, name in ((PACKAGES, package), (VERSIONS, version)):
            known = state.get(collection, name) or {"name": name, "createTime": now}
            state.put(collection, name, known | {"updateTime": now})
        for tag in tags:
            move_tag(state, package, tag, version)
    return str(info["name"]), f"sha256:{digest}"


def move_tag(state: State, package: str, tag: str, version: str) -> dict[str, Any]:
    """Let a tag, which need not exist, point to a version."""
    check_tag(tag)
    document = {"name": f"{package}/tags/{tag}", "version": version}
    state.put(TAGS, document["name"], document)
    return document


def find_version(state: State, package: str, reference: str) -> str:
    """Return the full name of the version that `sha256:…` or a tag means.

    Raises:
        ApiError: 404, the package has neither.
    """
    tag = state.get(TAGS, f"{package}/tags/{reference}")
    name = tag["version"] if tag else f"{package}/versions/{reference}"
    if state.get(VERSIONS, name) is None:
        raise not_found(f'Resource "{package}/{reference}" was not found.')
    return str(name)


def content_of(state: State, version: str) -> bytes:
    """Return the bytes of a version."""
    return content_path(state, version.rpartition("sha256:")[2]).read_bytes()


def content_path(state: State, digest: str) -> Path:
    """Return where the bytes of that SHA-256 are kept."""
    return state.folder / "registry" / digest


def read_spec(content: bytes) -> dict[str, Any]:
    """Return the pipeline spec of a compiled pipeline; a platform spec may follow it.

    Raises:
        ApiError: 400, it is not YAML, or no mapping.
    """
    try:
        spec = next(iter(yaml.safe_load_all(content)), None)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid_argument(f"The template is not YAML: {error}", "content") from error
    if not isinstance(spec, dict):
        raise invalid_argument("The template is not a mapping, expected a compiled pipeline.", "content")
    return spec


def template(state: State, uri: str) -> tuple[dict[str, Any], str]:
    """Return the spec and the version, `sha256:…`, that a templateUri names.

    Raises:
        ApiError: 400, it is no address of a registry, or there is nothing.
    """
    match = TEMPLATE.fullmatch(uri)
    if match is None or match["project"] not in (state.project, state.number):
        raise invalid_argument(f"{uri!r} is not a template of project {state.project} in Artifact Registry.")
    repository = f"projects/{state.number}/locations/{match['location']}/repositories/{match['repository']}"
    try:
        version = find_version(state, f"{repository}/packages/{match['package']}", match["reference"])
    except ApiError as error:
        raise invalid_argument(f"Template {uri} was not found: {error.message}") from error
    return read_spec(content_of(state, version)), version.rpartition("/")[2]
