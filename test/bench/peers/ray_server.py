"""Ray Serve: two replicas a model, batching by its decorator."""
import os
import signal

import ray
from ray import serve
from starlette.requests import Request

from common import BATCH, MODELS, PORT, WORKERS, Model


@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.1})
class Infer:
    def __init__(self, name):
        self.model = Model(name)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0.001)
    async def run(self, inputs):
        return self.model.run_requests(inputs)

    async def __call__(self, request: Request):
        return await self.run((await request.json())["inputs"])


if __name__ == "__main__":
    # Replicas are other processes, elsewhere: they find common.py by the path.
    path = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), os.environ.get("PYTHONPATH", "")])
    names = ("BENCH_PORT", "BENCH_MODELS", "BENCH_WORKERS", "BENCH_BATCH")
    environment = {"PYTHONPATH": path, **{name: os.environ[name] for name in names}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment}, _temp_dir=os.environ["BENCH_SCRATCH"])
    serve.start(http_options={"host": "127.0.0.1", "port": PORT, "access_log": False}, logging_config={"enable_access_log": False})
    for name in MODELS:
        serve.run(Infer.bind(name), name=name, route_prefix=f"/v2/models/{name}/infer")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    serve.shutdown()
    ray.shutdown()
