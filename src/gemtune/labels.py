"""The labels by which gemtune knows its own again, and what a label may hold.

Tuning jobs carry them, and what the service makes of a tuning job inherits them: models and endpoints. Batch jobs and
the objects of the prediction store carry the label of the run that paid for them.
"""

import re

RUN_LABEL = "gemtune-run"
SPEC_LABEL = "gemtune-spec"
PROMOTED_LABEL = "gemtune-promoted"
"""Of a promoted model version; its value is the spec's name."""

FINGERPRINT_LABEL = "gemtune-fingerprint"
"""40 hex characters: of a tuning job what it is made of, of a pipeline job its pipeline and parameters."""


def label_value(text: str) -> str:
    """Return the text as a label value: lowercase letters, digits, ``_`` and ``-``, the last 63 characters.

    The end is kept because that is where pipeline job ids differ.
    Source: https://cloud.google.com/resource-manager/docs/labels-overview#requirements

    >>> label_value("Support Tickets v2.1")
    'support-tickets-v2-1'
    """
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[-63:]
