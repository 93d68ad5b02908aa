"""The emulator's clock: real time plus an offset that tests move, so that no test waits for a real one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time that timestamps, deadlines, schedules and progress by seconds are counted in.

    Args:
        offset: How far it is ahead of real time.
        keep: Told the offset whenever it changes, so that an emulator started again goes on from there.
    """

    def __init__(self, offset: timedelta = timedelta(), keep: Callable[[timedelta], None] | None = None) -> None:
        self._offset = offset
        self._keep = keep
        self.on_the_way: list[Callable[[datetime], None]] = []
        """Called with the time that the clock is about to be set to; may move it to what falls due before."""

    def now(self) -> datetime:
        """Return the emulator's time, in UTC."""
        return datetime.now(UTC) + self._offset

    def timestamp(self) -> str:
        """Return now as the service writes it: always six digits of a second, and Z."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`, past everything that falls due meanwhile."""
        self.set(self.now() + timedelta(seconds=seconds))

    def set(self, now: datetime) -> None:
        """Make it `now`; a time without zone is UTC. The clock keeps running from there."""
        aware = now if now.tzinfo else now.replace(tzinfo=UTC)
        for pass_through in self.on_the_way:
            pass_through(aware)
        self.move(aware)

    def move(self, now: datetime) -> None:
        """Make it `now`, whatever falls due."""
        self._offset = now - datetime.now(UTC)
        if self._keep:
            self._keep(self._offset)
