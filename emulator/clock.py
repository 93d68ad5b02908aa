"""The emulator's clock: real time plus an offset that tests move, so that no test waits for a real one."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time that timestamps, deadlines and progress by seconds are counted in."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the emulator's time, in UTC."""
        return datetime.now(UTC) + self._offset

    def timestamp(self) -> str:
        """Return now as the service writes it: always six digits of a second, and Z."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`."""
        self._offset += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        """Make it `now`; a time without zone is UTC. The clock keeps running from there."""
        aware = now if now.tzinfo else now.replace(tzinfo=UTC)
        self._offset = aware - datetime.now(UTC)
