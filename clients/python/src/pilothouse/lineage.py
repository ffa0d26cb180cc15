"""Where a version comes from: what its author says, and what can be read from the process that makes it."""

import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit, urlunsplit

from .generated.input_types import DatasetInput, LineageInput, SourceInput
from .json_types import JsonObject

# Modules whose distribution has another name come with that name.
_LIBRARIES = {
    name: name for name in ("numpy", "pandas", "scipy", "onnx", "onnxruntime", "skl2onnx", "torch", "tensorflow", "keras")
}
_LIBRARIES |= {name: name for name in ("jax", "xgboost", "lightgbm", "catboost", "transformers")} | {"sklearn": "scikit-learn"}
_MAX_TEXT = 500
_GIT_SECONDS = 5


@dataclass(frozen=True)
class Dataset:
    """What a version was trained on."""

    name: str
    uri: Optional[str] = None
    digest: Optional[str] = None
    rows: Optional[int] = None


def lineage_of(
    dataset: Optional[Dataset], params: Optional[Mapping[str, Any]], metrics: Optional[Mapping[str, float]], automatic: bool
) -> LineageInput:
    """The lineage of a version that is made by this process."""
    source = source_of_process() if automatic else None
    known: dict[str, Any] = {
        "dataset": dataset and DatasetInput(**{name: value for name, value in vars(dataset).items() if value is not None}),
        "hyperparameters": None if params is None else json_object(params),
        "metrics": None if metrics is None else {name: float(value) for name, value in metrics.items()},
        "libraries": library_versions() if automatic else None,
        "source": source,
    }
    return LineageInput(**{name: value for name, value in known.items() if value is not None})


def library_versions() -> dict[str, str]:
    """Versions of Python and of the known libraries that this process has imported."""
    versions = {"python": platform.python_version()}
    for module, distribution in _LIBRARIES.items():
        if module in sys.modules:
            try:
                versions[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
    return versions


def source_of_process() -> Optional[SourceInput]:
    """The script or notebook of this process, with the remote and the commit of its git repository."""
    script = _script()
    folder = script.parent if script and script.parent.is_dir() else Path.cwd()
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return SourceInput(uri=script.name) if script else None
    if _git(folder, "status", "--porcelain", "--untracked-files=no"):
        commit += "-dirty"
    top = Path(_git(folder, "rev-parse", "--show-toplevel") or folder)
    remote = without_secret(_git(folder, "remote", "get-url", "origin") or top.name)
    path = ""
    if script:
        resolved = script.resolve()
        path = "#" + (resolved.relative_to(top).as_posix() if resolved.is_relative_to(top) else script.name)
    return SourceInput(uri=remote + path, revision=commit)


def without_secret(remote: str) -> str:
    """A remote's address without the user and password that it may hold."""
    parts = urlsplit(remote)
    if not parts.scheme or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _script() -> Optional[Path]:
    main = sys.modules.get("__main__")
    notebook = getattr(main, "__vsc_ipynb_file__", None) or os.environ.get("JPY_SESSION_NAME")
    file = notebook or getattr(main, "__file__", None)
    return Path(file) if isinstance(file, str) else None


def _git(folder: Path, *words: str) -> Optional[str]:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def json_object(values: Mapping[str, Any]) -> JsonObject:
    """Values as JSON: what JSON has no form for, such as an estimator, becomes its text."""
    return {str(name): _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return json_object(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json(each) for each in value]
    # numpy's scalars
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _json(value.item())
    text = repr(value)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
