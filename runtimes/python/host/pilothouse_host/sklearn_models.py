"""scikit-learn estimators in skops, joblib and pickle files."""

import json
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from .allowed_globals import is_allowed
from .estimators import estimator_model
from .model import Artifact, LoadError, Model
from .pickles import load_checked
from .recorded import check_versions, needs


def load(artifact: Artifact, format: str) -> Model:
    needs("scikit-learn", "sklearn")
    import sklearn

    # Versions are compared here, with more than a line in a log.
    warnings.filterwarnings("ignore", message="X (does not|has feature|does not have valid feature)")
    if format == "sklearn-skops":
        estimator = _load_skops(artifact)
    else:
        joblib = format == "sklearn-joblib"
        path = artifact.only(*((".joblib",) if joblib else (".pkl", ".pickle")))
        estimator, versions = load_checked(path, joblib, artifact.options.get("allowGlobals", []))
        check_versions(artifact, versions)
    _limit_jobs(estimator, artifact.threads)
    return estimator_model(artifact, estimator, f"scikit-learn {sklearn.__version__}", "FP64")


def _load_skops(artifact: Artifact) -> Any:
    needs("skops", "skops.io")
    import skops
    import skops.io

    if tuple(int(part) for part in skops.__version__.split(".")[:2]) < (0, 12):
        raise LoadError(f"skops {skops.__version__} runs code from untrusted files; 0.12 or newer is needed")
    path = artifact.only(".skops")
    check_versions(artifact, _versions_in(path))
    untrusted = set(skops.io.get_untrusted_types(file=path))
    allowed = set(artifact.options.get("allowGlobals", []))
    refused = sorted(name for name in untrusted - allowed if not is_allowed(*name.rpartition(".")[::2]))
    if refused:
        raise LoadError(f'{path.name} has the types {", ".join(refused)}, which skops does not trust; allow exactly these with the option "allowGlobals"')
    return skops.io.load(path, trusted=sorted(untrusted))


def _versions_in(path: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            schema = archive.read("schema.json").decode()
        json.loads(schema)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise LoadError(f"{path.name} is no skops file: {error}") from error
    found = re.search(r'"_sklearn_version":\s*\{[^{}]*?"content":\s*"\\"([0-9][^"\\]*)\\""', schema)
    return {"scikit-learn": found[1]} if found else {}


def _limit_jobs(estimator: Any, threads: int) -> None:
    """One inference may use so many threads; estimators were often trained with all cores."""
    try:
        names = [name for name in estimator.get_params() if name == "n_jobs" or name.endswith("__n_jobs")]
        estimator.set_params(**{name: threads for name in names})
    except (AttributeError, ValueError, TypeError):
        return
