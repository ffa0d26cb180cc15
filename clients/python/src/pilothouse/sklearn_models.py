"""Scikit-learn estimators as ONNX, checked against the estimator itself before anything is sent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import FailedPreconditionError, InvalidError
from .inputs import is_table
from .tensors import Array

# The outputs agree within this, relative for large values.
TOLERANCE = 1e-5


def is_estimator(model: object) -> bool:
    """Whether it is a scikit-learn estimator, pipelines included."""
    return (
        hasattr(model, "get_params") and hasattr(model, "fit") and any(hasattr(model, name) for name in ("predict", "transform"))
    )


@dataclass(frozen=True)
class Converted:
    """An estimator as an ONNX file, with its sample as that file takes it."""

    onnx: bytes
    sample: Mapping[str, Array]


def convert(estimator: Any, sample: Any) -> Converted:
    """Converts an estimator. The sample's outputs from the estimator and from ONNX Runtime must agree."""
    try:
        import onnxruntime
        from skl2onnx import convert_sklearn
    except ImportError as error:
        raise FailedPreconditionError(
            f"a scikit-learn model is sent as ONNX, and {error.name} is not installed; "
            "run pip install 'pilothouse[sklearn]', or push a model file"
        ) from error
    if sample is None:
        raise InvalidError("a scikit-learn model needs a sample to find its inputs; give sample=X[:5]")
    problems: list[str] = []
    for types, tensors in _candidates(sample):
        try:
            options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
            proto = convert_sklearn(estimator, initial_types=types, options=options)
        # The converter raises errors of many kinds for what it does not support.
        except Exception as error:
            problems.append(f"skl2onnx: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}")
            continue
        content = proto.SerializeToString()
        try:
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            outputs = dict(zip(names, session.run(None, dict(tensors)), strict=True))
        except Exception as error:
            problems.append(f"onnxruntime: {str(error).strip().splitlines()[0]}")
            continue
        difference = _difference(estimator, sample, outputs)
        if difference is None:
            return Converted(content, tensors)
        problems.append(difference)
    raise FailedPreconditionError(
        f"{type(estimator).__name__} cannot be sent as ONNX: {'; '.join(dict.fromkeys(problems))}. Nothing was sent"
    )


def _candidates(sample: Any) -> Iterator[tuple[list[tuple[str, Any]], dict[str, Array]]]:
    """Input types to try: floats first, then the sample's own integers, then doubles, which fewer operators take."""
    from skl2onnx.common import data_types

    kinds = {
        "float32": data_types.FloatTensorType,
        "float64": data_types.DoubleTensorType,
        "int64": data_types.Int64TensorType,
        "bool": data_types.BooleanTensorType,
        "object": data_types.StringTensorType,
    }
    columns = (
        {str(name): np.asarray(sample[name].to_numpy()).reshape(-1, 1) for name in sample.columns}
        if is_table(sample)
        else {"X": np.asarray(sample)}
    )
    for floating, integers in (("float32", "float32"), ("float32", "int64"), ("float64", "float64")):
        tensors = {name: _as(array, floating, integers) for name, array in columns.items()}
        types = [(name, kinds[array.dtype.name]([None, *array.shape[1:]])) for name, array in tensors.items()]
        yield types, tensors


def _as(array: Array, floating: str, integers: str) -> Array:
    if array.dtype == object:
        # A column of mixed values: numpy finds the dtype of its elements.
        array = np.array(array.tolist())
    if array.dtype.kind == "f":
        return array.astype(floating)
    if array.dtype.kind in "iu":
        return array.astype(integers)
    if array.dtype.kind == "b":
        return array.astype(floating if integers == floating else "bool")
    return array.astype(str).astype(object)


def _difference(estimator: Any, sample: Any, outputs: Mapping[str, Any]) -> str | None:
    """What the estimator and ONNX Runtime disagree on; None where they agree."""
    expected = {"predict": "label", "predict_proba": "probabilities"} if hasattr(estimator, "predict_proba") else None
    if expected is None:
        method = "predict" if hasattr(estimator, "predict") else "transform"
        expected = {method: next(iter(outputs))}
    for method, output in expected.items():
        wanted = getattr(estimator, method)(sample)
        wanted = np.asarray(wanted.toarray() if hasattr(wanted, "toarray") else wanted)
        got = np.asarray(outputs[output]).reshape(wanted.shape)
        if wanted.dtype.kind not in "fc":
            if not np.array_equal(wanted.astype(str), got.astype(str)):
                return f'{method} and the output "{output}" differ on the sample'
        elif not np.allclose(wanted, got, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            most = float(np.max(np.abs(wanted - got)))
            return f'{method} and the output "{output}" differ by {most:.3g} on the sample; {TOLERANCE:g} is allowed'
    return None
