"""Versions: push, wait, list."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Optional
from uuid import uuid4

from pydantic import ValidationError

from .artifacts import Content, size_of, upload
from .changes import accepted, made, refusals
from .errors import AlreadyExistsError, FailedPreconditionError, InvalidError, NotFoundError
from .events import resumed
from .generated.enums import VersionState
from .generated.fragments import Version
from .generated.input_types import CreateModelInput, CreateVersionInput, SampleTensorInput, SignatureInput, VersionFileInput
from .generated.version_events import VersionEventsVersionEvents
from .inputs import Inputs
from .lineage import Dataset, lineage_of
from .model_files import read_model
from .progress import ProgressLine
from .references import given
from .retries import persist
from .session import PATIENCE, Session


class Registry(Session):
    """Methods about models and their versions."""

    async def push(
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
        declared = None if signature is None else _signature(signature)
        read = await asyncio.to_thread(read_model, model, sample)
        lineage = await asyncio.to_thread(lineage_of, dataset, params, metrics, auto_lineage)
        # Before the files: a wrong token or address is told before a large one is sent.
        await self._make_model(name, project)
        with ProgressLine(progress) as line:
            files = []
            for path, content in read.files.items():
                files.append(VersionFileInput(path=path, digest=await self._upload(line, path, content)))
            tensors = None if read.sample is None else [SampleTensorInput(**tensor) for tensor in read.sample]
            optional = given(sample=tensors, format=format, runtime_options=options, signature=declared)
            new = CreateVersionInput(
                model=name,
                project=project,
                files=files,
                lineage=lineage,
                description=description,
                idempotencyKey=str(uuid4()),
                **optional,
            )
            created = (await self._api.create_version(new)).create_version
            version = made(created.version, refusals(created.user_errors))
            return await self.wait_for_version(version, line=line) if wait else version

    async def _upload(self, line: ProgressLine, path: str, content: Content) -> str:
        # A file that was cut off is sent again as a whole; one that is there already is not sent.
        async def once() -> str:
            return await upload(self._http, self.url, content, _report(line, path, size_of(content)))

        return await persist(once, lambda: self._api.reached)

    async def _make_model(self, name: str, project: str) -> None:
        if (await self._api.get_model(name, project)).model is not None:
            return
        new = CreateModelInput(name=name, project=project, idempotencyKey=str(uuid4()))
        created = (await self._api.create_model(new)).create_model
        try:
            accepted(refusals(created.user_errors))
        except AlreadyExistsError:
            return

    async def wait_for_version(self, version: Version, *, line: Optional[ProgressLine] = None) -> Version:
        """Waits until a version is READY. Raises FailedPreconditionError with the runtime's message where it is REJECTED."""
        # The cursor first: the events then tell what happens between the two requests.
        after = await self.event_cursor()
        model, project = version.model.name, version.model.project.name
        now = await self.version(model, version.number, project=project)
        if now.state is VersionState.VALIDATING:

            async def subscribe(cursor: str) -> AsyncIterator[VersionEventsVersionEvents]:
                async for each in self._api.version_events(version.id, cursor):
                    yield each.version_events

            events = resumed(subscribe, after, PATIENCE)
            try:
                async for event in events:
                    if line:
                        line.show(f"{model}:{version.number}  {event.message}")
                    if event.type_ in ("VERSION_READY", "VERSION_REJECTED"):
                        break
            finally:
                await events.aclose()
            now = await self.version(model, version.number, project=project)
        if now.state is not VersionState.READY:
            log = f"\n{now.log_tail}" if now.log_tail else ""
            raise FailedPreconditionError(
                f"version {model}:{now.number} was {now.state.value}: {now.reason or 'no reason was given'}{log}"
            )
        return now

    async def version(self, model: str, number: int, *, project: str = "default") -> Version:
        found = (await self._api.get_version(model, number, project)).version
        if found is None:
            raise NotFoundError(f'there is no version {number} of the model "{model}" in the project "{project}"')
        return found

    async def versions(self, model: str, *, project: str = "default") -> list[Version]:
        """All versions of a model, newest first."""
        found: list[Version] = []
        after: Optional[str] = None
        while True:
            page = (await self._api.list_versions(model, project, 100, after)).versions
            found.extend(page.nodes)
            if not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor


def _signature(value: Mapping[str, Any]) -> SignatureInput:
    try:
        return SignatureInput.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidError(
            f"signature.{place}: {first['msg']}; give {{'inputs': [{{'name', 'datatype', 'shape'}}], 'outputs': [...]}}"
        ) from error


def _report(line: ProgressLine, path: str, size: int) -> Callable[[int], None]:
    total = 0

    def sent(count: int) -> None:
        nonlocal total
        total += count
        line.show(f"uploading {path}  {total / 2**20:.1f} of {size / 2**20:.1f} MiB")

    return sent
