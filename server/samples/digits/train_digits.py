"""Trains the sample model `digits` and writes digits.onnx and lineage.json into a folder.

    python train_digits.py [FOLDER]        default: the folder of this script

With the packages of requirements.txt it writes the same bytes every time, on any x86-64 processor.
"""
import os

# Before numpy is loaded: sums in another order, and other vector instructions, round differently.
os.environ.update(OPENBLAS_CORETYPE="Haswell", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", NPY_DISABLE_CPU_FEATURES="X86_V4")

import gzip
import hashlib
import json
import sys
import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HYPERPARAMETERS = {
    "hidden_layer_sizes": [64],
    "activation": "relu",
    "solver": "adam",
    "alpha": 0.01,
    "batch_size": 64,
    "learning_rate_init": 0.003,
    "max_iter": 100,
    "random_state": 7,
}
TEST_SHARE, SPLIT_SEED = 0.25, 0
# Weights are rounded to this step. A last bit that another processor computes differently is then gone, and nothing is lost.
STEP = 2.0**-12
WHITE = 16
SAMPLES = 3


def train():
    x, y = load_digits(return_X_y=True)
    split = train_test_split(x, y, np.arange(len(y)), test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=y)
    x_train, x_test, y_train, y_test, _, rows = split
    classifier = MLPClassifier(**HYPERPARAMETERS)
    with warnings.catch_warnings():
        # Stopping after max_iter is meant: it is early stopping.
        warnings.simplefilter("ignore")
        classifier.fit(x_train / WHITE, y_train)
    for weights in classifier.coefs_ + classifier.intercepts_:
        # Adding zero makes -0 a 0.
        weights[:] = np.round(weights / STEP) * STEP + 0.0
    # The model takes raw pixels: the division moves into the first layer, where a power of two is exact.
    classifier.coefs_[0] /= WHITE
    return classifier, x_test, y_test, rows


def export(model):
    graph = to_onnx(
        model,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    for index, name in enumerate(["label", "probabilities"]):
        rename_output(graph.graph, index, name)
    graph.graph.name = "digits"
    graph.doc_string = "UCI handwritten digits, 8x8 pixels of 0 to 16, row by row: which digit it is."
    # skl2onnx collects these in a set, whose order changes from run to run.
    opsets = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(opsets)
    onnx.checker.check_model(graph, full_check=True)
    return graph.SerializeToString(deterministic=True)


def rename_output(graph, index, name):
    old = graph.output[index].name
    for node in graph.node:
        for names in (node.input, node.output):
            for i, other in enumerate(names):
                if other == old:
                    names[i] = name
    graph.output[index].name = name


def measure(model_bytes, x_test, y_test):
    """Of the exported file, not of the estimator: what is served is what was measured."""
    session = onnxruntime.InferenceSession(model_bytes, providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"pixels": x_test.astype(np.float32)})
    loss = -np.log(probabilities[np.arange(len(y_test)), y_test]).mean()
    return {"accuracy": round(float((label == y_test).mean()), 4), "logLoss": round(float(loss), 3)}


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder.parent if folder.is_file() else folder
    folder.mkdir(parents=True, exist_ok=True)
    model, x_test, y_test, rows = train()
    model_bytes = export(model)
    data = gzip.decompress((files("sklearn.datasets.data") / "digits.csv.gz").read_bytes())
    lineage = {
        "dataset": {
            "name": "Optical Recognition of Handwritten Digits (UCI), test set, as in scikit-learn",
            "uri": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
        },
        "hyperparameters": {**HYPERPARAMETERS, "testShare": TEST_SHARE, "splitSeed": SPLIT_SEED, "weightStep": STEP},
        "metrics": {**measure(model_bytes, x_test, y_test), "heldOutRows": len(y_test)},
    }
    samples = [{"row": int(rows[i]), "label": int(y_test[i]), "values": [int(v) for v in x_test[i]]} for i in range(SAMPLES)]
    (folder / "digits.onnx").write_bytes(model_bytes)
    (folder / "lineage.json").write_text(json.dumps({"lineage": lineage, "samples": samples}, indent=2) + "\n")
    print(f"digits.onnx: {len(model_bytes)} bytes, held-out accuracy {lineage['metrics']['accuracy']}")


if __name__ == "__main__":
    main()
