"""What the tuning service says when it refuses or fails a job, and the exact next step."""

from __future__ import annotations

from gemtune.vertex import advice

# Sources: reference pages and issue threads of python-genai
# (#908, #1324), python-aiplatform (#6127) and recorded answers of 2026-10-01.
_CAUSES = (
    ("storage.objects.get", "grant roles/storage.objectViewer on the bucket to the account named in the message"),
    ("should be a GCS object of type JSONL", "check that the object is there and the tuning agent may read it"),
    ("adapter size is not supported", "choose a smaller adapter_size, or 0 for the service's default"),
    ("unsupported modality", "leave such examples out, or tune a model that takes them"),
    ("Dataset example ", "correct or remove that line of the split, or set on_invalid: drop; rows count from 1"),
    ("validation dataset has", "set max_validation_examples to what the message allows"),
    ("CMEK", "leave kms_key_name empty, or tune a Gemini 2.5 model: newer ones take no key"),
    ("cloudkms", "grant the tuning agent roles/cloudkms.cryptoKeyEncrypterDecrypter on the key"),
    ("encrypt", "use a key in the region of the tuning job, and grant the tuning agent its use"),
    ("is not supported in", "set tuning_location to a region that the message or the catalogue names"),
    ("Base model", "choose a base_model that the catalogue names as tunable"),
    ("Failed to create endpoint", "the model is in the Model Registry, paid for: deploy it there, or ask support"),
    ("Internal error occurred", "with a tuning_service_account, check its role aiplatform.tuningServiceAgent and that "
     "the tuning agent may create tokens for it; otherwise run again"),
    ("CANCELED", "somebody cancelled it; run again to start a new one"),
    ("does not exist", "check name and project; the tuning agent's account exists from the first tuning job on"),
    ("quota", "wait for the tuning job that is running, or ask for more concurrent tuning jobs"),
    ("RESOURCE_EXHAUSTED", "wait for the tuning job that is running, or ask for more concurrent tuning jobs"),
)  # fmt: skip


def cause_of(message: str) -> str:
    """Return what to do about an error of a tuning job, or of a call about one."""
    code = message.partition(" ")[0]
    known = next((hint for words, hint in _CAUSES if words in message), "")
    return known or advice(int(code) if code.isdecimal() else 500, message)
