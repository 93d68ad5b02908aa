"""Did the models answer that were asked? A name can be served by another model, and change while a run goes on.

On the Gemini API, requests to a retired model are answered by its successor without a word. Each answer says its
version, so a baseline that has changed its identity is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gemtune.catalog import base_id
from gemtune.comparison.guard import Guard
from gemtune.comparison.sides import Side, base_model_of, is_tuned_model

EMULATOR_SUFFIX = "-emulator"
_STAGE = r"(-\d{3}|-preview(-[\w-]+)?)?"  # what a served version may add to the id that was asked for


def check_versions(sides: Mapping[str, Side], summaries: Mapping[str, Mapping[str, Any]]) -> Guard:
    """Judge which model versions answered.

    Args:
        sides: `baseline` and `candidate`.
        summaries: Of both, from `gemtune.comparison.sides.summarize`.
    """
    problems, served = [], {}
    for name, side in sides.items():
        served[name] = list(summaries[name]["model_versions"])
        if len({base_id(version) for version in served[name]}) > 1:
            next = "set prediction_max_age_days to 0, so that every prompt is asked again"
            problems.append(f"{name}: several model versions answered, {', '.join(served[name])}, expected one: {next}")
        asked = base_model_of(side)
        # What a tuned endpoint gives as its version is not verified live: only another base id is told apart.
        known = [each for each in served[name] if each.startswith("gemini-") or not is_tuned_model(side.model)]
        if others := [version for version in known if asked and not _is_version_of(version, asked)]:
            next = "name a model that is still served as it is called"
            problems.append(f"{name}: the served model version is {', '.join(others)}, asked was {asked}: {next}")
    if len({version.endswith(EMULATOR_SUFFIX) for those in served.values() for version in those}) > 1:
        problems.append("model versions: the emulator answered one part and Gemini the other: ask both on one target")
    texts = [", ".join(those) or None for those in served.values()]
    return Guard("model_version", "Served version", "text", texts, "the one that was asked", problems)


def _is_version_of(version: str, asked: str) -> bool:
    """Return whether a served version is a model that was asked for.

    >>> _is_version_of("gemini-2.0-flash-001", "gemini-2.0-flash"), _is_version_of("gemini-9-lite", "gemini-9")
    (True, False)
    """
    return bool(re.fullmatch(re.escape(asked) + _STAGE, base_id(version).removesuffix(EMULATOR_SUFFIX)))
