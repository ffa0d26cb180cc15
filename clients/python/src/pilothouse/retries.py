"""Work that is tried again while the server is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import UnavailableError

T = TypeVar("T")
# How long a server that has answered before may be away at a time, in seconds.
PATIENCE = 60.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


async def persist(work: Callable[[], Awaitable[T]], reached: Callable[[], bool]) -> T:
    """Tries again after each UnavailableError, for `PATIENCE` seconds. The work must be repeatable.

    A server that has never answered is not waited for: its address may be wrong.
    """
    pause, away_since = _FIRST_PAUSE, time.monotonic()
    while True:
        try:
            return await work()
        except UnavailableError:
            if not reached() or time.monotonic() - away_since > PATIENCE:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
