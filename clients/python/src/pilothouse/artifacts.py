"""Files on their way to the server: hashed, sent only where they are not there yet, streamed."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Union

import httpx

from .errors import InvalidError
from .http_errors import from_response, unreachable_as_error

# Bytes, or the path of a local file.
Content = Union[bytes, Path]
_CHUNK = 1 << 18


def files_below(path: Path) -> dict[str, Content]:
    """The files of a folder, or the one file, by their paths in the version."""
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise InvalidError(f'there is no file or folder "{path}"')
    files: dict[str, Content] = {each.relative_to(path).as_posix(): each for each in sorted(path.rglob("*")) if each.is_file()}
    if not files:
        raise InvalidError(f'the folder "{path}" is empty; a version needs at least one file')
    return files


def size_of(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else os.path.getsize(content)


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from (content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK))
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _digest(content: Content) -> str:
    sha256 = hashlib.sha256()
    for chunk in _chunks(content):
        sha256.update(chunk)
    return sha256.hexdigest()


async def _sent(content: Content, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    chunks = _chunks(content)
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
        sent(len(chunk))


async def upload(http: httpx.AsyncClient, url: str, content: Content, sent: Callable[[int], None]) -> str:
    """Stores a file under its SHA-256 and gives that. `sent` is called with the number of bytes of each part."""
    digest = await asyncio.to_thread(_digest, content)
    address = f"{url}/artifacts/{digest}"
    with unreachable_as_error(f"PUT {address}"):
        head = await http.head(address)
        if head.status_code == 200:
            sent(size_of(content))
            return digest
        if head.status_code != 404:
            raise from_response(head, f"artifact {digest}")
        headers = {"content-type": "application/octet-stream", "content-length": str(size_of(content))}
        response = await http.put(address, content=_sent(content, sent), headers=headers, timeout=None)
    if not response.is_success:
        raise from_response(response, f"upload of {content if isinstance(content, Path) else f'{len(content)} bytes'}")
    return digest
