"""The asynchronous client."""

from types import TracebackType
from typing import Literal, Optional, Union, overload

from typing_extensions import Unpack

from .changes import AsyncChange
from .deployments import Deployments, DeployOptions, Targets
from .generated.enums import RowIndependenceVerdict
from .generated.fragments import Deployment
from .inputs import Inputs
from .registry import Registry
from .tensors import Array

# Rows may be split over requests unless validation found that they belong together.
_TOGETHER = (RowIndependenceVerdict.DEPENDENT, RowIndependenceVerdict.FIXED)


class AsyncClient(Registry, Deployments):
    """A connection to a Pilothouse server. Every method raises a `PilothouseError` for what the server refuses."""

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    @overload
    async def deploy(
        self,
        name: str,
        version: Targets = None,
        *,
        wait: Literal[True] = True,
        timeout: Optional[float] = None,
        progress: Optional[bool] = None,
        **options: Unpack[DeployOptions],
    ) -> Deployment: ...
    @overload
    async def deploy(
        self, name: str, version: Targets = None, *, wait: Literal[False], **options: Unpack[DeployOptions]
    ) -> AsyncChange: ...
    async def deploy(
        self,
        name: str,
        version: Targets = None,
        *,
        wait: bool = True,
        timeout: Optional[float] = None,
        progress: Optional[bool] = None,
        **options: Unpack[DeployOptions],
    ) -> Union[Deployment, AsyncChange]:
        """Creates a deployment, or changes it, and waits until it is READY.

        `version` is a Version, a number of the model with the deployment's name, `"model:3"`, `"model"` for its newest READY
        version, or a list of targets with weights. With `wait=False` it answers at once with a change, which has `wait`.
        """
        change = await self.start_deploy(name, version, **options)
        return await change.wait(timeout=timeout, progress=progress) if wait else change

    async def scale(self, name: str, replicas: int, *, reason: str = "", project: str = "default") -> Deployment:
        """Changes the number of replicas of each target, and waits until they serve."""
        return await (await self.start_scale(name, replicas, reason=reason, project=project)).wait()

    async def rollback(
        self, name: str, to_revision: Optional[int] = None, *, reason: str = "", project: str = "default"
    ) -> Deployment:
        """Goes back to the revision that served before, or to `to_revision`, and waits until it serves."""
        return await (await self.start_rollback(name, to_revision, reason=reason, project=project)).wait()

    async def delete(self, name: str, *, reason: str = "", project: str = "default") -> Deployment:
        """Withdraws the route and waits until every replica has stopped."""
        return await (await self.start_delete(name, reason=reason, project=project)).wait()

    @overload
    async def infer(
        self, name: str, inputs: Inputs, *, outputs: str, batch_rows: Optional[int] = None, project: str = "default"
    ) -> Array: ...
    @overload
    async def infer(
        self, name: str, inputs: Inputs, *, outputs: list[str], batch_rows: Optional[int] = None, project: str = "default"
    ) -> dict[str, Array]: ...
    @overload
    async def infer(
        self, name: str, inputs: Inputs, *, outputs: None = None, batch_rows: Optional[int] = None, project: str = "default"
    ) -> Union[Array, dict[str, Array]]: ...
    async def infer(
        self,
        name: str,
        inputs: Inputs,
        *,
        outputs: Union[str, list[str], None] = None,
        batch_rows: Optional[int] = None,
        project: str = "default",
    ) -> Union[Array, dict[str, Array]]:
        """An inference through the gateway.

        `inputs` is an array for a model with one input, a dict of arrays by name, or a DataFrame. The answer is an array for the
        name of one output or a model that has one, else a dict by name. What is too large for one request is sent in several, of
        at most `batch_rows` rows where that is given.
        """
        endpoint = name if project == "default" else f"{project}.{name}"
        wanted = [outputs] if isinstance(outputs, str) else outputs

        async def why_not_split() -> Optional[str]:
            deployment = await self.deployment(name, project=project)
            found = [target.version.row_independence for target in deployment.targets if target.version.row_independence]
            return next((each.reason for each in found if each.verdict in _TOGETHER), None)

        answer = await self._gateway.infer(endpoint, inputs, wanted, batch_rows, why_not_split)
        if isinstance(outputs, str):
            return answer[outputs]
        return next(iter(answer.values())) if outputs is None and len(answer) == 1 else answer
