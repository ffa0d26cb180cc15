"""A model.py of the author's own: a class `Model` with `load(folder, options)` and `predict(inputs)`."""

import importlib.util
import sys
from typing import Any

import numpy as np

from .model import Artifact, LoadError, Model
from .tensors import Arrays, datatype_of


def load(artifact: Artifact, _format: str) -> Model:
    if artifact.options.get("allowCode") is not True:
        raise LoadError('model.py is code that runs with every request; register the version with the option "allowCode" if you trust it')
    if artifact.declared is None:
        raise LoadError("a model.py does not say what it takes and gives; declare the signature of the version")
    path = artifact.folder / "model.py"
    sys.path.insert(0, str(artifact.folder))
    spec = importlib.util.spec_from_file_location("model", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["model"] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "Model"):
        raise LoadError("model.py has no class Model")
    model: Any = module.Model()
    if hasattr(model, "load"):
        model.load(str(artifact.folder), artifact.options.get("model", {}))
    outputs = artifact.declared["outputs"]

    def infer(inputs: Arrays, wanted: list[str]) -> Arrays:
        answer = model.predict(inputs)
        return {name: _checked(name, answer, outputs) for name in wanted}

    return Model(artifact.declared, f"Python {sys.version.split()[0]}", infer)


def _checked(name: str, answer: Any, outputs: list[dict[str, Any]]) -> np.ndarray:
    if not isinstance(answer, dict) or name not in answer:
        raise TypeError(f'predict must return a dict with "{name}"')
    array = np.asarray(answer[name])
    declared = next(spec["datatype"] for spec in outputs if spec["name"] == name)
    if datatype_of(array) != declared:
        raise TypeError(f'output "{name}" came as {datatype_of(array)}, and the signature says {declared}')
    return array
