"""`python start.py SPEC`: hosts the model that the file describes, as runtimes/host/main.ts does for JavaScript.

It listens before it loads, and is READY when the model has answered its sample. It ends with 0 when it has drained, with 1 when the model could not
be loaded, and by a SIGKILL of its own when the model broke later; the reason is then in outcome.json beside the spec.
`--idle` loads the usual libraries, prints the memory that this takes, and ends. `--check` prints what this interpreter has, and ends.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from . import sandbox
from .check import check

FAILED_LINGER_SECONDS = 0.25
HOST_FOLDER = str(Path(__file__).parent.parent)
"""What a requirements.txt names for a format; NumPy comes with each of them."""
_PACKAGES = {
    "sklearn-skops": "scikit-learn and skops",
    "sklearn-joblib": "scikit-learn",
    "sklearn-pickle": "scikit-learn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
}


def log(line: str) -> None:
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(f"{moment} {line}", file=sys.stderr, flush=True)


def main(path: str) -> int:
    spec: dict[str, Any] = json.loads(Path(path).read_text())
    # What lies outside the sandbox is opened before. An empty file is no outcome yet.
    outcome = open(Path(path).with_name("outcome.json"), "w")
    listener = sandbox.bind(spec["socketPath"])
    scratch = spec.get("scratch") or tempfile.mkdtemp()
    lacks = sandbox.enter([spec["folder"], HOST_FOLDER], scratch)
    log(f"sandbox: {'; '.join(lacks) or 'no file but its own, no program, no network'}")
    try:
        import numpy  # noqa: F401 - every model needs it, and the reason is then plain
    except ImportError as error:
        needed = _PACKAGES.get(spec["format"], "numpy")
        reason = f"{sys.executable} has no NumPy ({error}); add a requirements.txt with {needed} beside the model, in the version that you use"
        return leave(outcome, f"{reason}, or set PILOTHOUSE_PYTHON to an interpreter that has it")
    from .server import Server

    server = Server(spec, log)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: server.drain())
    server.serve(listener)
    log(f"replica {spec['replicaId']} of {spec['versionDigest']} listens, loading {spec['format']} with {spec['runtime']}")
    failure: list[str] = []
    threading.Thread(target=lambda: load_into(server, spec, failure), name="load", daemon=True).start()
    # Python handles signals in the main thread, between two waits.
    while not server.ended.wait(0.2):
        if failure:
            server.failed(failure[0])
            return leave(outcome, failure[0])
    if server.broken is not None:
        leave(outcome, server.broken, linger=0)
        os.kill(os.getpid(), signal.SIGKILL)
    log("drained")
    return 0


def load_into(server: Any, spec: dict[str, Any], failure: list[str]) -> None:
    from .formats import load
    from .model import LoadError
    from .server import message_of

    started = time.perf_counter()
    try:
        model, sample = load(spec, log)
        took = (time.perf_counter() - started) * 1000
        server.ready(model, sample, took)
        log(f"ready: {model.library}, loaded in {took:.0f} ms")
    except LoadError as error:
        failure.append(str(error))
    except BaseException as error:  # noqa: BLE001 - a model's own code may raise anything, also SystemExit
        traceback.print_exc()
        failure.append(f"{type(error).__name__}: {message_of(error)}")


def leave(outcome: TextIO, reason: str, linger: float = FAILED_LINGER_SECONDS) -> int:
    print(reason, file=sys.stderr, flush=True)
    try:
        json.dump({"reason": reason}, outcome)
        outcome.flush()
    except OSError as error:
        print(f"outcome.json: {error}", file=sys.stderr)
    # A client that has just connected is still told the reason.
    time.sleep(linger)
    return 1


def idle() -> int:
    sandbox.enter([HOST_FOLDER], None)
    for name in ("numpy", "scipy.sparse", "sklearn.pipeline", "sklearn.ensemble", "pandas"):
        try:
            __import__(name)
        except ImportError:
            pass
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    data, resident = (int(status[name].split()[0]) * 1024 for name in ("VmData", "VmRSS"))
    print(f"idle {data} {resident}", flush=True)
    return 0


def run() -> None:
    code = {"--idle": idle, "--check": check}.get(sys.argv[1], lambda: main(sys.argv[1]))()
    # A library may leave threads that never end.
    os._exit(code)
