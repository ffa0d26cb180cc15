"""The errors of the package: one class for each code of the schema's `ErrorCode`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Optional


@dataclass(frozen=True)
class UserError:
    """One thing about the input of a mutation that the caller can act on."""

    code: str
    message: str
    field: tuple[str, ...]


class PilothouseError(Exception):
    """Raised for everything that Pilothouse refuses. `hint` says what would be right."""

    code: ClassVar[str] = "INTERNAL"
    hint: ClassVar[str] = "This is a fault of the server or of this package: its log says more."

    def __init__(
        self,
        message: str,
        *,
        user_errors: Sequence[UserError] = (),
        status: Optional[int] = None,
        retry_after: Optional[float] = None,
        error_id: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.user_errors = tuple(user_errors)
        self.status = status
        """HTTP status of the answer, where there was one."""
        self.retry_after = retry_after
        """Seconds after which another attempt makes sense, where the answer said so."""
        self.error_id = error_id
        """Id under which the server's log says more."""

    def __str__(self) -> str:
        logged = f" (error {self.error_id} in the server's log)" if self.error_id else ""
        return f"{self.message}{logged}\n{self.hint}"


class InternalError(PilothouseError):
    """The server or this package failed."""


class AlreadyExistsError(PilothouseError):
    """The name is taken."""

    code = "ALREADY_EXISTS"
    hint = "Choose another name, or use the object that has it."


class ConflictError(PilothouseError):
    """The object changed since it was read, or a later change took the place of this one."""

    code = "CONFLICT"
    hint = "Read the object again and repeat the change if it is still wanted."


class CursorExpiredError(PilothouseError):
    """The feed no longer holds events that far back."""

    code = "CURSOR_EXPIRED"
    hint = "Read the deployment again, then follow it without `after`."


class DeadlineExceededError(PilothouseError):
    """The time passed before there was an answer."""

    code = "DEADLINE_EXCEEDED"
    hint = "Allow more time, or send less at once."


class FailedPreconditionError(PilothouseError):
    """The object is not in a state that allows this: a rejected version, a failed rollout."""

    code = "FAILED_PRECONDITION"
    hint = "Remove the cause that the message names, then try again."


class ForbiddenError(PilothouseError):
    """The token does not allow this."""

    code = "FORBIDDEN"
    hint = "Use a token that allows it."


class InvalidError(PilothouseError):
    """The input is malformed or contradicts itself."""

    code = "INVALID"
    hint = "Correct the input and call again."


class LimitExceededError(PilothouseError):
    """A limit on size, depth, cost or number was passed."""

    code = "LIMIT_EXCEEDED"
    hint = "Send less in one call."


class NotFoundError(PilothouseError):
    """What the call names does not exist, or the token may not see it."""

    code = "NOT_FOUND"
    hint = "Check the name and the project; `client.deployments()` and `client.versions(model)` list what there is."


class UnauthenticatedError(PilothouseError):
    """No valid token came with the request."""

    code = "UNAUTHENTICATED"
    hint = "Give `token=`, set PILOTHOUSE_TOKEN, or run `pilothouse login`."


class UnavailableError(PilothouseError):
    """The server, or something that it needs, cannot be reached now."""

    code = "UNAVAILABLE"
    hint = "Check that the server runs at this address, then call again."


class UnconfirmedError(PilothouseError):
    """The change was made, or may have been made."""

    code = "UNCONFIRMED"
    hint = "Read the object before you repeat the change."


BY_CODE: Mapping[str, type[PilothouseError]] = {
    each.code: each
    for each in (
        AlreadyExistsError,
        ConflictError,
        CursorExpiredError,
        DeadlineExceededError,
        FailedPreconditionError,
        ForbiddenError,
        InternalError,
        InvalidError,
        LimitExceededError,
        NotFoundError,
        UnauthenticatedError,
        UnavailableError,
        UnconfirmedError,
    )
}

# What GraphQL and HTTP say of a request that cannot be carried out as it was sent.
_MALFORMED = {
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "OPERATION_RESOLUTION_FAILURE",
}


def class_of(code: Optional[str]) -> Optional[type[PilothouseError]]:
    """The class of a code as it stands in an answer. None for an unknown code."""
    return InvalidError if code in _MALFORMED else BY_CODE.get(code or "")


def from_graphql(errors: Sequence[Mapping[str, Any]], status: Optional[int] = None) -> PilothouseError:
    """The errors of a GraphQL answer. The first one decides the class."""
    extensions = errors[0].get("extensions") or {}
    message = "; ".join(str(error.get("message")) for error in errors)
    return (class_of(extensions.get("code")) or InternalError)(message, status=status, error_id=extensions.get("id"))


def from_user_errors(refusals: Sequence[UserError]) -> PilothouseError:
    """The `userErrors` of a mutation. The first one decides the class."""
    message = "; ".join(f"{'.'.join(each.field)}: {each.message}" if each.field else each.message for each in refusals)
    return (class_of(refusals[0].code) or InternalError)(message, user_errors=refusals)
