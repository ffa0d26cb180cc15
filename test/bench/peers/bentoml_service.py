"""BentoML: adaptive batching of one list-shaped parameter; each request brings a list of one."""
import bentoml

from common import BATCH, MODELS, WORKERS, Model

OPTIONS = {"batchable": True, "batch_dim": 0, "max_batch_size": BATCH, "max_latency_ms": 1000}


@bentoml.service(workers=WORKERS, traffic={"timeout": 30, "max_concurrency": 1024}, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Infer:
    def __init__(self):
        self.models = {name: Model(name) for name in MODELS}

    @bentoml.api(route="/v2/models/mlp-4-16-3/infer", **OPTIONS)
    def mlp(self, inputs: list[dict]) -> list[dict]:
        return self.models["mlp-4-16-3"].run_requests([[each] for each in inputs])

    @bentoml.api(route="/v2/models/digits/infer", **OPTIONS)
    def digits(self, inputs: list[dict]) -> list[dict]:
        return self.models["digits"].run_requests([[each] for each in inputs])
