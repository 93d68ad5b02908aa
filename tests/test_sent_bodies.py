"""Every body that whole runs send, held against Google's published protos: the second witness beside the emulator.

The emulator is our own reading of the API; the protos are Google's.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from google.cloud import aiplatform_v1beta1 as vertex_api

from tests.emulator.protos import compare
from tests.terminal import Terminal

pytestmark = pytest.mark.acceptance
MESSAGES = {
    "pipelineJobs.create": vertex_api.PipelineJob,
    "tuningJobs.create": vertex_api.TuningJob,
    "publishers.models.generateContent": vertex_api.GenerateContentRequest,
    "endpoints.generateContent": vertex_api.GenerateContentRequest,
    "publishers.models.countTokens": vertex_api.CountTokensRequest,
    "batchPredictionJobs.create": vertex_api.BatchPredictionJob,
    "models.patch": vertex_api.Model,
    "models.mergeVersionAliases": vertex_api.MergeVersionAliasesRequest,
    "contexts.create": vertex_api.Context,
    "contexts.addChildren": vertex_api.AddContextChildrenRequest,
    "schedules.create": vertex_api.Schedule,
}
NEWER = {"generationConfig.thinkingConfig.thinkingLevel"}
"""What the published protos lack and the REST reference has."""


def sent(terminal: Terminal) -> dict[str, list[dict[str, Any]]]:
    """Return method → bodies, without Cloud Storage, which has no proto here."""
    bodies = defaultdict(list)
    for request in terminal.ask("/emulator/requests"):
        if request["body"] and not request["method"].startswith("storage."):
            bodies[request["method"]].append(request["body"])
    return bodies


def test_whole_runs_send_only_what_the_service_knows_in_the_types_it_expects(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        few = {"max_train_examples": 30, "max_test_examples": 12, "max_truncated_share": 1.0, "epoch_count": 2}
        settings = {"base_model": "gemini-3.5-flash", "top_k": 5, "top_p": 0.9, "seed": 7, "stop_sequences": ["END"]}
        spec = terminal.spec("sent", checkpoint_selection="validation", max_test_examples=40, **settings)  # is promoted
        batch = terminal.spec("batch", generation_mode="batch", **few)
        scheduled = terminal.spec("scheduled", submission={"target": "emulator", "cron": "0 3 1 1 *"})
        for command in (["run", spec], ["run", batch], ["schedule", "apply", scheduled]):
            ended = terminal.gemtune(*command)
            assert ended.returncode == 0, ended.stderr
        bodies = sent(terminal)
        lines = [json.loads(line)["request"] for line in batch_input(terminal, bodies["batchPredictionJobs.create"][0])]
    assert set(bodies) == set(MESSAGES)
    found = {method: set().union(*(compare(each, MESSAGES[method]) for each in bodies[method])) for method in MESSAGES}
    assert {method: unknown for method, unknown in found.items() if unknown - NEWER} == {}
    assert found["endpoints.generateContent"] == NEWER
    assert (
        len(lines) == 12 and set().union(*(compare(each, vertex_api.GenerateContentRequest) for each in lines)) == NEWER
    )

    asked = bodies["endpoints.generateContent"][0]
    assert {"temperature", "topP", "topK", "seed", "maxOutputTokens", "stopSequences"} < set(asked["generationConfig"])
    categories = ("HARASSMENT", "HATE_SPEECH", "DANGEROUS_CONTENT", "SEXUALLY_EXPLICIT")
    assert {each["category"]: each["threshold"] for each in asked["safetySettings"]} == {
        f"HARM_CATEGORY_{category}": "BLOCK_ONLY_HIGH" for category in categories
    }


def batch_input(terminal: Terminal, job: dict[str, Any]) -> list[str]:
    """Return the lines of a batch job's input."""
    (uri,) = job["inputConfig"]["gcsSource"]["uris"]
    return terminal.read(uri).decode().splitlines()
