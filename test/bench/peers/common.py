"""What every peer's server shares: the ONNX sessions, the request's row, the answer's shape."""
import json
import os

import numpy as np
import onnxruntime

PORT = int(os.environ["BENCH_PORT"])
MODELS = json.loads(os.environ["BENCH_MODELS"])
WORKERS = int(os.environ.get("BENCH_WORKERS", "2"))
BATCH = int(os.environ.get("BENCH_BATCH", "64"))


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Model:
    """One session. Its inputs are FP32; `rows` are arrays of shape [n, features]."""

    def __init__(self, name):
        self.name = name
        self.session = open_session(MODELS[name])
        self.input = self.session.get_inputs()[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, rows):
        return self.session.run(None, {self.input: rows})

    def run_requests(self, inputs):
        """Each entry is the `inputs` of one request of one row; the rows are run together."""
        results = self.run(np.concatenate([row_of(each) for each in inputs]))
        return [self.answer([result[i : i + 1] for result in results]) for i in range(len(inputs))]

    def answer(self, results):
        """An Open Inference Protocol response."""
        return {"model_name": self.name, "outputs": [tensor(name, value) for name, value in zip(self.outputs, results)]}


def row_of(inputs):
    """The first tensor of an Open Inference Protocol request."""
    return np.asarray(inputs[0]["data"], dtype=np.float32).reshape(inputs[0]["shape"])


def tensor(name, value):
    datatype = "INT64" if value.dtype == np.int64 else "FP32"
    return {"name": name, "shape": list(value.shape), "datatype": datatype, "data": value.ravel().tolist()}
