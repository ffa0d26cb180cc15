"""A server that goes away in the middle: the call goes on when it is back, and nothing is made twice."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from models import doubling

import pilothouse as ph


class Cutter:
    """A way to the server that breaks off once for each marked request: the server carries it out, its answer is lost."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), parts.port or 80)
        self.marks: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            lost = threading.Event()
            for source, sink, watched in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass, args=(source, sink, lost, watched), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, lost: threading.Event, watched: bool) -> None:
        seen = b""
        try:
            while chunk := source.recv(65536):
                if watched:
                    seen += chunk
                    for mark in [mark for mark in self.marks if mark in seen]:
                        self.marks.remove(mark)
                        lost.set()
                elif lost.is_set():
                    break
                sink.sendall(chunk)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def cutter(client: ph.Client) -> Iterator[Cutter]:
    with closing(Cutter(client.url)) as cutter:
        yield cutter


def test_push_and_deploy_make_nothing_twice(client: ph.Client, cutter: Cutter) -> None:
    with ph.Client(cutter.url, gateway_url=client.gateway_url, token=_token(client)) as cut:
        cut.event_cursor()
        cutter.marks += [b"mutation CreateModel", b"PUT /artifacts/", b"mutation CreateVersion"]
        version = cut.push("cut", doubling(7))
        assert cutter.marks == []
        assert [each.number for each in client.versions("cut")] == [version.number] == [1]
        cutter.marks += [b"mutation Deploy", b"GET /graphql"]
        deployment = cut.deploy("cut", version)
        assert cutter.marks == []
        assert (deployment.generation, client.deployment("cut").generation) == (1, 1)
        cutter.marks += [b"query ListDeployments"]
        assert "cut" in [each.name for each in cut.deployments()]


def test_what_has_no_key_is_not_repeated(client: ph.Client, cutter: Cutter) -> None:
    client.deploy("once", client.push("once", doubling()))
    with ph.Client(cutter.url, gateway_url=client.gateway_url, token=_token(client)) as cut:
        cut.event_cursor()
        cutter.marks += [b"mutation DeleteDeployment"]
        with pytest.raises(ph.UnavailableError):
            cut.delete("once")


def test_a_server_that_never_answered_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ph.Client(f"http://127.0.0.1:{port}", "token") as client, pytest.raises(ph.UnavailableError):
        client.deploy("nothing", "nothing:1")


def _token(client: ph.Client) -> str:
    return client._client._http.headers["authorization"].removeprefix("Bearer ")
