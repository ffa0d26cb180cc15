"""Inference through the gateway: numpy arrays in and out, in binary, split where a request would be too large."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Optional
from urllib.parse import quote

import httpx
import numpy as np

from .errors import InvalidError, LimitExceededError
from .http_errors import from_response, unreachable_as_error
from .inputs import Inputs, InputSpec, to_tensors
from .tensors import Array, decode_response, encode_request, to_bytes

# The gateway takes 64 MiB of tensors and 2^20 texts a request. Half of it leaves room for other callers.
MAX_REQUEST_BYTES = 32 * 1024 * 1024
MAX_TEXTS = 2**20


class Gateway:
    """Sends inferences. Remembers what each endpoint takes."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url
        self._specs: dict[str, list[InputSpec]] = {}

    async def infer(
        self,
        endpoint: str,
        value: Inputs,
        outputs: Optional[Sequence[str]],
        batch_rows: Optional[int],
        why_not_split: Callable[[], Awaitable[Optional[str]]],
    ) -> dict[str, Array]:
        """The outputs by name. `why_not_split` says why the rows must stay together, where they must."""
        remembered = endpoint in self._specs
        try:
            tensors = to_tensors(value, await self._inputs_of(endpoint))
            return await self._in_batches(endpoint, tensors, outputs, batch_rows, why_not_split)
        except InvalidError:
            # Another version may serve by now, with other inputs.
            before = self._specs.pop(endpoint, None)
            if not remembered or before == await self._inputs_of(endpoint):
                raise
        tensors = to_tensors(value, self._specs[endpoint])
        return await self._in_batches(endpoint, tensors, outputs, batch_rows, why_not_split)

    async def _inputs_of(self, endpoint: str) -> list[InputSpec]:
        if endpoint not in self._specs:
            with unreachable_as_error(f"GET {self._url}"):
                response = await self._http.get(self._path(endpoint))
            if not response.is_success:
                raise from_response(response, f'model "{endpoint}"')
            self._specs[endpoint] = [
                InputSpec(
                    each["name"], each["datatype"], each["shape"], bool((each.get("parameters") or {}).get("optional", False))
                )
                for each in response.json()["inputs"]
            ]
        return self._specs[endpoint]

    async def _in_batches(
        self,
        endpoint: str,
        tensors: Mapping[str, Array],
        outputs: Optional[Sequence[str]],
        batch_rows: Optional[int],
        why_not_split: Callable[[], Awaitable[Optional[str]]],
    ) -> dict[str, Array]:
        rows, most = _rows(tensors), rows_per_request(tensors)
        step = min(batch_rows or most, most)
        if rows is None or rows <= step:
            return await self._send(endpoint, tensors, outputs)
        reason = await why_not_split()
        if reason is not None:
            raise LimitExceededError(f"the {rows} rows do not fit into one request of {step}, and must not be split: {reason}")
        parts = [part async for part in self._parts(endpoint, tensors, outputs, rows, step)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    async def _parts(
        self, endpoint: str, tensors: Mapping[str, Array], outputs: Optional[Sequence[str]], rows: int, step: int
    ) -> AsyncIterator[dict[str, Array]]:
        for start in range(0, rows, step):
            yield await self._send(endpoint, {name: array[start : start + step] for name, array in tensors.items()}, outputs)

    async def _send(self, endpoint: str, tensors: Mapping[str, Array], outputs: Optional[Sequence[str]]) -> dict[str, Array]:
        body, headers = encode_request(tensors, outputs)
        with unreachable_as_error(f"POST {self._url}"):
            response = await self._http.post(f"{self._path(endpoint)}/infer", content=body, headers=headers)
        if not response.is_success:
            raise from_response(response, f'infer "{endpoint}"')
        return decode_response(response.content, response.headers.get("inference-header-content-length"))

    def _path(self, endpoint: str) -> str:
        return f"{self._url}/v2/models/{quote(endpoint, safe='')}"


def _rows(tensors: Mapping[str, Array]) -> Optional[int]:
    """The rows that all tensors share; None where they share none."""
    counts = {array.shape[0] if array.ndim > 0 else None for array in tensors.values()}
    return counts.pop() if len(counts) == 1 else None


def rows_per_request(tensors: Mapping[str, Array]) -> int:
    """How many rows fit into one request."""
    sizes, texts = 0.0, 1
    for name, array in tensors.items():
        rows = max(array.shape[0] if array.ndim > 0 else 1, 1)
        if array.dtype == object:
            texts = max(texts, array.size // rows)
            sizes += len(to_bytes(name, array)) / rows
        else:
            sizes += array.nbytes / rows
    return max(1, min(int(MAX_REQUEST_BYTES / max(sizes, 1)), MAX_TEXTS // texts))
