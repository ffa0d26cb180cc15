"""Tensors for the tests, and how they are compared: to the bit."""
import numpy as np

from models import DATATYPES

NUMPY = {
    "BOOL": bool,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}


def telling(datatype):
    """Values that lose something wherever a number passes through something smaller."""
    kind = NUMPY[datatype]
    if datatype == "BYTES":
        return np.array([["", "ünï日本"], ["x" * 300, "plain"]], dtype=np.object_)
    if datatype == "BOOL":
        return np.array([[True, False], [False, True]])
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        return np.array([[limits.min, limits.max], [limits.max - 1, 1]], dtype=kind)
    limits = np.finfo(kind)
    return np.array([[limits.max, -0.0], [limits.smallest_subnormal, kind(0.1)]], dtype=kind)


def every_type():
    return {datatype: telling(datatype) for datatype in DATATYPES}


def same(expected, given):
    """Whether two arrays are the same to the bit; BYTES come back as bytes."""
    if expected.dtype == np.object_:
        return expected.shape == given.shape and all(e.encode() == g for e, g in zip(expected.ravel(), given.ravel()))
    return expected.dtype == given.dtype and expected.shape == given.shape and expected.tobytes() == given.tobytes()


A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.full((1, 16), 7, dtype=np.int32)
# More than a machine counts to within the tests' deadlines, and not much more than that: it cannot be interrupted.
FOREVER = np.array([3_000_000], dtype=np.int64)
