"""Numpy arrays as tensors of the Open Inference Protocol: as binary data, and as JSON for samples."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from .errors import InternalError, InvalidError

Array = NDArray[Any]

_DTYPES: dict[str, str] = {
    "BOOL": "bool",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
_DATATYPES = {dtype: datatype for datatype, dtype in _DTYPES.items()}


def datatype_of(name: str, array: Array) -> str:
    """The protocol's name of an array's dtype."""
    if array.dtype.kind in "OSUT":
        return "BYTES"
    datatype = _DATATYPES.get(array.dtype.name)
    if datatype is None:
        raise InvalidError(f'input "{name}" has the dtype {array.dtype}; it must be one of {", ".join(_DATATYPES)}, or text')
    return datatype


def cast(name: str, array: Array, datatype: str) -> Array:
    """The array in the datatype that the model takes. Refuses what would lose more than the precision of a float."""
    if datatype == "BYTES":
        return array.astype(object)
    if datatype not in _DTYPES:
        raise InvalidError(f'input "{name}" is {datatype}, which this package does not send')
    wanted = np.dtype(_DTYPES[datatype])
    if array.dtype == object:
        # A column of mixed values: numpy finds the dtype of its elements.
        array = np.array(array.tolist())
    if array.dtype.kind in "iub" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size == 0 or (int(array.min()) >= limits.min and int(array.max()) <= limits.max):
            return array.astype(wanted)
        raise InvalidError(
            f'input "{name}" has values from {array.min()} to {array.max()}; {datatype} holds {limits.min} to {limits.max}'
        )
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        raise InvalidError(
            f'input "{name}" has the dtype {array.dtype}; the model takes {datatype}, so convert it with .astype("{wanted}")'
        )
    return array.astype(wanted)


def _texts(name: str, array: Array) -> list[bytes]:
    elements: list[bytes] = []
    for element in array.ravel().tolist():
        if isinstance(element, bytes):
            elements.append(element)
        elif isinstance(element, str):
            elements.append(element.encode())
        else:
            raise InvalidError(f'input "{name}" has the element {element!r}; a text tensor holds str or bytes')
    return elements


def to_bytes(name: str, array: Array) -> bytes:
    """The elements in the protocol's binary form: little-endian, texts behind their length."""
    if datatype_of(name, array) == "BYTES":
        return b"".join(len(text).to_bytes(4, "little") + text for text in _texts(name, array))
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()


def from_bytes(data: bytes, datatype: str, shape: Sequence[int]) -> Array:
    """The array of a binary tensor. Texts become `str`, or `bytes` where they are not UTF-8."""
    if datatype == "BYTES":
        texts: list[object] = []
        at = 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "little")
            texts.append(_text(data[at + 4 : end]))
            at = end
        array = np.empty(len(texts), dtype=object)
        array[:] = texts
        return array.reshape(shape)
    # A copy, so that the caller may write into it.
    return np.frombuffer(data, dtype=np.dtype(_DTYPES[datatype]).newbyteorder("<")).reshape(shape).astype(_DTYPES[datatype])


def _text(data: bytes) -> "str | bytes":
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def to_json(name: str, array: Array) -> dict[str, Any]:
    """A tensor of a sample: its elements as JSON, exact."""
    datatype = datatype_of(name, array)
    data = (
        [text.decode() for text in _texts(name, array)]
        if datatype == "BYTES"
        else [_exact(each) for each in array.ravel().tolist()]
    )
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": data}


def _exact(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # JSON numbers are exact up to 2^53.
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value


def encode_request(inputs: Mapping[str, Array], outputs: Optional[Sequence[str]]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an inference: a JSON part, then the binary data of the tensors."""
    data = {name: to_bytes(name, array) for name, array in inputs.items()}
    head: dict[str, Any] = {
        "inputs": [
            {
                "name": name,
                "datatype": datatype_of(name, array),
                "shape": list(array.shape),
                "parameters": {"binary_data_size": len(data[name])},
            }
            for name, array in inputs.items()
        ],
        "parameters": {"binary_data_output": True},
    }
    if outputs is not None:
        head["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    text = json.dumps(head).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(text))}
    return b"".join([text, *data.values()]), headers


def decode_response(body: bytes, head_length: Optional[str]) -> dict[str, Array]:
    """The outputs of an answer, by name."""
    length = len(body) if head_length is None else int(head_length)
    outputs: dict[str, Array] = {}
    at = length
    for tensor in json.loads(body[:length])["outputs"]:
        size = (tensor.get("parameters") or {}).get("binary_data_size")
        if size is None:
            raise InternalError(f'output "{tensor["name"]}" came without binary data')
        outputs[tensor["name"]] = from_bytes(body[at : at + size], tensor["datatype"], tensor["shape"])
        at += size
    return outputs
