"""The tuning spec: one YAML file that says what to tune, on what, judged how, and where to submit it.

Its keys are the parameters of the pipeline; `submission` holds what only submitting needs. Everything wrong with a
spec is said at once, one line per problem: ``spec.yaml:7: adapter_size: 12, expected one of 0, 1, 2, 4, 8, 16``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from gemtune.errors import SpecError, shown
from gemtune.parameters import Parameters
from gemtune.spec_problems import describe
from gemtune.submission import Submission
from gemtune.yaml_reader import read_yaml


class TuningSpec(Parameters):
    """What to tune, on what, judged how, and where to submit it."""

    submission: Submission = Submission()
    """What only submitting needs: target, project, location, service account, schedule and so on."""

    @model_validator(mode="after")
    def _complete_submission(self) -> Self:
        given = self.submission
        bucket = given.bucket or self.bucket
        complete = given.model_copy(
            update={
                "project": given.project or self.project,
                "location": given.location or self.location,
                "bucket": bucket,
                "pipeline_root": given.pipeline_root or f"gs://{bucket}/gemtune/pipeline-root",
            }
        )
        # The model is frozen for its users; validation is still making it.
        self.__dict__["submission"] = complete
        return self

    def parameters(self) -> dict[str, object]:
        """Return the values of the pipeline's parameters: text, numbers, booleans, and JSON lists and objects."""
        return self.model_dump(exclude={"submission"})


def load(
    path: Path | str,
    overrides: Mapping[str, str] | None = None,
    defaults: Mapping[str, object] | None = None,
) -> TuningSpec:
    """Read a tuning spec.

    Local paths in `train_data`, `validation_data` and `test_data` stay as written: they are relative to the spec's
    folder, and `gemtune.data.sources.upload_local` turns them into URIs. A path in `catalog_overrides` is read here.

    Args:
        path: YAML file.
        overrides: Values that replace the file's, as YAML texts; ``submission.target`` reaches into `submission`.
        defaults: Values of keys that neither the file nor the overrides give.

    Raises:
        SpecError: The file is missing, is not YAML, or has problems: all of them, one per line.
    """
    path = Path(path)
    values, lines = read_yaml(_text(path), str(path))
    if values is None:
        raise SpecError(f"{path}: empty, expected keys and values", next="start with name, project, bucket, train_data")
    if not isinstance(values, dict):
        raise SpecError(f"{path}: {shown(values)}, expected keys and values such as `name: my-task`")
    places = {key: f"{path}:{line}" for key, line in lines.items()}
    return build({**(defaults or {}), **values}, overrides, path=path, places=places)


def build(
    values: dict[str, Any],
    overrides: Mapping[str, str] | None = None,
    *,
    path: Path,
    places: dict[tuple[str, ...], str] | None = None,
) -> TuningSpec:
    """Make a spec of values that are not in a file, or not any more.

    Args:
        values: Keys of the spec.
        overrides: Values that replace them, as YAML texts.
        path: What messages name, and what a path in `catalog_overrides` is relative to.
        places: Where a key was read, such as ``spec.yaml:7``, by its path from the top.

    Raises:
        SpecError: There are problems: all of them, one per line.
    """
    places = dict(places or {})
    for key, text in (overrides or {}).items():
        _override(values, key, text, places)
    _read_catalog_overrides(values, path, places)
    try:
        return TuningSpec.model_validate(values)
    except ValidationError as error:
        raise SpecError("\n".join(describe(error, TuningSpec, places, str(path)))) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec, for editors. The command line can fill in all that is not required here."""
    schema = TuningSpec.model_json_schema()
    schema["properties"]["catalog_overrides"]["anyOf"] = [{"type": "object"}, {"type": "string"}]
    del schema["properties"]["catalog_overrides"]["type"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "required": ["train_data"]}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file, expected a tuning spec") from None
    except OSError as error:
        raise SpecError(f"{path}: not readable ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is not UTF-8, expected UTF-8 text") from error


def _override(values: dict[str, Any], key: str, text: str, places: dict[tuple[str, ...], str]) -> None:
    """Put one ``--set key=value`` into the values."""
    value, _ = read_yaml(text, f"--set {key}")
    parts = tuple(key.split("."))
    *outer, last = parts
    for part in outer:
        inner = values.get(part)
        values[part] = inner if isinstance(inner, dict) else {}
        values = values[part]
    values[last] = value
    places[parts] = "--set"


def _read_catalog_overrides(values: dict[str, Any], path: Path, places: Mapping[tuple[str, ...], str]) -> None:
    """Replace the path of a TOML file by its content."""
    name = values.get("catalog_overrides")
    if not isinstance(name, str):
        return
    file = path.parent / name
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        where = f"{places.get(('catalog_overrides',), path)}: catalog_overrides"
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"{where}: {shown(name)}, expected the path of a TOML file ({reason})") from error
    # Pipeline parameters are JSON, which has no dates.
    values["catalog_overrides"] = json.loads(json.dumps(table, default=str))
