"""KServe's Python server, two workers. They are made by pickling the model: the session is opened where it is first wanted."""
import sys

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model as KServeModel, ModelServer
from kserve.utils.utils import generate_uuid

from common import MODELS, PORT, WORKERS, Model


class Infer(KServeModel):
    def __init__(self, name):
        super().__init__(name)
        self.opened = None
        self.ready = True

    def predict(self, payload: InferRequest, headers=None, response_headers=None):
        if self.opened is None:
            self.opened = Model(self.name)
        results = self.opened.run(np.asarray(payload.inputs[0].as_numpy(), dtype=np.float32))
        outputs = []
        for name, value in zip(self.opened.outputs, results):
            output = InferOutput(name=name, shape=list(value.shape), datatype="INT64" if value.dtype == np.int64 else "FP32")
            output.set_data_from_numpy(value, binary_data=False)
            outputs.append(output)
        return InferResponse(response_id=payload.id or generate_uuid(), model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    server = ModelServer(http_port=PORT, workers=WORKERS, enable_grpc=False, access_log_format=None, enable_latency_logging=False)
    server.start([Infer(name) for name in MODELS])
