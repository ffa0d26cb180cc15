"""Events over any number of broken connections: after a break they go on behind the last one that was seen."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol, TypeVar

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from .errors import InvalidError, UnauthenticatedError, UnavailableError
from .generated.exceptions import GraphQLClientError

# Closing codes of graphql-transport-ws that another attempt would meet again.
_REFUSED = {4400: InvalidError, 4401: UnauthenticatedError, 4403: UnauthenticatedError, 4406: InvalidError}
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class Event(Protocol):
    cursor: str


E = TypeVar("E", bound=Event)


async def resumed(subscribe: Callable[[str], AsyncIterator[E]], after: str, patience: float) -> AsyncGenerator[E, None]:
    """The events behind a cursor. Gives up when the connection is away for `patience` seconds at a time."""
    pause, away_since = _FIRST_PAUSE, None
    while True:
        try:
            async for event in subscribe(after):
                after, pause, away_since = event.cursor, _FIRST_PAUSE, None
                yield event
            # A feed has no end: a server that ends it is stopping.
            reason: object = "the server ended the subscription"
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else None
            if code in _REFUSED:
                raise _REFUSED[code](
                    error.rcvd.reason if error.rcvd and error.rcvd.reason else f"closed with code {code}"
                ) from error
            reason = error
        except (OSError, InvalidHandshake, TimeoutError, GraphQLClientError) as error:
            reason = error
        away_since = away_since or time.monotonic()
        if time.monotonic() - away_since > patience:
            raise UnavailableError(f"the connection of the subscription is away for {patience:g} s: {reason}")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
