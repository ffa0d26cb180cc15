"""MLServer: a custom runtime around onnxruntime, with its adaptive batching; `mlserver_settings.py` writes its settings."""
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from common import Model


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        self.model = Model(self.name)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype("float32", copy=False)
        results = self.model.run(rows)
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(self.model.outputs, results)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
