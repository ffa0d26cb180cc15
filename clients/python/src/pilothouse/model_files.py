"""What a caller gives as a model, as the files of a version and a sample request."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .artifacts import Content, files_below
from .errors import InvalidError
from .inputs import Inputs, is_table
from .sklearn_models import convert, is_estimator
from .tensors import Array, to_json

_SAMPLE_ROWS = 16


@dataclass(frozen=True)
class ModelFiles:
    """The files of a version by their paths, and the sample of the version."""

    files: Mapping[str, Content]
    sample: Optional[list[dict[str, Any]]]


def read_model(model: Any, sample: Optional[Inputs]) -> ModelFiles:
    """Takes a path, a folder, bytes of an ONNX file, an ONNX ModelProto or a scikit-learn estimator."""
    if isinstance(model, (str, os.PathLike)):
        files = files_below(Path(model))
        onnx = [content for path, content in files.items() if path.endswith(".onnx")]
        return ModelFiles(files, _sample(sample, onnx[0] if len(onnx) == 1 else None))
    if isinstance(model, (bytes, bytearray, memoryview)):
        return _onnx(bytes(model), sample)
    if hasattr(model, "SerializeToString") and hasattr(model, "graph"):
        return _onnx(model.SerializeToString(), sample)
    if is_estimator(model):
        converted = convert(model, sample)
        return ModelFiles({"model.onnx": converted.onnx}, _json(converted.sample))
    raise InvalidError(
        f"{type(model).__name__} is not a model that can be sent; "
        "give a path, a folder, the bytes of an ONNX file, an ONNX ModelProto or a scikit-learn estimator"
    )


def _onnx(content: bytes, sample: Optional[Inputs]) -> ModelFiles:
    return ModelFiles({"model.onnx": content}, _sample(sample, content))


def _sample(sample: Any, onnx: Optional[Content]) -> Optional[list[dict[str, Any]]]:
    if sample is None:
        return None
    if isinstance(sample, Mapping):
        return _json({str(name): np.asarray(array) for name, array in sample.items()})
    if is_table(sample) and onnx is None:
        # What loads the files is not known here. A table says its columns, and a pipeline takes them by name.
        return _json({str(name): np.asarray(sample[name].to_numpy()).reshape(-1, 1) for name in sample.columns})
    inputs = _inputs_of(onnx)
    if is_table(sample) and len(inputs) > 1:
        return _json({name: np.asarray(sample[name].to_numpy()).reshape(-1, 1).astype(dtype) for name, dtype in inputs.items()})
    if len(inputs) != 1:
        raise InvalidError(
            "the name of the sample's input is not known; give a dict of arrays by name"
            if not inputs
            else f"one array was given as sample, and the model takes {', '.join(inputs)}; give a dict of arrays by name"
        )
    name, dtype = next(iter(inputs.items()))
    return _json({name: np.asarray(sample.to_numpy() if is_table(sample) else sample).astype(dtype)})


def _inputs_of(content: Optional[Content]) -> dict[str, np.dtype[Any]]:
    """Names and dtypes of the inputs of an ONNX file; empty where they cannot be read here."""
    if content is None:
        return {}
    try:
        import onnx
    except ImportError:
        return {}
    proto = onnx.load_model_from_string(content) if isinstance(content, bytes) else onnx.load(content, load_external_data=False)
    weights = {initializer.name for initializer in proto.graph.initializer}
    return {
        each.name: np.dtype(onnx.helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type))
        for each in proto.graph.input
        if each.name not in weights
    }


def _json(arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
    return [to_json(name, array[:_SAMPLE_ROWS] if array.ndim > 0 else array) for name, array in arrays.items()]
