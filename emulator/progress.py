"""How soon a job ends: by default after one get-call, so that every poller really polls."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What must have passed, besides the job's real work, before a job shows its end state."""

    reads: int = 1
    """Get-calls that still see the job at work."""

    seconds: float = 0.0
    """Seconds of the emulator's clock since the job started."""

    def has_passed(self, reads: int, started: datetime, now: datetime) -> bool:
        """Return whether a job that was read `reads` times, this read not included, may show its end."""
        return reads >= self.reads and now >= started + timedelta(seconds=self.seconds)
