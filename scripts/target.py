"""Where a spec runs: the emulator or Vertex AI. Nothing else in the project knows the difference."""

import os
import subprocess
from dataclasses import dataclass
from typing import Any

from gemtune.errors import GemtuneError, ServiceError, StorageError
from scripts.emulator_process import emulator_url, end, find_emulator, start_emulator, wait_for_emulator

STORAGE_RETRY_SECONDS = 5.0
"""How long storage on the emulator is retried: one that has stopped does not come back by itself."""


@dataclass(frozen=True)
class Target:
    """A place that runs pipelines."""

    name: str
    """`emulator` or `vertex`."""

    address: str = ""
    """Base URL of the emulator; empty for Vertex AI."""

    project: str = ""
    """The emulator's project id; empty for Vertex AI, where the spec names it."""

    bucket: str = ""
    """The emulator's bucket; empty for Vertex AI."""

    process: "subprocess.Popen[bytes] | None" = None
    """The emulator, if this command started it."""

    def decided(self) -> dict[str, str]:
        """Return the spec keys that this place decides, whatever the spec says."""
        if not self.address:
            return {}
        root = f"gs://{self.bucket}/gemtune/pipeline-root"
        places = {"project": self.project, "bucket": self.bucket}
        return {
            **places,
            **{f"submission.{key}": value for key, value in places.items()},
            "submission.pipeline_root": root,
        }

    def describe(self) -> str:
        """Return one line for people."""
        if self.address:
            return f"emulator {self.address} (a small local summariser answers, not Gemini; nothing is billed)"
        return "Vertex AI (now Gemini Enterprise Agent Platform): tokens, tuning and machines are billed"

    def storage(self, project: str) -> Any:
        """Return Cloud Storage as it is there. Importing it takes a moment: say something first."""
        from gemtune.storage import Storage

        return Storage(project, retry_seconds=STORAGE_RETRY_SECONDS) if self.address else Storage(project)

    def is_gone(self) -> bool:
        """Tell whether it was the emulator and has stopped."""
        try:
            return bool(self.address) and find_emulator(self.address) is None
        except ServiceError:
            return False

    def cause_of(self, error: GemtuneError) -> GemtuneError:
        """Return why something failed there: not what each client makes of a stopped emulator, but that it stopped."""
        if not isinstance(error, ServiceError | StorageError) or not self.is_gone():
            return error
        kept = "what it ran ended with it, what it holds is kept: run this again"
        return ServiceError(f"{self.address}: the service does not answer, the emulator has stopped", next=kept)

    def stop(self, own_job: str = "") -> str:
        """Stop the emulator if this command started it; what it holds is kept.

        It goes on while it runs a job of somebody else.

        Args:
            own_job: Resource name of this command's pipeline job, which ends with the emulator.

        Returns:
            What to tell the user; empty if there is nothing to say.
        """
        if not self.process or self.process.poll() is not None:
            return ""
        if others := self.other_jobs(own_job):
            return f"goes on for {', '.join(others)}; stop it with `kill {self.process.pid}`"
        end(self.process)
        return ""

    def other_jobs(self, own_job: str) -> list[str]:
        """Return the ids of the pipeline jobs at work on the emulator, but for one."""
        try:
            running = (find_emulator(self.address) or {}).get("running", [])
        except ServiceError:
            return []
        return [name.rpartition("/")[2] for name in running if name != own_job]


def open_target(name: str) -> Target:
    """Return a place that is ready: the emulator is started if none answers, and its environment is set.

    Raises:
        ServiceError: The emulator's port is taken by something else, or the emulator does not start.
    """
    if name == "vertex":
        return Target("vertex")
    process = None
    running = find_emulator(emulator_url())
    if running is None:
        process = start_emulator()
        try:
            running = wait_for_emulator(process)
        except BaseException:
            end(process)
            raise
    use_environment(running["environment"])
    return Target("emulator", emulator_url(), running["project"], running["bucket"], process)


def use_environment(environment: dict[str, str]) -> None:
    """Point Google's SDKs in this process at the emulator, and away from a developer's real credentials."""
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    os.environ.update(environment)
    # It is this machine: a proxy could not reach it.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1,localhost"]))


def pipeline_client(target: Target, *, project: str, location: str) -> Any:
    """Return google.cloud.aiplatform, pointed at the target. Importing it takes seconds: say something first.

    On the emulator one function of the SDK is switched off. `submit` checks who owns the bucket through an API that
    is not emulated, and would wait for it for almost a minute.
    """
    import logging

    from google.cloud import aiplatform

    # Its loggers write to stdout, which carries only the result, and each has a level of its own.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("google.cloud.aiplatform"):
            logging.getLogger(name).setLevel(logging.ERROR)
    if target.address:
        from google.cloud.aiplatform.utils import gcs_utils

        gcs_utils.create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist = lambda *_, **__: None
        aiplatform.init(project=project, location=location, api_endpoint=target.address, api_transport="rest")
    else:
        aiplatform.init(project=project, location=location)
    return aiplatform


def registry_client(target: Target, host: str) -> Any:
    """Return kfp's client of an Artifact Registry repository of pipelines.

    On the emulator the repository has the same name below the emulator's address; kfp knows only the real host well
    enough to fetch credentials by itself.

    Args:
        target: Where the repository is.
        host: `https://REGION-kfp.pkg.dev/PROJECT/REPO`.
    """
    from kfp.registry.registry_client import ApiAuth, RegistryClient

    if not target.address:
        return RegistryClient(host=host)
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default()
    credentials.refresh(Request())
    return RegistryClient(host=host.replace("https:/", target.address, 1), auth=ApiAuth(credentials.token))
