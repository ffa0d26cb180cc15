"""The generated GraphQL client with Pilothouse's errors and with errors inside subscriptions."""

import json
from typing import Any, Optional, cast

import httpx
from websockets import ClientConnection
from websockets.typing import Data

from . import errors
from .generated.async_base_client import GraphQLTransportWSMessageType as MessageType
from .generated.async_base_client import Response
from .generated.client import GraphQLClient
from .http_errors import from_response, unreachable_as_error
from .retries import persist

# Statuses of a server that is starting or stopping.
_AWAY = (502, 503)


class Transport(GraphQLClient):
    """Sends the operations of `operations/`, again while the server is away where a repetition does nothing twice."""

    # Whether the server has ever answered.
    reached = False

    def get_data(self, response: Response) -> dict[str, Any]:
        answer = cast(httpx.Response, response)
        if not answer.is_success:
            raise from_response(answer, "POST /graphql")
        body = answer.json()
        if body.get("errors"):
            raise errors.from_graphql(body["errors"], answer.status_code)
        return cast(dict[str, Any], body["data"])

    async def _execute_json(
        self, query: str, operation_name: Optional[str], variables: dict[str, Any], **kwargs: Any
    ) -> Response:
        send = super()._execute_json

        async def once() -> Response:
            with unreachable_as_error(f"POST {self.url}"):
                response = await send(query, operation_name, variables, **kwargs)
            if cast(httpx.Response, response).status_code in _AWAY:
                raise from_response(cast(httpx.Response, response), "POST /graphql")
            self.reached = True
            return response

        return await persist(once, lambda: self.reached) if _repeatable(query, variables) else await once()

    async def _handle_ws_message(
        self, message: Data, websocket: ClientConnection, expected_type: Optional[MessageType] = None
    ) -> Optional[dict[str, Any]]:
        # The generated client reads only the data of a message: an error beside it would be lost.
        frame = json.loads(message)
        payload = frame.get("payload")
        if frame.get("type") == MessageType.ERROR:
            raise errors.from_graphql(payload)
        if frame.get("type") == MessageType.NEXT and payload.get("errors"):
            raise errors.from_graphql(payload["errors"])
        return await super()._handle_ws_message(message, websocket, expected_type)


def _repeatable(query: str, variables: dict[str, Any]) -> bool:
    """Whether it changes nothing, or has a key by which the server knows a repetition."""
    given = variables.get("input")
    return query.lstrip().startswith("query") or (isinstance(given, dict) and given.get("idempotencyKey") is not None)
