"""Deployments: deploy, change, follow."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Optional, Union
from uuid import uuid4

from typing_extensions import TypedDict, Unpack

from .changes import AsyncChange
from .errors import NotFoundError
from .events import resumed
from .generated.enums import BatchingMode, DeploymentPhase
from .generated.fragments import Deployment, DeploymentEvent
from .generated.get_deployment_by_id import GetDeploymentByIdNodeDeployment
from .generated.input_types import (
    DeleteDeploymentInput,
    DeployInput,
    DeploymentRefInput,
    RollbackInput,
    ScaleInput,
    TargetInput,
)
from .references import VersionRef, given, targets_of
from .session import PATIENCE, Session

# A version, or a list of targets with weights. None keeps the targets of the deployment.
Targets = Union[VersionRef, Sequence[TargetInput], None]


class DeployOptions(TypedDict, total=False):
    """What is wanted of a deployment. What is left out keeps its value, or takes its default at creation."""

    project: str
    replicas: int
    """Replicas of each target, 1 to 64."""
    threads: int
    """Threads of one replica."""
    max_concurrency: int
    """Inferences that one replica works on at a time."""
    max_queue: int
    """Requests that may wait in each gateway process."""
    timeout_ms: int
    """How long a request may take from its arrival."""
    batching: BatchingMode
    """Whether waiting requests are merged into one inference."""
    max_batch_size: int
    """Rows of one merged inference."""
    expected_generation: int
    """The generation that the caller read; 0 for "does not exist". Another one is a ConflictError."""
    reason: str
    """Why, for the revision."""


class Deployments(Session):
    """Methods about deployments."""

    async def deployment(self, name: str, *, project: str = "default") -> Deployment:
        found = (await self._api.get_deployment(name, project)).deployment
        if found is None:
            raise NotFoundError(f'there is no deployment "{name}" in the project "{project}"')
        return found

    async def deployments(self, *, project: Optional[str] = None) -> list[Deployment]:
        """All deployments, newest first."""
        found: list[Deployment] = []
        after: Optional[str] = None
        while True:
            page = (await self._api.list_deployments(100, project, after)).deployments
            found.extend(page.nodes)
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor

    async def by_id(self, id: str) -> Optional[Deployment]:
        """The deployment with this id. None where it is deleted."""
        node = (await self._api.get_deployment_by_id(id)).node
        return node if isinstance(node, GetDeploymentByIdNodeDeployment) else None

    async def start_deploy(
        self,
        name: str,
        version: Targets = None,
        **options: Unpack[DeployOptions],
    ) -> AsyncChange:
        """Creates a deployment, or changes it, and answers at once.

        `version` is a Version, a number of the model with the deployment's name, `"model:3"`, `"model"` for its newest READY
        version, or a list of targets with weights.
        """
        targets = targets_of(name, version)
        wanted = DeployInput.model_validate({"name": name, "idempotencyKey": str(uuid4()), **given(targets=targets, **options)})
        return AsyncChange.of((await self._api.deploy(wanted)).deploy, self)

    async def start_scale(self, name: str, replicas: int, *, reason: str = "", project: str = "default") -> AsyncChange:
        """Changes the number of replicas of each target, and answers at once."""
        wanted = ScaleInput(deployment=_ref(name, project), replicas=replicas, reason=reason)
        return AsyncChange.of((await self._api.scale(wanted)).scale, self)

    async def start_rollback(
        self, name: str, to_revision: Optional[int] = None, *, reason: str = "", project: str = "default"
    ) -> AsyncChange:
        """Goes back to the revision that served before, or to `to_revision`, and answers at once."""
        wanted = RollbackInput(deployment=_ref(name, project), reason=reason, **given(toRevision=to_revision))
        return AsyncChange.of((await self._api.rollback(wanted)).rollback, self)

    async def start_delete(self, name: str, *, reason: str = "", project: str = "default") -> AsyncChange:
        """Withdraws the route and stops every replica, and answers at once."""
        wanted = DeleteDeploymentInput(deployment=_ref(name, project), reason=reason)
        return AsyncChange.of((await self._api.delete_deployment(wanted)).delete_deployment, self)

    async def follow(
        self, name: str, *, after: Optional[str] = None, project: str = "default", patience: float = PATIENCE
    ) -> AsyncGenerator[DeploymentEvent, None]:
        """Every step of a deployment, live and in order, over any number of broken connections. Ends when it is DELETED.

        Each event has a `cursor`: with it as `after`, another call goes on behind that event. Without `after` it tells what
        happens from now on.
        """
        start = after if after is not None else await self.event_cursor()
        # By its id from here on: after a break, the name may belong to another deployment.
        found = (await self._api.get_deployment(name, project)).deployment
        if found is None and after is None:
            raise NotFoundError(f'there is no deployment "{name}" in the project "{project}"')
        ref = _ref(name, project) if found is None else DeploymentRefInput(id=found.id)
        async for event in self._events(ref, start, patience):
            yield event

    def follow_id(self, id: str, after: str) -> AsyncGenerator[DeploymentEvent, None]:
        """Every step of the deployment with this id behind a cursor."""
        return self._events(DeploymentRefInput(id=id), after, PATIENCE)

    async def _events(self, ref: DeploymentRefInput, after: str, patience: float) -> AsyncGenerator[DeploymentEvent, None]:
        async def subscribe(cursor: str) -> AsyncIterator[DeploymentEvent]:
            async for each in self._api.deployment_events(ref, cursor):
                yield each.deployment_events

        async for event in resumed(subscribe, after, patience):
            yield event
            if event.phase is DeploymentPhase.DELETED:
                return


def _ref(name: str, project: str) -> DeploymentRefInput:
    return DeploymentRefInput(name=name, project=project)
