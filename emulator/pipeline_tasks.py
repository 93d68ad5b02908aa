"""The tasks of a pipeline job as a tree, and how their states follow from one another.

Faithful: state names; a branch that was not taken is NOT_TRIGGERED, a cache hit SKIPPED; the wording of a failed DAG.
Not modelled: the task that stands for the whole run; one DAG per iteration of a loop (what an iteration runs is
listed below the loop). All tasks are listed from the start, as PENDING (not verified live). A branch shows
NOT_TRIGGERED once a task that waits for it starts, or the job ends.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

ENDED = {"SUCCEEDED", "SKIPPED", "FAILED", "NOT_TRIGGERED", "CANCELLED"}
FAILED_PRECONDITION = 9
"""google.rpc.Code of a task or a job that failed."""


@dataclass(eq=False)
class Task:
    """One call of a component, or a DAG inside the DAG: exit handler, condition, loop, pipeline in a pipeline."""

    path: str
    """Names from the root down: what the task's id is made of."""

    id: str
    name: str
    component: str
    dependencies: frozenset[str]
    """Names of the siblings that must have ended before."""

    parent: "Task | None"
    is_dag: bool
    is_loop: bool
    children: "list[Task]" = field(default_factory=list)
    body: "list[Task]" = field(default_factory=list)
    """What every iteration of a loop runs; its children are what the iterations did run."""

    state: str = "PENDING"

    def ancestors(self) -> "Iterator[Task]":
        """Yield the DAGs that the task is in, innermost first, without the root."""
        if self.parent and self.parent.parent:
            yield self.parent
            yield from self.parent.ancestors()

    def descendants(self) -> "Iterator[Task]":
        """Yield what the DAG lists, itself not included."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def failed(self) -> "list[str]":
        """Return the names of the failed calls: its own if it is one."""
        return [task.name for task in [self, *self.descendants()] if task.state == "FAILED" and not task.is_dag]


def new_task(
    spec: dict[str, Any], run_id: str, name: str = "", call: dict[str, Any] | None = None, parent: Task | None = None
) -> Task:
    """Return the task that a DAG describes as `call`, with all that is below it; by default the root DAG."""
    call = call or {}
    path = f"{parent.path}/{name}".lstrip("/") if parent else ""
    component = str(call.get("componentRef", {}).get("name", ""))
    definition = spec.get("components", {}).get(component, {}) if component else spec["root"]
    is_loop = "parameterIterator" in call or "artifactIterator" in call
    dependencies = frozenset(call.get("dependentTasks", []))
    task = Task(path, id_of(run_id, path), name, component, dependencies, parent, "dag" in definition, is_loop)
    for child, child_call in definition.get("dag", {}).get("tasks", {}).items():
        (task.body if is_loop else task.children).append(new_task(spec, run_id, child, child_call, task))
    return task


def calls_in(task: Task) -> Iterator[Task]:
    """Yield the task and all that the spec has below it, bodies of loops included."""
    yield task
    for child in [*task.children, *task.body]:
        yield from calls_in(child)


def id_of(*parts: str) -> str:
    """Return 19 digits that depend on `parts` alone, so that two processes agree on them."""
    return str(10**18 + int(hashlib.sha256("/".join(parts).encode()).hexdigest(), 16) % (8 * 10**18))


def dag_error(failed: list[str]) -> dict[str, Any]:
    """Return the error of a DAG, or of a job, in which `failed` failed."""
    names = ", ".join(failed)
    message = f"The DAG failed because some tasks failed. The failed tasks are: [{names}]."
    return {"code": FAILED_PRECONDITION, "message": message}


class TaskTree:
    """The tasks of one run; every change of a state is reported.

    kfp.local says nothing of DAGs. Their states are derived: running from the first task in them that starts, ended
    when all in them ended, or when a task that waits for them starts.

    Args:
        spec: The pipelineSpec.
        run_id: What the tasks' ids are derived from, together with their place in the spec.
        report: Receives {"taskId", "taskName", "parentTaskId", "state", …} for every change.
    """

    def __init__(self, spec: dict[str, Any], run_id: str, report: Callable[[dict[str, Any]], None]) -> None:
        self.root = new_task(spec, run_id, "")
        self._run_id = run_id
        self._report = report
        self._lock = RLock()

    def announce(self) -> None:
        """Report every task as it is."""
        for task in self.root.descendants():
            self._set(task, task.state)

    def start(self, name: str, component: str, iteration: str = "") -> Task:
        """Mark a call as running, and all that it waited for as ended.

        Args:
            name: The task's name in its DAG.
            component: The component it calls; together they say which task it is.
            iteration: Which iteration of a loop, where it is in one.
        """
        with self._lock:
            task = self._find(name, component, iteration)
            for waiting in [task, *task.ancestors()]:
                assert waiting.parent
                for sibling in waiting.parent.children:
                    if sibling.name in waiting.dependencies:
                        self._settle(sibling)
            for started in [*reversed([*task.ancestors()]), task]:
                if started.state != "RUNNING":
                    self._set(started, "RUNNING")
            return task

    def end(self, task: Task, state: str, **more: Any) -> None:
        """Mark a call as ended, and the DAGs that ended with it; `more` is reported too."""
        with self._lock:
            self._set(task, state, **more)
            for dag in task.ancestors():
                if dag.is_loop or any(child.state not in ENDED for child in dag.children):
                    break
                self._settle(dag)

    def close(self) -> None:
        """End whatever is not ended: nothing more will run."""
        with self._lock:
            for task in self.root.children:
                self._settle(task)

    def _find(self, name: str, component: str, iteration: str) -> Task:
        wanted = (name, component, "PENDING")
        for task in self.root.descendants():
            if (task.name, task.component, task.state) == wanted:
                return task
        return self._new_iteration(name, component, iteration)

    def _new_iteration(self, name: str, component: str, iteration: str) -> Task:
        for loop in [task for task in self.root.descendants() if task.is_loop]:
            for task in [call for part in loop.body for call in calls_in(part)]:
                if (task.name, task.component) == (name, component):
                    path = f"{task.path}/{iteration}/{len(loop.children)}"
                    run = Task(path, id_of(self._run_id, path), name, component, frozenset(), loop, False, False)
                    loop.children.append(run)
                    return run
        raise LookupError(f"{name}: the pipeline has no task that calls {component} and has not run yet")

    def _settle(self, task: Task) -> None:
        if task.state in ENDED:
            return
        for child in task.children:
            self._settle(child)
        if failed := task.failed():
            self._set(task, "FAILED", error=dag_error(failed))
        elif any(child.state in ("SUCCEEDED", "SKIPPED") for child in task.children):
            self._set(task, "SUCCEEDED")
        else:
            self._set(task, "NOT_TRIGGERED")

    def _set(self, task: Task, state: str, **more: Any) -> None:
        task.state = state
        parent = task.parent.id if task.parent and task.parent.parent else ""
        self._report({"taskId": task.id, "taskName": task.name, "parentTaskId": parent, "state": state, **more})
