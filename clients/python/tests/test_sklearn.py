"""From `fit` to a served prediction."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import pilothouse as ph

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, 400),
        "spent": RNG.normal(100, 30, 400),
        "plan": RNG.choice(["basic", "plus", "pro"], 400),
        "country": RNG.choice(["at", "br", "ke"], 400),
    }
)
Y = ((X.spent + 30 * (X.plan == "pro") + RNG.normal(0, 10, 400)) > 110).astype(int)


def test_a_pipeline_with_a_scaler_and_categories() -> None:
    # from fit to a served prediction: 7 lines
    scaled, categories = (StandardScaler(), ["age", "spent"]), (OneHotEncoder(), ["plan", "country"])
    model = make_pipeline(make_column_transformer(scaled, categories), LogisticRegression())
    model.fit(X, Y)
    client = ph.connect()
    version = client.push("pipeline", model, sample=X[:5], params=model.get_params())
    client.deploy("pipeline", version)
    served = client.infer("pipeline", X, outputs="probabilities")
    # until here
    assert np.abs(served - model.predict_proba(X)).max() <= 1e-5
    np.testing.assert_array_equal(client.infer("pipeline", X, outputs="label"), model.predict(X))
    assert version.lineage.hyperparameters is not None and "logisticregression__C" in version.lineage.hyperparameters
    assert version.lineage.libraries is not None and "scikit-learn" in version.lineage.libraries
    client.close()


def test_a_regressor_of_an_array(client: ph.Client) -> None:
    features = X[["age", "spent"]].to_numpy()
    forest = RandomForestRegressor(n_estimators=5, random_state=0).fit(features, X.spent)
    client.deploy("forest", client.push("forest", forest, sample=features[:20]))
    served = client.infer("forest", features[:20])
    assert isinstance(served, np.ndarray)
    np.testing.assert_allclose(served.ravel(), forest.predict(features[:20]), rtol=1e-5)


def test_what_cannot_be_converted_is_not_sent(client: ph.Client) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(X[["age"]], Y)
    with pytest.raises(ph.FailedPreconditionError, match="Pipeline cannot be sent as ONNX: skl2onnx: .*Nothing was sent"):
        client.push("unsent", model, sample=X[["age"]][:5])
    with pytest.raises(ph.NotFoundError):
        client.version("unsent", 1)


def test_a_model_without_a_sample_is_refused(client: ph.Client) -> None:
    with pytest.raises(ph.InvalidError, match=r"needs a sample to find its inputs; give sample=X\[:5\]"):
        client.push("unsent", LogisticRegression().fit(X[["age"]], Y))


def test_a_missing_converter_is_named(client: ph.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ph.FailedPreconditionError, match=r"skl2onnx is not installed; run pip install 'pilothouse\[sklearn\]'"):
        client.push("unsent", LogisticRegression().fit(X[["age"]], Y), sample=X[["age"]][:5])
