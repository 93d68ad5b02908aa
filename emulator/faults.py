"""Faults on order: named by method, and counted, so that a test can assert that one was hit.

Method names are those of the routes, e.g. "tuningJobs.get", "endpoints.generateContent", "storage.objects.insert";
"tuningJobs.run" is no call but the work of a job (tuning_failures.py).
"""

from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from emulator.errors import ApiError, StorageApiError, invalid_argument


@dataclass(kw_only=True)
class Fault:
    """What the next calls of one method meet instead of an answer. Sent as JSON, these are the keys."""

    method: str
    times: int = 1
    """Calls that meet the fault."""

    code: int = 0
    """HTTP status code of the answer; 0: no error, only the delay."""

    status: str = ""
    message: str = ""
    """Both by default what the service says with that code."""

    delay_seconds: float = 0.0
    """Real seconds before anything else happens."""

    reset: bool = False
    """Close the connection without an answer."""

    performed: bool = False
    """Do what was asked, then lose the answer: what makes a blind retry create a second resource."""

    hit: int = 0
    """Calls that met the fault so far."""

    def error(self) -> ApiError:
        """Return the error of `code`, in the envelope of the service that the method belongs to."""
        envelope = StorageApiError if self.method.startswith("storage.") else ApiError
        return envelope(self.code, self.message, status=self.status)


class Faults:
    """The faults ordered since the emulator started, oldest first."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []
        self._lock = Lock()

    def add(self, order: dict[str, Any]) -> dict[str, Any]:
        """Order a fault.

        Args:
            order: The keys of `Fault` without `hit`. With neither code, delay nor reset, the code is 503.

        Raises:
            ApiError: 400, a key is missing or unknown, or a number is none.
        """
        try:
            fault = Fault(**order)
            fault.times, fault.code, fault.delay_seconds = int(fault.times), int(fault.code), float(fault.delay_seconds)
        except (TypeError, ValueError) as error:
            raise invalid_argument(f"fault: {error}") from error
        if not (fault.code or fault.delay_seconds or fault.reset) and fault.method != "tuningJobs.run":
            fault.code = 503
        with self._lock:
            self._ordered.append(fault)
        return asdict(fault)

    def take(self, method: str) -> Fault | None:
        """Return the fault that this call of `method` meets, counted as hit; None is the usual case."""
        if not self._ordered:
            return None
        with self._lock:
            for fault in self._ordered:
                if fault.method == method and fault.hit < fault.times:
                    fault.hit += 1
                    return fault
        return None

    def list(self) -> list[dict[str, Any]]:
        """Return every fault with its count."""
        with self._lock:
            return [asdict(fault) for fault in self._ordered]

    def clear(self) -> None:
        """Forget all faults, hit or not."""
        with self._lock:
            self._ordered.clear()
