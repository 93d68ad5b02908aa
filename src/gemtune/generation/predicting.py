"""Ask a model one prompt, as an evaluation asks it; nothing is stored."""

from __future__ import annotations

import asyncio
from typing import Any

from gemtune.catalog import Catalog
from gemtune.generation.asking import Asker
from gemtune.generation.model_client import ModelClient
from gemtune.generation.predictions import Prediction
from gemtune.generation.settings import GenerationSettings, request_fields
from gemtune.serving import ServedModel


def predict(
    text: str,
    *,
    system_instruction: str,
    project: str,
    served: ServedModel,
    settings: GenerationSettings,
    catalog: Catalog,
) -> Prediction:
    """Return the outcome of one prompt.

    Args:
        text: The prompt.
        system_instruction: Sent with it; empty for none.
        project: Google Cloud project that pays.
        served: The model.
        settings: How to ask it.
        catalog: Tells what the model ignores or refuses, and how its thinking is set.

    Raises:
        SpecError: A setting does not fit the model.
        ServiceError: The credentials are not accepted.
    """
    prompt: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if system_instruction:
        prompt["systemInstruction"] = {"role": "system", "parts": [{"text": system_instruction}]}
    fields, _ = request_fields(settings, served.base_model, catalog)

    async def ask() -> Prediction:
        async with ModelClient(project, served, timeout_seconds=settings.request_timeout_seconds) as client:
            deadline = settings.request_timeout_seconds
            asker = Asker(client=client, fields=fields, max_in_flight=1, deadline_seconds=deadline)
            return await asker.answer(prompt)

    return asyncio.run(ask())
