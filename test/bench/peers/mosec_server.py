"""mosec: a Rust front that batches, Python workers behind it."""
import sys

import orjson
from mosec import Runtime, Server, Worker

from common import BATCH, MODELS, PORT, WORKERS, Model

WAIT_MS = 1


def worker_class(model_name):
    class Infer(Worker):
        def __init__(self):
            super().__init__()
            self.model = Model(model_name)

        def deserialize(self, data):
            return orjson.loads(data)

        def serialize(self, data):
            return orjson.dumps(data)

        # mosec gives a list only where it batches.
        def forward(self, data):
            if BATCH > 1:
                return self.model.run_requests([request["inputs"] for request in data])
            return self.model.run_requests([data["inputs"]])[0]

    Infer.__name__ = Infer.__qualname__ = "Infer_" + "".join(c if c.isalnum() else "_" for c in model_name)
    # Workers are started by spawning, which finds classes by their name in their module.
    setattr(sys.modules[__name__], Infer.__name__, Infer)
    return Infer


CLASSES = {name: worker_class(name) for name in MODELS}

if __name__ == "__main__":
    sys.argv += ["--port", str(PORT), "--address", "127.0.0.1", "--log-level", "warning"]
    server = Server()
    batching = {"max_batch_size": BATCH, "max_wait_time": WAIT_MS} if BATCH > 1 else {}
    routes = {f"/v2/models/{name}/infer": [Runtime(worker, num=WORKERS, **batching)] for name, worker in CLASSES.items()}
    server.register_runtime(routes)
    server.run()
