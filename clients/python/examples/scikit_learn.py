"""From `fit` to a served prediction: a scikit-learn pipeline with a scaler and categorical columns, as cells of a notebook."""

# %% Data
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import pilothouse as ph

random = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "age": random.integers(18, 90, 500),
        "spent": random.normal(100, 30, 500),
        "plan": random.choice(["basic", "plus", "pro"], 500),
        "country": random.choice(["at", "br", "ke"], 500),
    }
)
y = (X.spent + 30 * (X.plan == "pro") + random.normal(0, 10, 500) > 110).astype(int)

# %% From fit to a served prediction
columns = make_column_transformer((StandardScaler(), ["age", "spent"]), (OneHotEncoder(), ["plan", "country"]))
model = make_pipeline(columns, LogisticRegression()).fit(X, y)
client = ph.connect()
version = client.push("leavers", model, sample=X[:5], metrics={"accuracy": model.score(X, y)}, params=model.get_params())
client.deploy("leavers", version)
served = client.infer("leavers", X, outputs="probabilities")

# %% The served probabilities are the pipeline's own
difference = np.abs(served - model.predict_proba(X)).max()
print("equal within 1e-5:", difference <= 1e-5)
