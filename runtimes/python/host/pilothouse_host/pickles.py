"""Pickles and joblib files, looked through before anything in them is loaded."""

import pickle
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from .allowed_globals import home_of, is_allowed
from .model import LoadError

FindClass = Callable[[str, str], Any]
_MAX_NAMED = 20


def load_checked(path: Path, joblib: bool, also_allowed: Collection[str]) -> tuple[Any, dict[str, str]]:
    """The object, and versions of libraries that are written in the file.

    `also_allowed` has names such as `package.module.name` that were allowed when the version was registered.
    """
    read = _read_joblib if joblib else _read_pickle
    named: set[tuple[str, str]] = set()
    versions: dict[str, str] = {}

    def stand_in(module: str, name: str) -> Any:
        named.add((module, name))
        # Joblib's reader has to know where an array ends.
        if (module, name) in _ARRAY_PARTS:
            return _resolve(module, name)
        return type(name, (_StandIn,), {"versions": versions})

    try:
        read(path, stand_in)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"{path.name} is no {'joblib file' if joblib else 'pickle'} that can be read: {error}") from error
    refused = sorted({f"{module}.{name}" for module, name in named if not is_allowed(module, name)} - set(also_allowed))
    if refused:
        more = f" and {len(refused) - _MAX_NAMED} more" if len(refused) > _MAX_NAMED else ""
        raise LoadError(
            f"{path.name} reaches for {', '.join(refused[:_MAX_NAMED])}{more}, which could run any code when it is loaded; save the model as .skops, "
            'or allow exactly these names with the option "allowGlobals", if you trust where the file comes from'
        )

    def checked(module: str, name: str) -> Any:
        if (module, name) not in named:
            raise LoadError(f"{path.name} reaches for {module}.{name}, which it did not do when it was looked through")
        # Again: a name that was in no module then may be in one now, because loading has imported more.
        if f"{module}.{name}" not in also_allowed and not is_allowed(module, name):
            raise LoadError(f"{path.name} reaches for {module}.{name}, which is no class that a model is made of")
        return _resolve(module, name)

    return read(path, checked), versions


class _StandIn:
    """Takes the place of everything that a pickle names. Nothing that the pickle does with it has an effect."""

    versions: dict[str, str]

    def __new__(cls, *_: Any, **__: Any) -> "_StandIn":
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> "_StandIn":
        return self

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict) and isinstance(state.get("_sklearn_version"), str):
            self.versions["scikit-learn"] = state["_sklearn_version"]

    def _ignore(self, *_: Any) -> None:
        pass

    __setitem__ = append = extend = add = update = _ignore


_ARRAY_PARTS = {("joblib.numpy_pickle", "NumpyArrayWrapper"), ("numpy", "ndarray"), ("numpy", "dtype")}


def _resolve(module: str, name: str) -> Any:
    """As the pickle module itself resolves names, old names of Python 2 left aside."""
    module = home_of(module)
    __import__(module)
    found = __import__("sys").modules[module]
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _read_pickle(path: Path, find_class: FindClass) -> Any:
    with path.open("rb") as file:
        return _unpickle(file, find_class)


def _unpickle(file: Any, find_class: FindClass) -> Any:
    class Checked(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return find_class(module, name)

    return Checked(file).load()


def _read_joblib(path: Path, find_class: FindClass) -> Any:
    from joblib import numpy_pickle

    class Array(numpy_pickle.NumpyArrayWrapper):  # type: ignore[misc]
        def read_array(self, unpickler: Any, *args: Any, **kwargs: Any) -> Any:
            # Joblib reads arrays of objects with an unpickler that looks up everything.
            if self.dtype.hasobject:
                array = _unpickle(unpickler.file_handle, find_class)
                return array.reshape(self.shape) if hasattr(array, "reshape") else array
            return super().read_array(unpickler, *args, **kwargs)

        def read_mmap(self, *_: Any, **__: Any) -> Any:
            raise LoadError("an array that is mapped into memory is not loaded")

    class Checked(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            found = find_class(module, name)
            return Array if found is numpy_pickle.NumpyArrayWrapper else found

    def refuse(*_: Any, **__: Any) -> Any:
        raise LoadError(f"{path.name} was written by joblib before 0.10; write it again with a newer one")

    usual = numpy_pickle.NumpyUnpickler, numpy_pickle.load_compatibility
    numpy_pickle.NumpyUnpickler, numpy_pickle.load_compatibility = Checked, refuse
    try:
        return numpy_pickle.load(str(path))
    finally:
        numpy_pickle.NumpyUnpickler, numpy_pickle.load_compatibility = usual
