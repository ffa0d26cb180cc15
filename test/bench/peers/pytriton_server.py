"""NVIDIA PyTriton: the Triton core with its dynamic batcher, two Python inference callables a model."""
import os

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from common import BATCH, MODELS, PORT, WORKERS, Model

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def callable_for(name):
    model = Model(name)

    @batch
    def infer(**inputs):
        results = model.run(inputs[model.input])
        # Triton wants the batch dimension and at least one more.
        return {name: value.reshape(len(value), -1) for name, value in zip(model.outputs, results)}

    return infer


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=PORT,
        grpc_port=int(os.environ["BENCH_PORT_2"]),
        metrics_port=int(os.environ["BENCH_PORT_3"]),
        log_verbose=0,
    )
    with Triton(config=config) as triton:
        for name in MODELS:
            model = Model(name)
            triton.bind(
                model_name=name,
                infer_func=[callable_for(name) for _ in range(WORKERS)],
                inputs=[Tensor(name=each.name, dtype=TYPES[each.type], shape=(each.shape[1],)) for each in model.session.get_inputs()],
                outputs=[Tensor(name=each.name, dtype=TYPES[each.type], shape=(each.shape[1] if len(each.shape) > 1 else 1,)) for each in model.session.get_outputs()],
                config=ModelConfig(max_batch_size=BATCH, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)),
                strict=False,
            )
        triton.serve()
