"""Tensors of the Open Inference Protocol as NumPy arrays, checked against a signature."""

import json
import struct
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

DTYPES = {
    "BOOL": np.dtype("?"),
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_NAMES = {(dtype.kind, dtype.itemsize): name for name, dtype in DTYPES.items()}
_MAX_ELEMENTS = 1024 * 1024
_LENGTH = struct.Struct("<I")

Signature = dict[str, list[dict[str, Any]]]
Arrays = dict[str, np.ndarray]


class TensorError(Exception):
    """A tensor contradicts itself or the signature: the caller's mistake."""


def datatype_of(array: np.ndarray) -> str:
    """The datatype that carries an array; texts and objects are BYTES."""
    if array.dtype.kind in "OSUT":
        return "BYTES"
    name = _NAMES.get((array.dtype.kind, array.dtype.itemsize))
    if name is None:
        raise TypeError(f"an array of {array.dtype} cannot be carried; return one of {', '.join(map(str, DTYPES.values()))}, or texts")
    return name


def read_request(text: memoryview, binary: memoryview) -> tuple[Optional[str], Arrays, Optional[list[str]]]:
    """Id, inputs and wanted outputs of a request. Numeric arrays are views of the frame."""
    try:
        header = json.loads(bytes(text))
    except ValueError as error:
        raise TensorError("the header is not JSON") from error
    arrays: Arrays = {}
    at = 0
    for each in header["inputs"]:
        name, size = each["name"], each.get("parameters", {}).get("binary_data_size", 0)
        if at + size > len(binary):
            raise TensorError(f'tensor "{name}" claims to end at byte {at + size} of {len(binary)}')
        if name in arrays:
            raise TensorError(f'input "{name}" is given twice')
        arrays[name] = _array(name, each["datatype"], each["shape"], binary[at : at + size])
        at += size
    if at != len(binary):
        raise TensorError(f"{len(binary) - at} bytes belong to no tensor")
    outputs = header.get("outputs")
    return header.get("id"), arrays, [each["name"] for each in outputs] if outputs else None


def _array(name: str, datatype: str, shape: list[int], data: memoryview) -> np.ndarray:
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if datatype == "BYTES":
        return _texts(name, count, data).reshape(shape)
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise TensorError(f'tensor "{name}": unknown datatype "{datatype}"')
    if len(data) != count * dtype.itemsize:
        raise TensorError(f'tensor "{name}": shape {shape} of {datatype} is {count * dtype.itemsize} bytes, {len(data)} came')
    return np.frombuffer(data, dtype).reshape(shape) if count else np.empty(shape, dtype)


def _texts(name: str, count: int, data: memoryview) -> np.ndarray:
    if count > _MAX_ELEMENTS:
        raise TensorError(f'tensor "{name}" has {count} BYTES elements; the limit is {_MAX_ELEMENTS}')
    array = np.empty(count, dtype=object)
    at = 0
    for i in range(count):
        if at + 4 > len(data):
            raise TensorError(f"BYTES data ends after {i} of {count} elements")
        (size,) = _LENGTH.unpack_from(data, at)
        if at + 4 + size > len(data):
            raise TensorError(f"BYTES element {i} claims to end at byte {at + 4 + size} of {len(data)}")
        array[i] = bytes(data[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(data):
        raise TensorError(f"BYTES data has {len(data) - at} bytes after its {count} elements")
    return array


def encode(arrays: Arrays) -> tuple[list[dict[str, Any]], list[Any]]:
    """Headers and bytes of an answer's tensors, without a copy of numeric arrays that are contiguous."""
    headers, binary = [], []
    for name, array in arrays.items():
        datatype = datatype_of(array)
        data: Any = _pack(array) if datatype == "BYTES" else memoryview(np.ascontiguousarray(array, DTYPES[datatype]).reshape(-1).view(np.uint8))
        headers.append({"name": name, "datatype": datatype, "shape": list(array.shape), "parameters": {"binary_data_size": len(data)}})
        binary.append(data)
    return headers, binary


def _pack(array: np.ndarray) -> bytes:
    parts = []
    for value in array.reshape(-1).tolist():
        data = value if isinstance(value, bytes) else str(value).encode()
        parts += [_LENGTH.pack(len(data)), data]
    return b"".join(parts)


def check_inputs(signature: Signature, inputs: Arrays) -> None:
    declared = {spec["name"]: spec for spec in signature["inputs"]}
    for name, array in inputs.items():
        spec = declared.get(name)
        if spec is None:
            names = ", ".join(f'"{each}"' for each in declared)
            raise TensorError(f'input "{name}" is unknown; the model takes {names}')
        datatype = datatype_of(array)
        if datatype != spec["datatype"]:
            raise TensorError(f'input "{name}" is {datatype}; the model takes {spec["datatype"]}')
        wanted = spec["shape"]
        if wanted is not None and not _fits(array.shape, wanted):
            raise TensorError(f'input "{name}" has shape {list(array.shape)}; the model takes {wanted}, where -1 may be any size')
    for name, spec in declared.items():
        if name not in inputs and not spec.get("optional"):
            raise TensorError(f'input "{name}" is missing')


def check_outputs(signature: Signature, wanted: Sequence[str]) -> None:
    known = [spec["name"] for spec in signature["outputs"]]
    for i, name in enumerate(wanted):
        if name not in known:
            names = ", ".join(f'"{each}"' for each in known)
            raise TensorError(f'output "{name}" is unknown; the model gives {names}')
        if name in wanted[:i]:
            raise TensorError(f'output "{name}" is requested twice')


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(shape) == len(wanted) and all(size in (-1, own) for own, size in zip(shape, wanted))


def from_sample(sample: list[dict[str, Any]]) -> Arrays:
    """A sample request as it is written down: OIP JSON."""
    arrays: Arrays = {}
    for each in sample:
        shape, datatype = each["shape"], each["datatype"]
        flat = _flat(each["data"])
        if datatype == "BYTES":
            array = np.empty(len(flat), dtype=object)
            array[:] = [str(value).encode() for value in flat]
        elif datatype.startswith("FP"):
            array = np.array([float(value) for value in flat], DTYPES[datatype])
        else:
            array = np.array([int(value) for value in flat], DTYPES[datatype])
        arrays[each["name"]] = array.reshape(shape)
    return arrays


def _flat(data: Any) -> list[Any]:
    return [leaf for each in data for leaf in _flat(each)] if isinstance(data, list) else [data]


def request_of(signature: Signature) -> Arrays:
    """The request of ones that runtimes/made-up-requests.ts makes of a signature, with the shapes that validation found."""
    arrays: Arrays = {}
    for spec in signature["inputs"]:
        if spec.get("optional"):
            continue
        shape = spec.get("sampleShape") or [1 if size == -1 else size for size in spec["shape"] or [1]]
        if spec["datatype"] == "BYTES":
            array = np.empty(shape, dtype=object)
            array[...] = b""
        else:
            array = np.full(shape, spec.get("sampleValue", 1), DTYPES[spec["datatype"]])
        arrays[spec["name"]] = array
    return arrays
