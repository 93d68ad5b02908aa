"""generateContent over HTTP, from one event loop: what google-genai sends, at a tenth of its CPU time.

google-genai takes about 1 ms of CPU for a call, which at 128 calls under way is what limits the rate; this takes
0.15 ms. Request and answer are plain JSON, the same as in a line of a batch job.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models/generateContent
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from gemtune.generation.failures import Failure, failure_of_credentials, refusal
from gemtune.serving import ServedModel
from gemtune.vertex import base_url, connection, default_credentials


class ModelClient:
    """One model, as an asynchronous context.

    Args:
        project: Google Cloud project that pays.
        served: The model.
        timeout_seconds: How long one request may take.
    """

    def __init__(self, project: str, served: ServedModel, *, timeout_seconds: float) -> None:
        name = served.model
        if not name.startswith("projects/"):
            name = f"projects/{project}/locations/{served.location}/publishers/google/models/{name}"
        self._url = f"{base_url(served.location)}/v1/{name}:generateContent"
        self._location = served.location
        self._timeout_seconds = timeout_seconds
        self._credentials = default_credentials()
        self._refreshing = asyncio.Lock()
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> ModelClient:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
        self._session = aiohttp.ClientSession(timeout=timeout, **connection(self._location))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | Failure:
        """Send a GenerateContentRequest once, and return the answer as it came, or why there is none.

        Raises:
            ServiceError: The credentials are not accepted.
        """
        import aiohttp
        from google.auth.exceptions import GoogleAuthError

        body = json.dumps(request).encode()
        try:
            result = await self._post(body)
            if isinstance(result, Failure) and result.error.startswith("401 "):
                await self._refresh(self._credentials.token)
                result = await self._post(body)
        except GoogleAuthError as error:
            return failure_of_credentials(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: what came is no JSON, or no text. Its message quotes what came.
            return Failure(type(error).__name__, is_final=False)
        return result

    async def _post(self, body: bytes) -> dict[str, Any] | Failure:
        if not self._credentials.valid:
            await self._refresh(self._credentials.token)
        async with self._session.post(self._url, data=body, headers=self._headers) as response:
            content = await response.read()
        if response.status == 200:
            answer = json.loads(content)
            return answer if isinstance(answer, dict) else Failure("answer is no JSON object", is_final=False)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return refusal(response.status, _json_or_text(content, response.reason), headers)

    async def _refresh(self, token: str | None) -> None:
        """Get another token than this one; of many requests that need it, one does the work."""
        from google.auth.transport.requests import Request

        async with self._refreshing:
            if self._credentials.token == token or not self._credentials.valid:
                await asyncio.to_thread(self._credentials.refresh, Request())
            headers = {
                "Content-Type": "application/json",
                "X-Server-Timeout": str(max(1, round(self._timeout_seconds))),
            }
            self._credentials.apply(headers)  # also names the project that the quota is taken from
            self._headers = headers


def _json_or_text(content: bytes, reason: str | None) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        # A proxy's page in HTML, for instance: only its status says something.
        return {"message": reason or "no JSON"}
