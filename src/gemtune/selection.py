"""Which checkpoint of a tuned model is judged."""

from typing import Any

from gemtune.errors import SpecError


def select(job: dict[str, Any], rule: str) -> str:
    """Return the endpoint of the checkpoint that is evaluated.

    Args:
        job: A finished tuning job, as `gemtune.tuning.tune` returns it.
        rule: `last`: the final checkpoint, which the service makes the default
            (https://cloud.google.com/vertex-ai/generative-ai/docs/models/tuning-checkpoints).

    Raises:
        SpecError: The rule is not known.
    """
    if rule != "last":
        raise SpecError(f"checkpoint_selection: found {rule!r}, expected 'last'")
    return str(job["endpoint"])
