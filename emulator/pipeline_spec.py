"""Making a received pipelineSpec one that kfp.local runs as Vertex AI would, or saying why it cannot be.

Faithful: the placeholders of a job; both failure policies.
Not modelled: container components and containerized Python components; pip: a step's requirements must be what is
installed here.
"""

import json
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

LIGHTWEIGHT = "kfp.dsl.executor_main"
"""The module that runs a Python function as a step: kfp.dsl.component_factory.EXECUTOR_MODULE."""

ALL_UPSTREAM_TASKS_COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"
OPTIONS_WITH_VALUE = {"--index-url", "--extra-index-url", "--trusted-host"}


class SpecError(ValueError):
    """The spec is valid, but cannot be run here; the message names the task and the reason."""

    def __init__(self, task: str, message: str) -> None:
        self.task = task
        super().__init__(f"{task}: {message}")


def fill_placeholders(document: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Return a copy of `document` with every `{{$.name}}` of `values` replaced, wherever it stands in a text."""
    text = json.dumps(document)
    for name, value in values.items():
        text = text.replace(f"{{{{$.{name}}}}}", json.dumps(value)[1:-1])
    return dict(json.loads(text))


def adapt(spec: dict[str, Any]) -> None:
    """Change `spec` in place so that kfp.local runs it here, as Vertex AI would.

    Raises:
        SpecError: A task needs a container, or packages that are not the installed ones.
    """
    for task, executor in executors_by_task(spec):
        if "container" in executor:
            refuse_container(task, executor["container"])
            use_installed_packages(task, executor["container"])
    name_producers(spec)
    run_to_completion(spec)


def executors_by_task(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each task's name with the executor of its component; not for DAGs."""
    for task, call in calls(spec):
        component = spec["components"].get(call["componentRef"]["name"], {})
        if "executorLabel" in component:
            yield task, spec["deploymentSpec"]["executors"][component["executorLabel"]]


def calls(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the description of every task of every DAG."""
    for component in [spec["root"], *spec.get("components", {}).values()]:
        yield from component.get("dag", {}).get("tasks", {}).items()


def refuse_container(task: str, container: dict[str, Any]) -> None:
    """Raise if what the task runs is a program in an image, not a function in the spec."""
    command = container.get("command", [])
    containerized = command[:3] == ["python3", "-m", LIGHTWEIGHT]
    if containerized or not any(LIGHTWEIGHT in part for part in command):
        raise SpecError(
            task,
            f"it runs the container {container.get('image', '')!r}, expected a lightweight Python component: "
            "the emulator starts no containers, submit this pipeline to Vertex AI",
        )


def use_installed_packages(task: str, container: dict[str, Any]) -> None:
    """Drop a step's `pip install`, once it is certain that nothing would be installed.

    Running pip takes seconds a step, and would change the environment that the emulator itself runs in.
    """
    command = container["command"]
    if command[:2] != ["sh", "-c"] or "pip install" not in command[2]:
        return
    for requirement in requirements(command[2]):
        check_installed(task, requirement)
    container["command"] = command[3:]


def requirements(script: str) -> Iterator[str]:
    """Yield what the `pip install` commands of a step's script install."""
    for arguments in re.findall(r"-m pip install(.*?)&&", script, re.DOTALL):
        words = iter(shlex.split(arguments))
        for word in words:
            if word in OPTIONS_WITH_VALUE:
                next(words, None)
            elif not word.startswith("-"):
                yield word


def check_installed(task: str, text: str) -> None:
    """Raise unless the installed distribution meets the requirement."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise SpecError(task, f"it installs {text!r}, expected a package and its version") from error
    if requirement.marker and not requirement.marker.evaluate():
        return
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        found = ""
    if not found or requirement.url or not requirement.specifier.contains(found, prereleases=True):
        here = f"{requirement.name} {found}" if found else "none"
        raise SpecError(task, f"it installs {text}, found {here}: compile again, or install requirements.lock")


def name_producers(spec: dict[str, Any]) -> None:
    """Spell out, in conditions, which task an output comes from.

    kfp.local finds only outputs called `Output`; a condition on any other is silently false.
    """
    for _, call in calls(spec):
        policy = call.get("triggerPolicy", {})
        for channel, source in call.get("inputs", {}).get("parameters", {}).items():
            if "condition" in policy and (output := source.get("taskOutputParameter")):
                full = f"pipelinechannel--{output['producerTask']}--{output['outputParameterKey']}"
                policy["condition"] = policy["condition"].replace(f"['{channel}']", f"['{full}']")


def run_to_completion(spec: dict[str, Any]) -> None:
    """Let one orchestrator run every DAG: the one that goes on with independent tasks after a failure.

    kfp.local takes another, which stops at the first failure, where it sees no control flow. A task that waits for
    nothing may be said to wait for completed tasks: that counts as control flow and changes nothing else.
    """
    for call in spec["root"]["dag"]["tasks"].values():
        if not call.get("dependentTasks"):
            call.setdefault("triggerPolicy", {}).setdefault("strategy", ALL_UPSTREAM_TASKS_COMPLETED)
