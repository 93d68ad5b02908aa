import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gemtune.generation.pace import RESTART_LIMIT, Pace


class Room:
    """A pace on a clock of its own."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.pace = Pace(most, clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def round(self, answered: int, refused: int) -> float:
        """Let one round trip pass with these outcomes, and return the limit."""
        for _ in range(answered - 1):
            self.pace.answered(0.3)
        for _ in range(refused):
            self.pace.refused(0)
        self.now += 0.5
        self.pace.answered(0.3)
        return self.pace.limit


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_requests_start_up_to_the_limit_and_then_one_for_one() -> None:
    async def test() -> None:
        pace = Room(2).pace
        await pace.enter()
        await pace.enter()
        third = asyncio.create_task(pace.enter())
        await asyncio.sleep(0)
        assert not third.done()
        pace.leave()
        await asyncio.wait_for(third, 1)

    run(test)


def test_a_prompt_that_was_asked_before_goes_first() -> None:
    async def test() -> None:
        pace, order = Room(1).pace, []

        async def enter(name: str, *, first: bool) -> None:
            await pace.enter(first=first)
            order.append(name)
            pace.leave()

        await pace.enter()
        tasks = [asyncio.create_task(enter("new", first=False)), asyncio.create_task(enter("again", first=True))]
        await asyncio.sleep(0)
        pace.leave()
        await asyncio.gather(*tasks)
        assert order == ["again", "new"]

    run(test)


def test_the_limit_starts_at_its_most_and_falls_only_when_much_is_refused() -> None:
    async def test() -> None:
        room = Room(32)
        assert room.pace.limit == 32
        assert room.round(answered=90, refused=10) == 32
        assert room.round(answered=6, refused=4) == 32
        assert room.round(answered=40, refused=60) == 24
        assert room.round(answered=6, refused=4) == 24
        assert room.round(answered=90, refused=10) == 26.4

    run(test)


def test_a_single_request_is_always_allowed() -> None:
    async def test() -> None:
        room = Room(4)
        for _ in range(30):
            room.round(answered=1, refused=20)
        assert room.pace.limit == 1
        await asyncio.wait_for(room.pace.enter(), 1)

    run(test)


def test_nothing_is_decided_within_a_round_trip_or_on_few_outcomes() -> None:
    async def test() -> None:
        room = Room(32)
        for _ in range(50):
            room.pace.refused(0)
        assert room.pace.limit == 32, "no time has passed"
        room = Room(32)
        room.now += 9
        for _ in range(9):
            room.pace.refused(0)
        assert room.pace.limit == 32, "nine outcomes"

    run(test)


def test_a_long_delay_stops_every_request_and_a_slow_start_follows() -> None:
    async def test() -> None:
        room = Room(64)
        room.pace.refused(30)
        assert room.pace.limit == RESTART_LIMIT == 8
        await room.pace.enter()
        assert 30 <= sum(room.slept) <= 30.5
        assert [room.round(answered=20, refused=0) for _ in range(3)] == [16, 32, 64]

    run(test)


def test_a_short_delay_stops_nobody() -> None:
    async def test() -> None:
        room = Room(8)
        room.pace.refused(1)
        await room.pace.enter()
        assert (room.slept, room.pace.limit) == ([], 8)

    run(test)
