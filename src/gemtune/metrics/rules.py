"""What a spec may say about metrics: which one decides, how much it must gain, and which must not get worse."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationInfo, field_validator, model_validator

from gemtune.metrics.definitions import METRICS, TASKS, guard_problem, primary_problem


class MetricRules(BaseModel):
    """Checks `primary_metric`, `minimum_improvement` and `guard_metrics` against `task`, which must stand before."""

    @model_validator(mode="before")
    @classmethod
    def _choose_primary_metric(cls, values: Any) -> Any:
        task = values.get("task") if isinstance(values, dict) else None
        known = TASKS.get(task) if isinstance(task, str) else None
        return {"primary_metric": known.headline, **values} if known else values

    @field_validator("primary_metric", check_fields=False)
    @classmethod
    def _check_primary_metric(cls, value: str, info: ValidationInfo) -> str:
        if problem := "task" in info.data and primary_problem(value, info.data["task"]):
            raise ValueError(problem)
        return value

    @field_validator("minimum_improvement", check_fields=False)
    @classmethod
    def _check_minimum_improvement(cls, value: float, info: ValidationInfo) -> float:
        if value > 1 and METRICS[info.data.get("primary_metric", "rougeL_f1")].unit == "share":
            raise ValueError("at most 1: the primary metric is a share")
        return value

    @field_validator("guard_metrics", check_fields=False)
    @classmethod
    def _check_guards(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        for name in value if "task" in info.data else ():
            if problem := guard_problem(name, info.data["task"]):
                raise ValueError(problem)
        return value
