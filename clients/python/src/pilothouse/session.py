"""What all methods of the client share: the connection, its GraphQL operations and its gateway."""

from typing import Any, Optional, cast
from urllib.parse import urlsplit

import httpx

from .connection import find_connection
from .inference import Gateway
from .retries import PATIENCE as PATIENCE
from .transport import Transport

_TIMEOUT = httpx.Timeout(120.0, connect=10.0)


class Session:
    """A connection to a server."""

    def __init__(self, url: Optional[str] = None, token: Optional[str] = None, gateway_url: Optional[str] = None) -> None:
        found = find_connection(url, token, gateway_url)
        self.url = found.url
        self.gateway_url = found.gateway_url
        authorization = {"authorization": f"Bearer {found.token}"}
        # Proxies of the environment are for the outside: a server on this machine is reached directly.
        local = urlsplit(found.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.AsyncClient(headers=authorization, timeout=_TIMEOUT, trust_env=not local)
        websocket = f"ws{found.url.removeprefix('http')}/graphql"
        self._api = Transport(
            f"{found.url}/graphql", http_client=cast(Any, self._http), ws_url=websocket, ws_connection_init_payload=authorization
        )
        self._gateway = Gateway(self._http, found.gateway_url)

    async def event_cursor(self) -> str:
        """Cursor of the newest event. Read it before a change: following behind it then misses nothing of the change."""
        return (await self._api.get_event_cursor()).event_cursor

    async def close(self) -> None:
        await self._http.aclose()
