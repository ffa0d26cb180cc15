"""Boosted trees in the libraries' own files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .estimators import Method, estimator_model
from .model import Artifact, LoadError, Model
from .recorded import needs


def load(artifact: Artifact, format: str) -> Model:
    return _load_xgboost(artifact) if format == "xgboost" else _load_lightgbm(artifact)


def _load_xgboost(artifact: Artifact) -> Model:
    needs("xgboost", "xgboost")
    import xgboost

    path = artifact.only(".ubj", ".json")
    booster = xgboost.Booster()
    try:
        booster.load_model(path)
    except xgboost.core.XGBoostError as error:
        raise LoadError(f"{path.name} is no XGBoost model: {str(error).strip().splitlines()[0]}") from error
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    classifies = objective.startswith(("binary:", "multi:"))
    kind = xgboost.XGBClassifier if classifies else xgboost.XGBRegressor
    # What a wrapper needs to be asked and the booster's file does not always say.
    estimator: Any = kind(n_jobs=artifact.threads)
    estimator.load_model(path)
    return estimator_model(artifact, estimator, f"XGBoost {xgboost.__version__}", "FP32")


def _load_lightgbm(artifact: Artifact) -> Model:
    needs("lightgbm", "lightgbm")
    import lightgbm

    path = _lightgbm_file(artifact)
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except lightgbm.basic.LightGBMError as error:
        raise LoadError(f"{path.name} is no LightGBM model: {error}") from error

    class Described:
        n_features_in_ = booster.num_feature()

    objective = next((line.split("=", 1)[1] for line in path.read_text().splitlines() if line.startswith("objective=")), "").split(" ")[0]

    def raw(table: Any) -> Any:
        return booster.predict(table, num_threads=artifact.threads)

    def probabilities(table: Any) -> Any:
        found = raw(table)
        return np.column_stack([1 - found, found]) if objective == "binary" else found

    methods: dict[str, Method] = {"predict": raw}
    if objective in ("binary", "multiclass", "multiclassova"):
        methods = {"predict": lambda table: np.argmax(probabilities(table), axis=1), "predict_proba": probabilities}
    return estimator_model(artifact, Described(), f"LightGBM {lightgbm.__version__}", "FP64", methods)


def _lightgbm_file(artifact: Artifact) -> Path:
    others = [file for file in artifact.files if file.endswith(".txt") and Path(file).name == "requirements.txt"]
    return Artifact(artifact.folder, [file for file in artifact.files if file not in others], {}, 1, None, None).only(".txt")
