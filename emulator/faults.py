"""Faults on order: named by method, and counted, so that a test can assert that one was hit.

Method names are those of the routes, e.g. "tuningJobs.get", "endpoints.generateContent", "storage.objects.insert";
"tuningJobs.run" is no call but the work of a job (tuning_failures.py).
"""

from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from emulator.clock import Clock
from emulator.errors import ApiError, StorageApiError, invalid_argument


@dataclass(kw_only=True)
class Fault:
    """What the next calls of one method meet instead of an answer. Sent as JSON, these are the keys."""

    method: str
    times: int = 1
    """Calls that meet the fault, at most."""

    code: int = 0
    """HTTP status code of the answer; 0: no error, only the delay."""

    status: str = ""
    message: str = ""
    """Both by default what the service says with that code."""

    delay_seconds: float = 0.0
    """Real seconds before anything else happens."""

    reset: bool = False
    """Close the connection without an answer."""

    body: str = ""
    """Answer 200 with this text, whatever it is: broken JSON, or an answer that the model never gives."""

    share: float = 1.0
    """Of the calls that could meet the fault, the share that does, evenly spread."""

    seconds: float = 0.0
    """Seconds of the emulator's clock after which no call meets it any more; 0: for ever."""

    performed: bool = False
    """Do what was asked, then lose the answer: what makes a blind retry create a second resource."""

    hit: int = 0
    """Calls that met the fault so far."""

    seen: int = 0
    """Calls that could have met it."""

    ordered: float = 0.0
    """When it was ordered, by the emulator's clock."""

    def meets(self, now: float) -> bool:
        """Count a call of the method, and return whether it meets the fault."""
        if self.hit >= self.times or (self.seconds and now >= self.ordered + self.seconds):
            return False
        self.seen += 1
        self.hit += (is_met := int(self.seen * self.share) > int((self.seen - 1) * self.share))
        return is_met

    def error(self) -> ApiError:
        """Return the error of `code`, in the envelope of the service that the method belongs to."""
        envelope = StorageApiError if self.method.startswith("storage.") else ApiError
        return envelope(self.code, self.message, status=self.status)


class Faults:
    """The faults ordered since the emulator started, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ordered: list[Fault] = []
        self._lock = Lock()

    def add(self, order: dict[str, Any]) -> dict[str, Any]:
        """Order a fault.

        Args:
            order: The keys of `Fault`, its counts aside. With neither code, delay, reset nor body, the code is 503.

        Raises:
            ApiError: 400, a key is missing or unknown, or a number is none.
        """
        try:
            fault = Fault(**order)
            fault.times, fault.code, fault.delay_seconds = int(fault.times), int(fault.code), float(fault.delay_seconds)
            fault.share, fault.seconds = float(fault.share), float(fault.seconds)
        except (TypeError, ValueError) as error:
            raise invalid_argument(f"fault: {error}") from error
        fault.ordered = self._now()
        has_effect = fault.code or fault.delay_seconds or fault.reset or fault.body
        if not has_effect and fault.method != "tuningJobs.run":
            fault.code = 503
        with self._lock:
            self._ordered.append(fault)
        return asdict(fault)

    def take(self, method: str) -> Fault | None:
        """Return the fault that this call of `method` meets, counted as hit; None is the usual case."""
        if not self._ordered:
            return None
        with self._lock:
            now = self._now()
            return next((fault for fault in self._ordered if fault.method == method and fault.meets(now)), None)

    def list(self) -> list[dict[str, Any]]:
        """Return every fault with its count."""
        with self._lock:
            return [asdict(fault) for fault in self._ordered]

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def clear(self) -> None:
        """Forget all faults, hit or not."""
        with self._lock:
            self._ordered.clear()
