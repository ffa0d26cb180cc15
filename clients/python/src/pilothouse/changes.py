"""A change of a deployment that is under way, and when it is carried out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, TypeVar

from .background import BackgroundLoop
from .errors import (
    ConflictError,
    CursorExpiredError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    UserError,
    from_user_errors,
)
from .generated.enums import DeploymentPhase
from .generated.fragments import Change as ChangePayload
from .generated.fragments import Deployment, Refusal, Rollout
from .printed import html_of
from .progress import ProgressLine

if TYPE_CHECKING:
    from .deployments import Deployments

T = TypeVar("T")


def refusals(user_errors: Sequence[Refusal]) -> list[UserError]:
    return [UserError(each.code.value, each.message, tuple(each.field)) for each in user_errors]


def accepted(refused: Sequence[UserError]) -> None:
    """Raises what a mutation refused."""
    if refused:
        raise from_user_errors(refused)


def made(value: Optional[T], refused: Sequence[UserError]) -> T:
    """What a mutation made."""
    accepted(refused)
    if value is None:
        raise InternalError("the mutation answered with neither a result nor userErrors")
    return value


def is_carried_out(phase: DeploymentPhase, generation: int, message: str, change: Deployment) -> bool:
    """Whether a change is carried out, by an event or by the present state. Raises where it failed or was replaced."""
    if phase is DeploymentPhase.DELETED:
        return True
    if generation < change.generation:
        return False
    if generation > change.generation:
        raise ConflictError(f"generation {generation} took the place of generation {change.generation}")
    if phase is DeploymentPhase.FAILED:
        raise FailedPreconditionError(f'the rollout of "{change.name}" failed: {message}')
    return phase is DeploymentPhase.READY and change.phase is not DeploymentPhase.DELETING


@dataclass(frozen=True, repr=False)
class AsyncChange:
    """What a change of a deployment answers at once. `wait` waits until it is carried out."""

    deployment: Deployment
    rollout: Optional[Rollout]
    events_after: str
    client: "Deployments"

    @staticmethod
    def of(payload: ChangePayload, client: "Deployments") -> "AsyncChange":
        deployment = made(payload.deployment, refusals(payload.user_errors))
        return AsyncChange(deployment, payload.rollout, made(payload.events_after, []), client)

    async def wait(self, *, timeout: Optional[float] = None, progress: Optional[bool] = None) -> Deployment:
        """Waits until the deployment is READY, or DELETED after `delete`.

        Raises FailedPreconditionError where the rollout fails, ConflictError where a later change replaced it, and
        DeadlineExceededError after `timeout` seconds.
        """
        with ProgressLine(progress) as line:
            try:
                return await asyncio.wait_for(self._carried_out(line), timeout)
            except asyncio.TimeoutError as error:
                raise DeadlineExceededError(f'deployment "{self.deployment.name}" was not READY within {timeout:g} s') from error

    async def _carried_out(self, line: ProgressLine) -> Deployment:
        change, after = self.deployment, self.events_after
        while True:
            events = self.client.follow_id(change.id, after)
            try:
                async for event in events:
                    line.show(f"{change.name}  {event.phase.value}  {event.message}")
                    if is_carried_out(event.phase, event.generation, event.message, change):
                        return await self.client.by_id(change.id) or change.model_copy(update={"phase": event.phase})
            except CursorExpiredError:
                # Its steps are forgotten; what became of it is not. The cursor first, so that nothing falls between.
                after = await self.client.event_cursor()
                now = await self.client.by_id(change.id)
                if now is None:
                    return change.model_copy(update={"phase": DeploymentPhase.DELETED})
                reason = "; ".join(each.message for each in now.conditions if each.message)
                if is_carried_out(now.phase, now.generation, reason, change):
                    return now
            finally:
                await events.aclose()

    def __repr__(self) -> str:
        return repr(self.deployment)

    def _repr_html_(self) -> str:
        return html_of(self.deployment)


@dataclass(frozen=True, repr=False)
class Change:
    """The same for the synchronous client."""

    pending: AsyncChange
    loop: BackgroundLoop

    @property
    def deployment(self) -> Deployment:
        return self.pending.deployment

    @property
    def rollout(self) -> Optional[Rollout]:
        return self.pending.rollout

    @property
    def events_after(self) -> str:
        """Cursor from before the change: `follow(after=)` then misses none of its steps."""
        return self.pending.events_after

    def wait(self, *, timeout: Optional[float] = None, progress: Optional[bool] = None) -> Deployment:
        """Waits as `AsyncChange.wait` does."""
        return self.loop.run(self.pending.wait(timeout=timeout, progress=progress))

    def __repr__(self) -> str:
        return repr(self.pending)

    def _repr_html_(self) -> str:
        return self.pending._repr_html_()
