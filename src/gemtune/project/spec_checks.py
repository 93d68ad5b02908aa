"""What doctor looks at in the spec itself: its model, its keys, its data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from gemtune.catalog import Catalog
from gemtune.errors import GemtuneError
from gemtune.project.check import CALLER, Check, Commands
from gemtune.project.roles import keys, secret_name
from gemtune.runs.plan import locations
from gemtune.runs.webhook import secret_version
from gemtune.spec import TuningSpec
from gemtune.storage import split_uri
from gemtune.vertex import CallError, Rest, service_url


def check_model(spec: TuningSpec, commands: Commands, catalog: Catalog, today: date) -> Iterator[Check]:
    """Yield whether the catalogue knows the base model as alive, and tuned in the region."""
    model, region = catalog.find(spec.base_model), locations(spec, catalog)["tuning"]
    if model is None:
        yield Check("model", "note", catalog.warnings(spec.base_model, today)[0])
        return
    if model.retires and model.retires <= today:
        other = _tunable(catalog, region, today)
        text = f"{model.id} retired on {model.retires} (catalogue of {model.seen})"
        yield Check("model", "fail", text, commands.changed("doctor", base_model=other) if other else "")
    elif region not in model.tuning_regions:
        there = ", ".join(model.tuning_regions) or "nowhere"
        mend = {"tuning_location": model.tuning_regions[0]} if model.tuning_regions else {}
        mend = mend or {"base_model": _tunable(catalog, region, today)}
        text = f"{model.id} is not tuned in {region}, expected {there}"
        yield Check("model", "fail", text, commands.changed("doctor", **mend))
    else:
        warned = catalog.warnings(spec.base_model, today)
        yield Check("model", "note" if warned else "ok", *(warned or [f"{model.id}, tuned in {region}"]))


def check_keys(spec: TuningSpec, commands: Commands, catalog: Catalog) -> Iterator[Check]:
    """Yield whether each Cloud KMS key exists, works, is in the region, and may be used for tuning this model."""
    model, tuning = catalog.find(spec.base_model), locations(spec, catalog)["tuning"]
    if spec.kms_key_name and model and model.cmek is False:
        without = commands.changed("doctor", kms_key_name="''")
        yield Check("CMEK", "fail", f"{model.id} cannot be tuned with a key of your own", without)
    for key in keys(spec):
        region = tuning if key == spec.kms_key_name else spec.submission.location
        yield _key(key, region, spec, commands)


def check_webhook(spec: TuningSpec, commands: Commands) -> Iterator[Check]:
    """Yield whether the secret of the webhook has a version that can be read; its address is not looked at.

    Sources: https://docs.cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/get,
    https://cloud.google.com/sdk/gcloud/reference/secrets/create
    """
    if not spec.webhook_secret:
        return
    version, secret = secret_version(spec.webhook_secret, spec.project), secret_name(spec)
    _, project, _, name = secret.split("/")
    # The address is read from the terminal: in a command it would stay in the shell's history.
    given = f"--data-file=- --project={project}  # then the webhook's address, and Ctrl-D"
    create, add = f"gcloud secrets create {name} {given}", f"gcloud secrets versions add {name} {given}"
    if commands.target == "emulator":
        create = add = commands.changed("doctor", webhook_secret="''")
    secrets = Rest(project, "", base=service_url("secretmanager"))
    try:
        secrets.get(secret)
        state = secrets.get(version)["state"]
    except CallError as error:
        if error.code != 404:
            yield Check("webhook_secret", "note", f"cannot be seen: {error.message}")
        elif "/versions/" in error.message:
            yield Check("webhook_secret", "fail", f"{name} has no version {version.rpartition('/')[2]}", add)
        else:
            yield Check("webhook_secret", "fail", f"{name} does not exist in {project}", create)
        return
    if state == "ENABLED":
        yield Check("webhook_secret", "ok", f"{name} has a version")
    else:
        yield Check("webhook_secret", "fail", f"{version} is {state}, expected ENABLED", add)


def check_data(key: str, find: Callable[[], list[str]], commands: Commands, *, mirror: str = "") -> Check:
    """Return whether sources are there and can be read by who runs this.

    Args:
        key: Key of the spec that names them.
        find: Returns them; raises GemtuneError.
        commands: What is typed.
        mirror: Folder whose files stand in for objects that a stand-in of Cloud Storage cannot reach; empty for none.
    """
    try:
        count = len(find())
    except GemtuneError as error:
        uris = re.findall(r"gs://[^\s,:]+", str(error))
        return Check(key, "fail", error.message, _brought(key, next(iter(uris), ""), error, commands, mirror))
    return Check(key, "ok", f"{count} file{'s' * (count != 1)} found")


def _brought(key: str, uri: str, error: GemtuneError, commands: Commands, mirror: str) -> str:
    """Return the command that brings a source where the spec expects it; FILE is what only its owner knows."""
    if not uri:
        return commands.changed("doctor", **{key: "FILE"})
    bucket, name = split_uri(uri)
    if "not allowed" in error.message:
        return f"gcloud storage buckets add-iam-policy-binding gs://{bucket} {CALLER} --role=roles/storage.objectViewer"
    if mirror:
        copy = f"{mirror}/{bucket}/{name}"
        return f"mkdir -p {copy.rpartition('/')[0]} && gcloud storage cp {uri} {copy}"
    return f"gcloud storage cp FILE {uri.rpartition('/')[0] + '/' if '*' in uri else uri}"


def _tunable(catalog: Catalog, region: str, today: date) -> str:
    """Return a model that is alive and tuned in a region, the one that lives longest; empty if there is none."""
    alive = [each for each in catalog.models.values() if region in each.tuning_regions]
    alive = [each for each in alive if each.retires is None or each.retires > today]
    return max(alive, key=lambda each: each.retires or date.max).id if alive else ""


def _key(key: str, region: str, spec: TuningSpec, commands: Commands) -> Check:
    _, project, _, place, _, ring, _, name = key.split("/")
    where = f"--keyring={ring} --location={place} --project={project}"
    setting = "kms_key_name" if key == spec.kms_key_name else "submission__kms_key"
    without = commands.changed("doctor", **{setting: "''"})
    if place != region:
        return Check("CMEK", "fail", f"{name} is in {place}, expected {region}", without)
    try:
        found = Rest(project, "", base=service_url("cloudkms")).get(key)
    except CallError as error:
        create = f"gcloud kms keys create {name} --purpose=encryption {where}"
        return Check("CMEK", "fail", error.message, without if commands.target == "emulator" else create)
    state = found.get("primary", {}).get("state", "")
    if found.get("purpose") != "ENCRYPT_DECRYPT" or state != "ENABLED":
        text = f"{name} is {found.get('purpose')}, {state or 'without primary version'}, expected it to encrypt"
        return Check("CMEK", "fail", text, f"gcloud kms keys versions create --key={name} --primary {where}")
    return Check("CMEK", "ok", f"{name} encrypts, in {place}")
