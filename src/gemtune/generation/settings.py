"""How a model is asked: the settings of a spec as the fields of a generateContent request, the same for both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gemtune.catalog import Catalog
from gemtune.generation.safety import read_thresholds

_SAMPLING = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed"}


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How the model is asked; equal for both sides of a comparison. -1 and empty leave a setting to the service."""

    temperature: float = -1.0
    top_p: float = -1.0
    top_k: int = -1
    max_output_tokens: int = 1024
    """Limit of the answer, thinking included."""

    seed: int = -1
    stop_sequences: tuple[str, ...] = ()
    safety_threshold: str = ""
    """HarmBlockThreshold for all four categories of harm, or CATEGORY=THRESHOLD for some, comma-separated."""

    thinking: str = "default"
    """default (not sent), minimal, a level, or a budget in tokens as digits."""

    request_timeout_seconds: float = 120
    """How long one attempt may take."""


def settings_of(parameters: Mapping[str, Any]) -> GenerationSettings:
    """Return the settings among the parameters of a spec, whose names they have."""
    names = [field.name for field in dataclasses.fields(GenerationSettings)]
    chosen = {name: parameters[name] for name in names}
    return GenerationSettings(**{**chosen, "stop_sequences": tuple(parameters["stop_sequences"])})


def settings_as_sent(settings: GenerationSettings, not_sent: Iterable[str]) -> dict[str, Any]:
    """Return what decides an answer besides model and prompt, by name; -1 and empty are left to the service.

    Args:
        settings: What the spec asks for.
        not_sent: Settings that the model ignores or refuses, from `request_fields`.

    >>> settings_as_sent(GenerationSettings(temperature=0.1), ["temperature"])["temperature"]
    -1
    """
    chosen = dataclasses.asdict(settings) | dict.fromkeys(not_sent, -1)
    del chosen["request_timeout_seconds"]  # how patiently a model is asked
    return chosen | {"stop_sequences": list(settings.stop_sequences)}


def request_fields(settings: GenerationSettings, base_model: str, catalog: Catalog) -> tuple[dict[str, Any], list[str]]:
    """Return the fields sent with every prompt, and the names of the settings that are left out.

    A setting that the model ignores is not sent, as it would look as if it had counted, nor is one that it refuses.
    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference

    Args:
        settings: What the spec asks for.
        base_model: Id of the base model, of a tuned model also; empty if unknown.
        catalog: Tells what the model ignores and refuses, and how its thinking is set.

    Returns:
        ``{"generationConfig", "safetySettings"?}`` of a GenerateContentRequest, and the settings not sent, sorted.

    Raises:
        SpecError: The model has no such level or budget of thinking, or there is no such category or threshold of harm.
    """
    model = catalog.find(base_model)
    unsent = {*model.ignored_parameters, *model.refused_parameters} if model else set()
    wanted = {name for name in _SAMPLING if getattr(settings, name) >= 0}
    config = {_SAMPLING[name]: getattr(settings, name) for name in _SAMPLING if name in wanted - unsent}
    config["maxOutputTokens"] = settings.max_output_tokens
    if settings.stop_sequences:
        config["stopSequences"] = list(settings.stop_sequences)
    if thinking := catalog.thinking_config(base_model, settings.thinking):
        config["thinkingConfig"] = thinking
    fields: dict[str, Any] = {"generationConfig": config}
    if thresholds := read_thresholds(settings.safety_threshold):
        fields["safetySettings"] = [
            {"category": f"HARM_CATEGORY_{category}", "threshold": threshold}
            for category, threshold in thresholds.items()
        ]
    return fields, sorted(wanted & unsent)
