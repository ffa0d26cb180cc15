"""Failures of one HTTP exchange, as errors of the package."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import httpx

from . import errors

_BY_STATUS: dict[int, type[errors.PilothouseError]] = {
    401: errors.UnauthenticatedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    408: errors.DeadlineExceededError,
    409: errors.ConflictError,
    413: errors.LimitExceededError,
    429: errors.UnavailableError,
    502: errors.UnavailableError,
    503: errors.UnavailableError,
    504: errors.DeadlineExceededError,
}


@contextmanager
def unreachable_as_error(what: str) -> Iterator[None]:
    """Turns what httpx raises where no answer comes into an UnavailableError or a DeadlineExceededError."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise errors.DeadlineExceededError(f"{what}: no answer came in time") from error
    except httpx.HTTPError as error:
        raise errors.UnavailableError(f"{what}: {error or type(error).__name__}") from error


def from_response(response: httpx.Response, what: str) -> errors.PilothouseError:
    """An answer that is not a success: the message of its `{"error": …}` body, or its text, or its status."""
    body = _read(response)
    listed = body.get("errors")
    if isinstance(listed, list) and listed:
        return errors.from_graphql(listed, response.status_code)
    nested = body.get("error")
    error: dict[str, Any] = nested if isinstance(nested, dict) else {**body, "message": nested or body.get("message")}
    message = error.get("message") or response.text[:500] or f"status {response.status_code}"
    fallback = errors.InternalError if response.status_code >= 500 else errors.InvalidError
    kind = errors.class_of(error.get("code")) or _BY_STATUS.get(response.status_code, fallback)
    return kind(
        f"{what}: {message}",
        status=response.status_code,
        retry_after=_seconds(response.headers.get("retry-after")),
        error_id=error.get("id") if isinstance(error.get("id"), str) else None,
    )


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
