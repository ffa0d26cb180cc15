"""Which classes and functions a pickle may name. An allow-list: what is not on it is refused, whatever it is."""

import importlib
import inspect
from typing import Any

_NUMPY_SCALARS = {
    *("bool_", "bool", "float16", "float32", "float64", "longdouble", "str_", "bytes_", "object_", "datetime64", "timedelta64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
_EXACT: dict[str, set[str]] = {
    "builtins": {"set", "frozenset", "list", "dict", "tuple", "int", "float", "complex", "bool", "str", "bytes", "bytearray", "slice", "range", "object"},
    "collections": {"OrderedDict", "defaultdict", "deque", "Counter"},
    "copyreg": {"_reconstructor"},
    "_codecs": {"encode"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "joblib.numpy_pickle": {"NumpyArrayWrapper"},
    "lightgbm.basic": {"Booster"},
    "lightgbm.sklearn": {"LGBMClassifier", "LGBMRegressor", "LGBMRanker"},
    "numpy": {"ndarray", "dtype"} | _NUMPY_SCALARS,
    "numpy.ma": {"MaskedArray"},
    "numpy.ma.core": {"MaskedArray", "_mareconstruct"},
    "numpy.random._mt19937": {"MT19937"},
    "numpy.random._pcg64": {"PCG64"},
    "numpy.random.bit_generator": {"SeedSequence", "__pyx_unpickle_SeedSequence"},
    "numpy.random._pickle": {"__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor"},
    "xgboost.core": {"Booster"},
    "xgboost.sklearn": {"XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor"},
}
for _core in ("numpy.core", "numpy._core"):
    _EXACT[f"{_core}.multiarray"] = {"_reconstruct", "scalar"}
    _EXACT[f"{_core}.numeric"] = {"_frombuffer"}

_HOMES = {"_loss": "sklearn._loss._loss"}
"""Compiled modules that give their classes another module than their own."""

_CLASSES_OF = ("sklearn.", "scipy.sparse.")
_NEVER = ("sklearn.datasets.", "sklearn.externals.", "sklearn.utils.parallel.", "sklearn.utils._testing.", "sklearn.conftest.")
"""Functions of scikit-learn by which its compiled classes are made again."""
_MAKERS = ("newObj", "__pyx_unpickle_", "_identity")


def home_of(module: str) -> str:
    """Where a module that a pickle names really is."""
    return _HOMES.get(module, module)


def is_allowed(module: str, name: str) -> bool:
    """Looks a name of scikit-learn or SciPy up, to see what it is; nothing else is imported."""
    # A dotted name reaches into what it names.
    if "." in name:
        return False
    if name in _EXACT.get(module, ()):
        return True
    module = home_of(module)
    inside = f"{module}."
    if not inside.startswith(_CLASSES_OF) or inside.startswith(_NEVER) or ".tests." in inside:
        return module == "numpy" and _is_ufunc(name)
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        # It cannot be loaded either, and loading says why.
        return True
    if not home_of(str(getattr(found, "__module__", ""))).startswith(("sklearn", "scipy.sparse")) and not name.startswith(_MAKERS):
        return False
    return inspect.isclass(found) or (module.startswith("sklearn.") and name.startswith(_MAKERS))


def _is_ufunc(name: str) -> bool:
    import numpy

    return isinstance(getattr(numpy, name, None), numpy.ufunc)
