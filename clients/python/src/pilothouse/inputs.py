"""What a caller gives as input (array, table, arrays by name), as the tensors that a model takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike

from .errors import InvalidError
from .tensors import Array, cast

# A pandas DataFrame is taken too; it has no type here because pandas is optional.
Inputs = Union[ArrayLike, Mapping[str, ArrayLike], Any]


@dataclass(frozen=True)
class InputSpec:
    """An input of a model."""

    name: str
    datatype: str
    shape: Optional[Sequence[int]]
    optional: bool = False


def is_table(value: object) -> bool:
    """Whether it is a pandas DataFrame, or a table like it."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def to_tensors(value: Inputs, specs: Sequence[InputSpec]) -> dict[str, Array]:
    """The tensors that a model with these inputs takes. Raises InvalidError that says what would be right."""
    by_name = {spec.name: spec for spec in specs}
    if is_table(value):
        arrays = _of_table(value, specs)
    elif isinstance(value, Mapping):
        arrays = {str(name): np.asarray(array) for name, array in value.items()}
    else:
        required = [spec for spec in specs if not spec.optional]
        if len(required) != 1:
            raise InvalidError(
                f"one array was given, and the model takes {_said(specs)}; give a dict of arrays by name, or a DataFrame"
            )
        arrays = {required[0].name: np.asarray(value)}
    for name in arrays:
        if name not in by_name:
            raise InvalidError(f'the model has no input "{name}"; it takes {_said(specs)}')
    missing = [spec.name for spec in specs if not spec.optional and spec.name not in arrays]
    if missing:
        raise InvalidError(f'the input "{missing[0]}" is missing; the model takes {_said(specs)}')
    return {name: _fit(by_name[name], array) for name, array in arrays.items()}


def _of_table(table: Any, specs: Sequence[InputSpec]) -> dict[str, Array]:
    columns = [str(column) for column in table.columns]
    if len(specs) == 1 and specs[0].name not in columns:
        return {specs[0].name: np.asarray(table.to_numpy())}
    names = {spec.name for spec in specs}
    # A column that the model does not take is left out: a table often has more than the model's features.
    return {
        name: np.asarray(table[column].to_numpy()) for name, column in zip(columns, table.columns, strict=True) if name in names
    }


def _fit(spec: InputSpec, array: Array) -> Array:
    tensor = cast(spec.name, array, spec.datatype)
    if spec.shape is None:
        return tensor
    # A column of a table, for a model that takes columns as [rows, 1].
    if tensor.ndim == 1 and len(spec.shape) == 2 and spec.shape[1] == 1:
        tensor = tensor.reshape(-1, 1)
    fits = tensor.ndim == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, tensor.shape, strict=False)
    )
    if not fits:
        row = "; X[None] makes one row of it" if tensor.ndim == len(spec.shape) - 1 else ""
        raise InvalidError(
            f'input "{spec.name}" has the shape {list(tensor.shape)}; the model takes {list(spec.shape)} (-1 is any size){row}'
        )
    return tensor


def _said(specs: Sequence[InputSpec]) -> str:
    return ", ".join(f'"{spec.name}" {spec.datatype}{list(spec.shape) if spec.shape is not None else ""}' for spec in specs)
