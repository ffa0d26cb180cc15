"""The replica's end of its socket: says who it is, answers inferences, drains. The Python counterpart of runtimes/host/replica-server.ts."""

import json
import os
import resource
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from . import frames
from .frames import Connection, Frame
from .model import Model
from .tensors import Arrays, TensorError, check_inputs, check_outputs, encode, read_request

GOODBYE_SECONDS = 1.0
LAST_WORD_SECONDS = 0.1


@dataclass(eq=False)
class Job:
    peer: Connection
    id: int
    request: Optional[str]
    inputs: Arrays
    wanted: list[str]
    input_ns: int
    started: bool = False
    cancelled: bool = False


class Server:
    """One model's requests, first come, first served, `maxConcurrency` of them at a time, each in a thread of the workers'."""

    def __init__(self, spec: dict[str, Any], log: Callable[[str], None]) -> None:
        self._spec = spec
        self._log = log
        self._state: dict[str, Any] = {"state": "LOADING"}
        self._highest_epoch: int = spec["epoch"]
        self._model: Optional[Model] = None
        self._sample: Arrays = {}
        self._load_ms = 0.0
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: set[Job] = set()
        self._peers: dict[Connection, dict[int, Job]] = {}
        """Set when the replica is to end: to the reason where its runtime broke, to None where it has drained or was told to."""
        self.broken: Optional[str] = None
        self.ended = threading.Event()

    def serve(self, listener: socket.socket) -> None:
        self._start(lambda: self._accept(listener), "accept")

    def ready(self, model: Model, sample: Arrays, load_ms: float) -> None:
        """`sample` is asked again after a failure, to find out whose fault it was; empty where there is none yet."""
        self._model, self._sample, self._load_ms = model, sample, load_ms
        for i in range(self._spec["maxConcurrency"]):
            self._start(self._work, f"worker-{i}")
        with self._changed:
            if self._state["state"] == "LOADING":
                self._state = {"state": "READY"}

    def failed(self, reason: str) -> None:
        with self._changed:
            self._state = {"state": "FAILED", "reason": reason}

    def drain(self) -> None:
        """Takes nothing new, and ends when nothing is under way. Safe in a signal's handler: another thread does it."""
        self._start(self._drain, "drain")

    def _drain(self) -> None:
        with self._changed:
            if self._state["state"] in ("DRAINING", "FAILED"):
                return
            self._state = {"state": "DRAINING"}
            self._changed.wait_for(lambda: not self._waiting and not self._running)
            peers = list(self._peers)
        self._farewell(peers, GOODBYE_SECONDS, lambda peer: True)
        self.ended.set()

    def _break(self, reason: str, culprit: Optional[Job]) -> None:
        with self._changed:
            if self._state["state"] == "FAILED":
                return
            self._state = {"state": "FAILED", "reason": reason}
            unbegun = list(self._waiting)
            self._waiting.clear()
            beside = {job.peer for job in self._running if job is not culprit}
            peers = list(self._peers)
        if culprit:
            _fail(culprit, "FATAL", reason, True)
        for job in unbegun:
            _fail(job, "NOT_READY", f"the replica is FAILED: {reason}", False)
        self._farewell(peers, LAST_WORD_SECONDS, lambda peer: peer not in beside)
        self.broken = reason
        self.ended.set()

    def _farewell(self, peers: list[Connection], seconds: float, nothing_under_way: Callable[[Connection], bool]) -> None:
        for peer in peers:
            if nothing_under_way(peer):
                peer.write(0, frames.GOODBYE)
            peer.finish()
        with self._changed:
            self._changed.wait_for(lambda: not any(peer in self._peers for peer in peers), seconds)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            peer, _ = listener.accept()
            connection = Connection(peer)
            with self._changed:
                self._peers[connection] = {}
            self._start(lambda one=connection: self._read(one), "peer")

    def _read(self, peer: Connection) -> None:
        try:
            while (frame := peer.read()) is not None:
                self._receive(peer, frame)
        except Exception as error:  # noqa: BLE001 - whatever it is, this peer lost the thread
            self._log(f"a connection was closed: {error}")
        with self._changed:
            for job in self._peers.pop(peer).values():
                self._drop(job)
            self._changed.notify_all()
        peer.close()

    def _receive(self, peer: Connection, frame: Frame) -> None:
        if frame.kind == frames.INFER:
            self._infer(peer, frame)
        elif frame.kind == frames.HELLO:
            peer.write(frame.id, frames.HELLO_ANSWER, self._hello())
        elif frame.kind == frames.DRAIN:
            self._asked_to_drain(peer, frame)
        elif frame.kind == frames.CANCEL:
            with self._changed:
                job = self._peers[peer].pop(frame.id, None)
                if job:
                    self._drop(job)
        else:
            raise frames.FrameError(f"a frame of the unknown kind {frame.kind}")

    def _asked_to_drain(self, peer: Connection, frame: Frame) -> None:
        try:
            epoch = json.loads(bytes(frame.json))["epoch"]
        except (ValueError, KeyError, TypeError):
            return _fail_frame(peer, frame.id, "INVALID", 'a drain needs {"epoch": number}', False)
        if epoch < self._highest_epoch:
            message = f"epoch {epoch} is over: this replica has heard of epoch {self._highest_epoch}"
            return _fail_frame(peer, frame.id, "INVALID", message, False)
        self._highest_epoch = epoch
        hello = self._hello()
        peer.write(frame.id, frames.HELLO_ANSWER, hello if hello["state"] == "FAILED" else {**hello, "state": "DRAINING"})
        self.drain()

    def _infer(self, peer: Connection, frame: Frame) -> None:
        model, state = self._model, self._state["state"]
        if state != "READY" or model is None:
            code = "DRAINING" if state == "DRAINING" else "NOT_READY"
            return _fail_frame(peer, frame.id, code, f"the replica is {state}", False)
        began = time.perf_counter_ns()
        try:
            id, inputs, wanted = read_request(frame.json, frame.binary)
            check_inputs(model.signature, inputs)
            check_outputs(model.signature, wanted or [])
        except (TensorError, KeyError, TypeError, ValueError) as error:
            return _fail_frame(peer, frame.id, "INVALID", str(error), False)
        names = wanted or [spec["name"] for spec in model.signature["outputs"]]
        job = Job(peer, frame.id, id, inputs, names, time.perf_counter_ns() - began)
        with self._changed:
            if self._state["state"] == "READY":
                self._peers[peer][frame.id] = job
                self._waiting.append(job)
                self._changed.notify_all()
                return
        _fail_frame(peer, frame.id, "NOT_READY", f"the replica is {self._state['state']}", False)

    def _drop(self, job: Job) -> None:
        job.cancelled = True
        if job in self._waiting:
            self._waiting.remove(job)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                job = self._waiting.popleft()
                job.started = True
                self._running.add(job)
            try:
                self._answer(job)
            finally:
                with self._changed:
                    self._running.discard(job)
                    self._peers.get(job.peer, {}).pop(job.id, None)
                    self._changed.notify_all()

    def _answer(self, job: Job) -> None:
        assert self._model
        started = time.perf_counter_ns()
        try:
            outputs = self._model.infer(job.inputs, job.wanted)
            computed = time.perf_counter_ns()
            headers, binary = encode(outputs)
        except TensorError as error:
            return None if job.cancelled else _fail(job, "INVALID", str(error), False)
        except BaseException as error:  # noqa: BLE001 - whatever a model raises: SystemExit would end this thread alone
            return self._judge(job, error)
        if job.cancelled:
            return None
        times = {"input_ns": job.input_ns, "compute_ns": computed - started, "output_ns": time.perf_counter_ns() - computed}
        answer = {**({} if job.request is None else {"id": job.request}), "parameters": times, "outputs": headers}
        size = frames.frame_bytes(answer, binary)
        if size > frames.MAX_ANSWER_BYTES:
            limit = f"an answer may have {frames.MAX_ANSWER_BYTES}: ask for fewer rows or fewer outputs"
            return _fail(job, "INVALID", f"the outputs take {size} bytes; {limit}", True)
        job.peer.write(job.id, frames.INFER_ANSWER, answer, binary)

    def _judge(self, job: Job, error: BaseException) -> None:
        """The request's fault, where the model still answers its sample."""
        assert self._model
        self._log("".join(traceback.format_exception(error)).rstrip())
        if self._sample:
            try:
                self._model.infer(self._sample, job.wanted)
            except BaseException as other:  # noqa: BLE001
                reason = f"the runtime failed ({message_of(error)}) and does not answer its sample any more: {message_of(other)}"
                return self._break(reason, job)
        if not job.cancelled:
            _fail(job, "INVALID", f"the model cannot compute this request: {message_of(error)}", True)

    def _hello(self) -> dict[str, Any]:
        with self._changed:
            state, in_flight = self._state, len(self._waiting) + len(self._running)
        model = self._model
        known = {"backend": "python", "library": model.library, "signature": model.signature, "loadMs": self._load_ms} if model else {}
        return {
            **{name: self._spec[name] for name in ("replicaId", "versionDigest", "runtime")},
            **{"pid": os.getpid(), "memoryBytes": resident_bytes(), "inFlight": in_flight},
            **state,
            **known,
        }

    def _start(self, run: Callable[[], None], name: str) -> None:
        threading.Thread(target=run, name=name, daemon=True).start()


def message_of(error: BaseException) -> str:
    return str(error) or type(error).__name__


def resident_bytes() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        # Other systems tell the most that it ever was.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _fail(job: Job, code: str, message: str, executed: bool) -> None:
    _fail_frame(job.peer, job.id, code, message, executed)


def _fail_frame(peer: Connection, id: int, code: str, message: str, executed: bool) -> None:
    peer.write(id, frames.FAILURE, {"code": code, "message": message, "executed": executed})
