"""What an estimator takes and gives, as a signature, and how it is asked."""

from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from .model import Artifact, LoadError, Model
from .tensors import Arrays, Signature, TensorError, datatype_of, request_of

Method = Callable[[Any], Any]


def estimator_model(artifact: Artifact, estimator: Any, library: str, datatype: str, methods: Optional[dict[str, Method]] = None) -> Model:
    """`datatype` is that of the matrix that the estimator takes, where nothing else is declared."""
    methods = methods or _methods_of(estimator)
    inputs = _inputs(artifact, estimator, datatype)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    request = artifact.sample or request_of({"inputs": inputs, "outputs": []})
    try:
        answers = _ask(methods, list(methods), _table(inputs, names, request))
    except Exception as error:
        made_up = "" if artifact.sample else " Give the version a sample that it answers, or declare its signature."
        raise LoadError(f"the model does not answer {'its sample' if artifact.sample else 'ones'}: {error}.{made_up}") from error
    own = [{"name": name, "datatype": datatype_of(array), "shape": [-1, *array.shape[1:]]} for name, array in answers.items()]
    outputs = _chosen(own, artifact.declared)
    sources = {name: name if name in methods else name.rsplit("_", 1)[0] for name in answers}

    def infer(given: Arrays, wanted: list[str]) -> Arrays:
        ask = [name for name in methods if any(sources[each] == name for each in wanted)]
        found = _ask(methods, ask, _table(inputs, names, given))
        return {name: found[name] for name in wanted}

    return Model({"inputs": inputs, "outputs": outputs}, library, infer)


def _methods_of(estimator: Any) -> dict[str, Method]:
    found = {name: getattr(estimator, name) for name in ("predict", "predict_proba") if hasattr(estimator, name)}
    if not found and hasattr(estimator, "transform"):
        found = {"transform": estimator.transform}
    if not found:
        raise LoadError(f"the file holds a {type(estimator).__name__}, which has neither predict nor transform")
    return found


def _inputs(artifact: Artifact, estimator: Any, datatype: str) -> list[dict[str, Any]]:
    if artifact.declared:
        return [{**spec, "shape": spec["shape"] or [-1]} for spec in artifact.declared["inputs"]]
    if artifact.sample:
        return [{"name": name, "datatype": datatype_of(array), "shape": [-1, *array.shape[1:]]} for name, array in artifact.sample.items()]
    count = getattr(estimator, "n_features_in_", None)
    if count is None:
        raise LoadError(f"the {type(estimator).__name__} does not say what it takes; give the version a sample, or declare its signature")
    return [{"name": "X", "datatype": datatype, "shape": [-1, int(count)]}]


def _chosen(own: list[dict[str, Any]], declared: Optional[Signature]) -> list[dict[str, Any]]:
    if not declared:
        return own
    by_name = {spec["name"]: spec for spec in own}
    for spec in declared["outputs"]:
        if spec["name"] not in by_name:
            raise LoadError(f'the declared signature has the output "{spec["name"]}"; the model has {", ".join(by_name)}')
    return [by_name[spec["name"]] for spec in declared["outputs"]]


def _table(inputs: list[dict[str, Any]], names: list[str], given: Arrays) -> Any:
    """One input is the matrix; several are the columns of a table."""
    columns = {spec["name"]: _readable(given[spec["name"]]) for spec in inputs if spec["name"] in given}
    if len(inputs) == 1:
        (only,) = columns.values()
        if names and only.ndim == 2 and only.shape[1] == len(names) and (pandas := _pandas()):
            return pandas.DataFrame(only, columns=names)
        return only
    rows = {len(column) for column in columns.values()}
    if len(rows) > 1:
        raise TensorError(f"the columns have {', '.join(map(str, sorted(rows)))} rows; all must have as many")
    flat = {name: column.reshape(len(column)) if column.ndim == 2 and column.shape[1] == 1 else column for name, column in columns.items()}
    if pandas := _pandas():
        return pandas.DataFrame(flat)
    return np.column_stack([column.astype(object) for column in flat.values()])


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def _readable(array: np.ndarray) -> np.ndarray:
    """Texts as str; a text that is not UTF-8 is refused."""
    if array.dtype.kind != "O":
        return array
    decoded = np.empty(array.shape, dtype=object)
    try:
        decoded.reshape(-1)[:] = [value.decode() for value in array.reshape(-1)]
    except UnicodeDecodeError as error:
        raise TensorError(f"a text is not UTF-8: {error}") from error
    return decoded


def _ask(methods: dict[str, Method], wanted: list[str], table: Any) -> Arrays:
    answers: Arrays = {}
    for name in wanted:
        answer = methods[name](table)
        # Several targets have a matrix of probabilities each.
        if isinstance(answer, list):
            answers.update({f"{name}_{i}": _array(each) for i, each in enumerate(answer)})
        else:
            answers[name] = _array(answer)
    return answers


def _array(answer: Any) -> np.ndarray:
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    return np.asarray(answer)
