"""Events go on behind the last one that was seen, over broken connections."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

import pilothouse as ph
from pilothouse.events import resumed


@dataclass
class Event:
    cursor: str


def test_a_broken_connection_is_resumed_by_cursor() -> None:
    asked: list[str] = []

    async def subscribe(after: str) -> AsyncIterator[Event]:
        asked.append(after)
        yield Event(str(int(after) + 1))
        yield Event(str(int(after) + 2))
        if len(asked) == 1:
            raise ConnectionClosedError(None, None)
        if len(asked) == 2:
            raise ConnectionRefusedError

    async def first(count: int) -> list[str]:
        seen: list[str] = []
        async for event in resumed(subscribe, "0", 60):
            seen.append(event.cursor)
            if len(seen) == count:
                break
        return seen

    assert asyncio.run(first(8)) == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert asked == ["0", "2", "4", "6"]


@pytest.mark.parametrize(
    ("closed", "patience", "error"),
    [
        (ConnectionClosedError(Close(4403, "Forbidden"), None), 60, ph.UnauthenticatedError),
        (ConnectionClosedError(Close(1012, "restart"), None), 0, ph.UnavailableError),
        (ph.CursorExpiredError("too far back"), 60, ph.CursorExpiredError),
    ],
)
def test_what_cannot_be_resumed_is_raised(closed: Exception, patience: float, error: type[Exception]) -> None:
    async def subscribe(after: str) -> AsyncIterator[Event]:
        raise closed
        yield Event("never")

    async def follow() -> None:
        async for _ in resumed(subscribe, "0", patience):
            pass

    with pytest.raises(error):
        asyncio.run(follow())
