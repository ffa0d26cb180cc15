"""Trains small models, saves each in the working folder, and prints what its library answers, as JSON: {name: {file, inputs, outputs, sampled}}."""

import json
import math
import os
import pickle

import joblib
import lightgbm
import numpy as np
import pandas as pd
import skops.io
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

X, y = load_iris(return_X_y=True)
names = np.array(["setosa", "versicolor", "virginica"])[y]
rows = X[::30] + 0.01
cases = {}


def case(name, file, model, table=rows, inputs=None, methods=("predict", "predict_proba")):
    matrix = [{"name": "X", "datatype": "FP32" if table.dtype == np.float32 else "FP64", "shape": list(table.shape), "data": table.reshape(-1).tolist()}] if inputs is None else inputs
    outputs = {method: np.asarray(getattr(model, method)(table)).reshape(-1).tolist() for method in methods}
    cases[name] = {"file": file, "inputs": matrix, "outputs": outputs, "sampled": inputs is not None}


pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names)
skops.io.dump(pipeline, "model.skops")
case("skops", "model.skops", pipeline)
with open("model.pkl", "wb") as file:
    pickle.dump(pipeline, file)
case("pickle", "model.pkl", pipeline)
joblib.dump(pipeline, "model.joblib", compress=3)
case("joblib", "model.joblib", pipeline)
forest = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(X, y)
skops.io.dump(forest, "forest.skops")
case("forest", "forest.skops", forest)

frame = pd.DataFrame({"text": ["red shoe", "blue hat", "red hat", "green shoe"] * 5, "size": ["S", "M", "L", "S"] * 5, "price": np.arange(20.0)})
columns = ColumnTransformer([("text", TfidfVectorizer(), "text"), ("size", OneHotEncoder(), ["size"]), ("price", StandardScaler(), ["price"])])
mixed = make_pipeline(columns, LogisticRegression()).fit(frame, np.arange(20) % 2)
with open("table.pkl", "wb") as file:
    pickle.dump(mixed, file)
part = frame.iloc[:4]
column_inputs = [
    {"name": name, "datatype": "FP64" if name == "price" else "BYTES", "shape": [4, 1], "data": part[name].tolist()} for name in ("text", "size", "price")
]
case("table", "table.pkl", mixed, part, column_inputs)

booster = xgboost.XGBClassifier(n_estimators=200, n_jobs=1).fit(X, y)
booster.save_model("model.ubj")
case("xgboost", "model.ubj", booster, rows.astype(np.float32))
regressor = xgboost.XGBRegressor(n_estimators=20, n_jobs=1).fit(X, y)
regressor.save_model("model.json")
case("xgboost-json", "model.json", regressor, rows.astype(np.float32), methods=("predict",))
ranker = lightgbm.LGBMRanker(n_estimators=10, verbose=-1, n_jobs=1).fit(X, y, group=[50, 50, 50])
ranker.booster_.save_model("model.txt")
case("lightgbm", "model.txt", ranker, methods=("predict",))


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/pilothouse-was-here",)


with open("hostile.pkl", "wb") as file:
    pickle.dump({"estimator": pipeline, "evil": Evil()}, file)
hidden = np.empty(1, dtype=object)
hidden[0] = Evil()
joblib.dump({"estimator": pipeline, "evil": hidden}, "hidden.joblib")
with open("function.pkl", "wb") as file:
    pickle.dump(make_pipeline(FunctionTransformer(math.fsum), LogisticRegression()), file)
state = pipeline.steps[0][1].__getstate__()
state["_sklearn_version"] = "0.24.2"
scaler = StandardScaler()
scaler.__class__.__getstate__ = lambda self: state
with open("old.pkl", "wb") as file:
    pickle.dump(scaler, file)
print(json.dumps(cases))
