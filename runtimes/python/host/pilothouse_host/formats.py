"""From the spec of a replica to its model: which file of this package loads which format."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .model import Artifact, LoadError, Model
from .tensors import Arrays, TensorError, check_inputs, from_sample, request_of

_MODULES = {
    "sklearn-skops": "sklearn_models",
    "sklearn-joblib": "sklearn_models",
    "sklearn-pickle": "sklearn_models",
    "xgboost": "boosters",
    "lightgbm": "boosters",
    "python": "custom",
}


def load(spec: dict[str, Any], log: Callable[[str], None]) -> tuple[Model, Arrays]:
    """The model, and the request that it has answered. It is empty where there is no sample and no recorded signature."""
    sample = None if spec["sample"] is None else from_sample(spec["sample"])
    declared = spec.get("declaredSignature")
    artifact = Artifact(Path(spec["folder"]), spec["files"], spec.get("options") or {}, spec["threads"], declared, sample)
    name = _MODULES.get(spec["format"])
    if name is None:
        raise LoadError(f"the format {spec['format']} is none of this runtime's")
    model: Model = importlib.import_module(f".{name}", __package__).load(artifact, spec["format"])
    recorded = spec.get("signature")
    request = sample if sample is not None else request_of(recorded) if recorded else {}
    if request:
        try:
            check_inputs(model.signature, request)
        except TensorError as error:
            raise LoadError(f"the sample does not fit the model: {error}") from error
        log("answering the sample")
        model.infer(request, [output["name"] for output in model.signature["outputs"]])
    return model, request
