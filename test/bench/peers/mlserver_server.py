"""Writes MLServer's settings and becomes `mlserver start`."""
import json
import os
import pathlib
import shutil
import sys

from common import BATCH, MODELS, PORT, WORKERS

here = pathlib.Path(__file__).parent
folder = pathlib.Path(os.environ["BENCH_SCRATCH"])
settings = {
    "debug": False,
    "host": "127.0.0.1",
    "http_port": PORT,
    "grpc_port": int(os.environ["BENCH_PORT_2"]),
    "metrics_port": int(os.environ["BENCH_PORT_3"]),
    "metrics_endpoint": None,
    "parallel_workers": WORKERS,
}
(folder / "settings.json").write_text(json.dumps(settings))
for name in MODELS:
    (folder / name).mkdir(exist_ok=True)
    for file in ("mlserver_runtime.py", "common.py"):
        shutil.copy(here / file, folder / name / file)
    model = {"name": name, "implementation": "mlserver_runtime.OnnxRuntime", "max_batch_size": BATCH, "max_batch_time": 0.001}
    (folder / name / "model-settings.json").write_text(json.dumps(model))
program = os.path.join(os.path.dirname(sys.executable), "mlserver")
os.execv(program, [program, "start", str(folder)])
