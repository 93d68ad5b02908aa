"""One decorator for every step: pinned image, pinned packages, and the part of gemtune that the step imports.

A step is a lightweight KFP component in a file of its own name. It reads its inputs, calls gemtune and writes its
outputs; what there is to think about is in gemtune. Its docstring is the help text in the Vertex AI console.

Keep modern annotations out of signatures: KFP reads `int | None` and `Literal` as errors, and it pastes the function
into a program of its own, where the module's other names do not exist.
"""

import importlib.metadata
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kfp import dsl
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BASE_IMAGE = "python:3.11-slim"

STEP_ENVIRONMENT = {
    **default_environment(),
    "extra": "",
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""Where a step runs, whatever machine compiles it: decides which conditional requirements count."""


def component(*packages: str) -> Callable[..., Any]:
    """Return the decorator of a step that imports these packages, at the versions of requirements.lock."""

    def decorate(step: Callable[..., Any]) -> Any:
        # pipelines/compiler.py fills it with what the step imports; KFP would put the whole of src into every step.
        with tempfile.TemporaryDirectory() as empty:
            return dsl.component(
                step, base_image=BASE_IMAGE, packages_to_install=pins(packages), embedded_artifact_path=empty
            )

    return decorate


def pins(packages: Iterable[str]) -> list[str]:
    """Return `name==version` for packages and all that they require, as locked, sorted by name.

    Pinning the whole closure makes a scheduled run install today what it installed when it was compiled.

    Raises:
        KeyError: A package is not in requirements.lock: lock it first.
    """
    locked = locked_versions()
    found: dict[str, str] = {}
    queue = [Requirement(package) for package in packages]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found[name] = f"{name}=={locked[name]}"
        queue += requirements_of(name, requirement.extras)
    return [found[name] for name in sorted(found)]


def requirements_of(name: str, extras: Iterable[str]) -> list[Requirement]:
    """Return what an installed distribution requires in a step."""
    environments = [{**STEP_ENVIRONMENT, "extra": extra} for extra in ("", *extras)]
    requirements = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    return [
        requirement
        for requirement in requirements
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments)
    ]


def locked_versions() -> dict[str, str]:
    """Return package name → version from requirements.lock."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}
