"""Frames on a replica's socket, as runtimes/open-inference/frame.ts has them.

A frame is, little-endian: uint32 length of all that follows, uint32 id, uint8 kind, uint32 length of the JSON, the JSON, then the
tensors' bytes up to the frame's end.
"""

import json
import socket
import struct
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

HELLO, INFER, CANCEL, DRAIN = 1, 2, 3, 4
HELLO_ANSWER, INFER_ANSWER, FAILURE, GOODBYE = 101, 102, 103, 104

MAX_ANSWER_BYTES = 512 * 1024 * 1024
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<IBI")
_WHOLE_HEAD = struct.Struct("<IIBI")
_JOINED_BYTES = 64 * 1024


class FrameError(Exception):
    """Bytes that are no frame: the peer is none of ours, and the connection is closed."""


class Frame(NamedTuple):
    id: int
    kind: int
    json: memoryview
    binary: memoryview


class Connection:
    """One peer. Any thread may write; one thread reads."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._writing = threading.Lock()
        self.open = True

    def read(self) -> Optional[Frame]:
        """The next frame; None when the peer has closed. The tensors' bytes are a view of the frame's own memory."""
        length = self._exactly(4)
        if length is None:
            return None
        (size,) = _LENGTH.unpack(length)
        if size < _HEAD.size:
            raise FrameError(f"a frame of {size} bytes")
        body = self._exactly(size)
        if body is None:
            return None
        id, kind, json_size = _HEAD.unpack_from(body)
        if _HEAD.size + json_size > size:
            raise FrameError(f"a frame's JSON of {json_size} bytes does not fit into its {size}")
        view = memoryview(body)
        end = _HEAD.size + json_size
        return Frame(id, kind, view[_HEAD.size : end], view[end:])

    def write(self, id: int, kind: int, value: Any = None, binary: Sequence[Any] = ()) -> None:
        """Does nothing where the peer has gone."""
        text = b"" if value is None else json.dumps(value, separators=(",", ":")).encode()
        size = sum(len(part) for part in binary)
        if size:
            # The tensors begin on a boundary of 8 bytes in the reader's buffer, so that it need not copy them.
            text += b" " * (-(_HEAD.size + len(text)) % 8)
        head = _WHOLE_HEAD.pack(_HEAD.size + len(text) + size, id, kind, len(text)) + text
        with self._writing:
            if not self.open:
                return
            try:
                if size <= _JOINED_BYTES:
                    self._peer.sendall(b"".join([head, *binary]))
                else:
                    self._peer.sendall(head)
                    for part in binary:
                        self._peer.sendall(part)
            except OSError:
                self.open = False

    def finish(self) -> None:
        """Nothing more is written; the peer closes when it has read all."""
        with self._writing:
            self.open = False
            try:
                self._peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self) -> None:
        self.open = False
        self._peer.close()

    def _exactly(self, size: int) -> Optional[bytearray]:
        data = bytearray(size)
        view, at = memoryview(data), 0
        while at < size:
            try:
                count = self._peer.recv_into(view[at:])
            except OSError:
                return None
            if count == 0:
                return None
            at += count
        return data


def frame_bytes(value: Any, binary: Sequence[Any]) -> int:
    return 20 + len(json.dumps(value)) + sum(len(part) for part in binary)
