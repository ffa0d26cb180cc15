"""The synchronous client: the asynchronous one, run in a thread of its own."""

from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any, Literal, Optional, Union, overload

from typing_extensions import Unpack

from .async_client import AsyncClient
from .background import BackgroundLoop
from .changes import Change
from .deployments import DeployOptions, Targets
from .generated.fragments import Deployment, DeploymentEvent, Version
from .inputs import Inputs
from .lineage import Dataset
from .session import PATIENCE
from .tensors import Array


class Client:
    """A connection to a Pilothouse server. Every method raises a `PilothouseError` for what the server refuses."""

    def __init__(self, url: Optional[str] = None, token: Optional[str] = None, gateway_url: Optional[str] = None) -> None:
        self._client = AsyncClient(url, token, gateway_url)
        self._loop = BackgroundLoop()
        self.url = self._client.url
        self.gateway_url = self._client.gateway_url

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        self._loop.run(self._client.close())
        self._loop.close()

    def __repr__(self) -> str:
        return f"Client {self.url}"

    def push(
        self,
        name: str,
        model: Any,
        *,
        sample: Optional[Inputs] = None,
        metrics: Optional[Mapping[str, float]] = None,
        params: Optional[Mapping[str, Any]] = None,
        dataset: Optional[Dataset] = None,
        description: str = "",
        format: Optional[str] = None,
        options: Optional[Mapping[str, Any]] = None,
        signature: Optional[Mapping[str, Any]] = None,
        project: str = "default",
        auto_lineage: bool = True,
        wait: bool = True,
        progress: Optional[bool] = None,
    ) -> Version:
        """Registers a version of a model, and makes the model where there is none.

        `model` is a path, a folder, the bytes of an ONNX file, an ONNX ModelProto, or a scikit-learn estimator. Waits until the
        version is READY; with `wait=False` it may still be VALIDATING. `auto_lineage` fills in library versions, script, commit.
        `options` are options for the runtime that loads the files. `signature` is `{"inputs": [...], "outputs": [...]}`, each
        with name, datatype and shape, for files that do not say it themselves.
        """
        return self._loop.run(
            self._client.push(
                name,
                model,
                sample=sample,
                metrics=metrics,
                params=params,
                dataset=dataset,
                description=description,
                format=format,
                options=options,
                signature=signature,
                project=project,
                auto_lineage=auto_lineage,
                wait=wait,
                progress=progress,
            )
        )

    def wait_for_version(self, version: Version) -> Version:
        """Waits until a version is READY. Raises FailedPreconditionError with the runtime's message where it is REJECTED."""
        return self._loop.run(self._client.wait_for_version(version))

    def version(self, model: str, number: int, *, project: str = "default") -> Version:
        return self._loop.run(self._client.version(model, number, project=project))

    def versions(self, model: str, *, project: str = "default") -> list[Version]:
        """All versions of a model, newest first."""
        return self._loop.run(self._client.versions(model, project=project))

    def deployment(self, name: str, *, project: str = "default") -> Deployment:
        return self._loop.run(self._client.deployment(name, project=project))

    def deployments(self, *, project: Optional[str] = None) -> list[Deployment]:
        """All deployments, newest first."""
        return self._loop.run(self._client.deployments(project=project))

    @overload
    def deploy(
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
    def deploy(self, name: str, version: Targets = None, *, wait: Literal[False], **options: Unpack[DeployOptions]) -> Change: ...
    def deploy(
        self,
        name: str,
        version: Targets = None,
        *,
        wait: bool = True,
        timeout: Optional[float] = None,
        progress: Optional[bool] = None,
        **options: Unpack[DeployOptions],
    ) -> Union[Deployment, Change]:
        """Creates a deployment, or changes it, and waits with a progress line until it is READY.

        `version` is a Version, a number of the model with the deployment's name, `"model:3"`, `"model"` for its newest READY
        version, or a list of targets with weights. With `wait=False` it answers at once with a change, which has `wait`.
        """
        change = Change(self._loop.run(self._client.start_deploy(name, version, **options)), self._loop)
        return change.wait(timeout=timeout, progress=progress) if wait else change

    def scale(self, name: str, replicas: int, *, reason: str = "", project: str = "default") -> Deployment:
        """Changes the number of replicas of each target, and waits until they serve."""
        return self._loop.run(self._client.scale(name, replicas, reason=reason, project=project))

    def rollback(self, name: str, to_revision: Optional[int] = None, *, reason: str = "", project: str = "default") -> Deployment:
        """Goes back to the revision that served before, or to `to_revision`, and waits until it serves."""
        return self._loop.run(self._client.rollback(name, to_revision, reason=reason, project=project))

    def delete(self, name: str, *, reason: str = "", project: str = "default") -> Deployment:
        """Withdraws the route and waits until every replica has stopped."""
        return self._loop.run(self._client.delete(name, reason=reason, project=project))

    def event_cursor(self) -> str:
        """Cursor of the newest event. Read it before a change: following behind it then misses nothing of the change."""
        return self._loop.run(self._client.event_cursor())

    def follow(
        self, name: str, *, after: Optional[str] = None, project: str = "default", patience: float = PATIENCE
    ) -> Generator[DeploymentEvent, None, None]:
        """Every step of a deployment, live and in order, over any number of broken connections. Ends when it is DELETED.

        Each event has a `cursor`: with it as `after`, another call goes on behind that event. Without `after` it tells what
        happens from now on.
        """
        return self._loop.iterate(self._client.follow(name, after=after, project=project, patience=patience))

    @overload
    def infer(
        self, name: str, inputs: Inputs, *, outputs: str, batch_rows: Optional[int] = None, project: str = "default"
    ) -> Array: ...
    @overload
    def infer(
        self, name: str, inputs: Inputs, *, outputs: list[str], batch_rows: Optional[int] = None, project: str = "default"
    ) -> dict[str, Array]: ...
    @overload
    def infer(
        self, name: str, inputs: Inputs, *, outputs: None = None, batch_rows: Optional[int] = None, project: str = "default"
    ) -> Union[Array, dict[str, Array]]: ...
    def infer(
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
        if isinstance(outputs, str):
            return self._loop.run(self._client.infer(name, inputs, outputs=outputs, batch_rows=batch_rows, project=project))
        if outputs is not None:
            return self._loop.run(self._client.infer(name, inputs, outputs=outputs, batch_rows=batch_rows, project=project))
        return self._loop.run(self._client.infer(name, inputs, batch_rows=batch_rows, project=project))


def connect(url: Optional[str] = None, token: Optional[str] = None, gateway_url: Optional[str] = None) -> Client:
    """Connects to a server. What is left out is found as the command line finds it."""
    return Client(url, token, gateway_url)
