"""LitServe: batching by its own parameters; the names `request` and `output` are part of its interface."""
import litserve as ls

from common import BATCH, MODELS, PORT, WORKERS, Model


class Api(ls.LitAPI):
    def __init__(self, name, **options):
        super().__init__(api_path=f"/v2/models/{name}/infer", **options)
        self.model_name = name

    def setup(self, device):
        self.model = Model(self.model_name)

    def decode_request(self, request):
        return request["inputs"]

    def batch(self, inputs):
        return inputs

    def predict(self, inputs):
        return self.model.run_requests(inputs)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    apis = [Api(name, max_batch_size=BATCH, batch_timeout=0.001) for name in MODELS]
    server = ls.LitServer(apis, accelerator="cpu", workers_per_device=WORKERS, fast_queue=True)
    server.run(host="127.0.0.1", port=PORT, num_api_servers=1, generate_client_file=False, log_level="warning")
