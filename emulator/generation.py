"""generateContent and countTokens, for publishers' models and tuned endpoints alike.

Faithful: the shape of request and answer, finish reasons, blocked prompts, counts of tokens, 400 with the real wording
where it is known, stop sequences, maxOutputTokens, what gemini-3.5-flash-lite refuses.
Not modelled: systemInstruction, tools, thinking and files are accepted and ignored; decoding is deterministic, so
temperature, topP, topK, seed and candidateCount change nothing; streaming; safety, except for the next line.
A prompt that contains [[blocked]] is answered as blocked: the way to test that.
"""

from pathlib import Path
from typing import Any, NamedTuple

from emulator import tokens
from emulator.clock import Clock
from emulator.contents import CONTENT, article_of, count_tokens, text_of
from emulator.errors import ApiError, invalid_argument
from emulator.json_fields import Schema, read_fields
from emulator.summarizer.model import load, summarize

BLOCKED_MARK = "[[blocked]]"

GENERATION_CONFIG: Schema = {
    "temperature": "double",
    "topP": "double",
    "topK": "double",
    "candidateCount": "int32",
    "maxOutputTokens": "int32",
    "stopSequences": ["string"],
    "presencePenalty": "double",
    "frequencyPenalty": "double",
    "seed": "int32",
    "responseLogprobs": "bool",
    "logprobs": "int32",
    "responseMimeType": "string",
    "responseSchema": "any",
    "responseJsonSchema": "any",
    "responseFormat": "any",
    "responseModalities": ["string"],
    "mediaResolution": "string",
    "routingConfig": "any",
    "audioTimestamp": "bool",
    "speechConfig": "any",
    "imageConfig": "any",
    "modelConfig": "any",
    "thinkingConfig": {
        "includeThoughts": "bool",
        "thinkingBudget": "int32",
        "thinkingLevel": ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"),
    },
}
"""Source: google.cloud.aiplatform.v1beta1.GenerationConfig; thinkingLevel and responseFormat: the REST reference."""

HARM_CATEGORIES = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)
_THRESHOLDS = ("HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH")
SAFETY_SETTING: Schema = {
    "category": (*HARM_CATEGORIES, "HARM_CATEGORY_UNSPECIFIED", "HARM_CATEGORY_CIVIC_INTEGRITY"),
    "threshold": (*_THRESHOLDS, "BLOCK_NONE", "OFF"),
    "method": ("HARM_BLOCK_METHOD_UNSPECIFIED", "SEVERITY", "PROBABILITY"),
}
REQUEST: Schema = {
    "contents": [CONTENT],
    "systemInstruction": CONTENT,
    "generationConfig": GENERATION_CONFIG,
    "safetySettings": [SAFETY_SETTING],
    "tools": "any",
    "toolConfig": "any",
    "labels": "map",
    "cachedContent": "string",
    "modelArmorConfig": "any",
    "model": "string",
}
COUNT_REQUEST: Schema = {
    "contents": [CONTENT],
    "systemInstruction": CONTENT,
    "generationConfig": GENERATION_CONFIG,
    "tools": "any",
    "model": "string",
}
_LEARN_MORE = "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"


class ServedModel(NamedTuple):
    """What answers: a base model, or a checkpoint of a tuned one."""

    base_model: str
    weights: Path | None = None


def generate(body: dict[str, Any], model: ServedModel, clock: Clock, response_id: str) -> dict[str, Any]:
    """Answer a GenerateContentRequest with a GenerateContentResponse.

    Raises:
        ApiError: 400, the request is not one that the model takes.
    """
    request = read_fields(body, REQUEST)
    check_contents(request)
    check_settings(request.get("generationConfig", {}))
    if model.base_model == "gemini-3.5-flash-lite":
        check_flash_lite(request)
    answer: dict[str, Any] = {
        "modelVersion": f"{model.base_model}-emulator",
        "createTime": clock.timestamp(),
        "responseId": response_id,
    }
    prompt_tokens = count_tokens([*request["contents"], request.get("systemInstruction", {})])
    if any(BLOCKED_MARK in text_of(content) for content in request["contents"]):
        feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "The prompt is marked as blocked."}
        return {"promptFeedback": feedback, "usageMetadata": usage(prompt_tokens, ""), **answer}
    summary = summarize(article_of(request["contents"]), load(model.weights) if model.weights else None)
    text, finish_reason = limit(summary.text, request.get("generationConfig", {}))
    candidate = {
        "content": {"role": "model", **({"parts": [{"text": text}]} if text else {})},
        "finishReason": finish_reason,
        "avgLogprobs": summary.log_probability,
        "safetyRatings": safety_ratings(),
    }
    return {"candidates": [candidate], "usageMetadata": usage(prompt_tokens, text), **answer}


def count(body: dict[str, Any]) -> dict[str, Any]:
    """Answer a CountTokensRequest with a CountTokensResponse."""
    request = read_fields(body, COUNT_REQUEST)
    check_contents(request)
    counted = [*request["contents"], request.get("systemInstruction", {})]
    characters = sum(len("".join(text_of(content).split())) for content in counted)
    total = count_tokens(counted)
    return {"totalTokens": total, "totalBillableCharacters": characters, "promptTokensDetails": details(total)}


def check_contents(request: dict[str, Any]) -> None:
    """Refuse what is no conversation. Source of the wording: public reports of the service's answers."""
    if not request.get("contents"):
        raise refused("at least one contents field is required.")
    for content in request["contents"]:
        if not content.get("parts"):
            raise refused("it must include at least one parts field, which describes the prompt input.")
        answers_a_call = any("functionResponse" in part for part in content["parts"])
        if content.get("role") not in ("user", "model") and not answers_a_call:
            raise invalid_argument("Please use a valid role: user, model.")
        if any(part.keys() <= {"thought", "text"} and not part.get("text") for part in content["parts"]):
            raise refused("it must have a text parameter. Add a text parameter and try again.")


def check_settings(settings: dict[str, Any]) -> None:
    """Refuse settings out of range. The ranges are those of the Gemini 3 models' pages."""
    for name, low, high in (("temperature", 0, 2), ("topP", 0, 1), ("maxOutputTokens", 1, 65536)):
        value = settings.get(name)
        if value is not None and not low <= value <= high:
            above = 65537 if name == "maxOutputTokens" else f"{high}.0001"
            supported = f"the supported range is from {low} (inclusive) to {above} (exclusive)"
            raise refused(f"it has a {name} value of {value} but {supported}. Update the value and try again.")
    thinking = settings.get("thinkingConfig", {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise invalid_argument("You can only set only one of thinking budget and thinking level.")


def check_flash_lite(request: dict[str, Any]) -> None:
    """Refuse what gemini-3.5-flash-lite refuses; the service's wording is not known.

    Source: its model page, https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-5-flash-lite.
    """
    for name in ("presencePenalty", "frequencyPenalty"):
        if request.get("generationConfig", {}).get(name):
            raise refused(f"{name} is not supported by gemini-3.5-flash-lite.")
    if request["contents"][-1].get("role") == "model":
        raise invalid_argument("Please ensure that multiturn requests end with a user turn or a function response.")


def refused(reason: str) -> ApiError:
    """Return the 400 that generateContent gives."""
    return invalid_argument(f"Unable to submit request because {reason} {_LEARN_MORE}")


def limit(text: str, settings: dict[str, Any]) -> tuple[str, str]:
    """Cut an answer at its first stop sequence and at maxOutputTokens; return it with its finish reason."""
    for stop in filter(None, settings.get("stopSequences", [])):
        text = text.split(stop)[0]
    kept = tokens.truncate(text, settings.get("maxOutputTokens", 65536))
    return kept, "STOP" if kept == text else "MAX_TOKENS"


def usage(prompt_tokens: int, text: str) -> dict[str, Any]:
    """Return UsageMetadata; counts of zero are left out, as the service does."""
    output = tokens.count(text)
    metadata: dict[str, Any] = {
        "promptTokenCount": prompt_tokens,
        "totalTokenCount": prompt_tokens + output,
        "trafficType": "ON_DEMAND",
        "promptTokensDetails": details(prompt_tokens),
    }
    if output:
        metadata |= {"candidatesTokenCount": output, "candidatesTokensDetails": details(output)}
    return metadata


def details(count: int) -> list[dict[str, Any]]:
    """Return tokens by modality; there is only text."""
    return [{"modality": "TEXT", "tokenCount": count}]


def safety_ratings() -> list[dict[str, Any]]:
    """Return what the service says of harmless text."""
    rating = {
        "probability": "NEGLIGIBLE",
        "probabilityScore": 0.01,
        "severity": "HARM_SEVERITY_NEGLIGIBLE",
        "severityScore": 0.02,
    }
    return [{"category": category, **rating} for category in HARM_CATEGORIES]
