"""tritonclient's HTTP client, unmodified, against a running Pilothouse."""
import os
import unittest

import numpy as np
import tritonclient.http as client
from tritonclient.utils import InferenceServerException

from tensors import A, B, FOREVER, every_type, same

ADDRESS = os.environ["PILOTHOUSE_HTTP_ADDRESS"]


def tensor(name, array, datatype, binary=True):
    made = client.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def simple_inputs(a=A, b=B, binary=True):
    return [tensor("INPUT0", a, "INT32", binary), tensor("INPUT1", b, "INT32", binary)]


class Http(unittest.TestCase):
    def setUp(self):
        self.client = client.InferenceServerClient(ADDRESS, concurrency=4, network_timeout=120.0)
        self.addCleanup(self.client.close)

    def failure(self, act):
        with self.assertRaises(InferenceServerException) as caught:
            act()
        return caught.exception

    def test_health(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("simple"))
        self.assertTrue(self.client.is_model_ready("simple", "1"))
        self.assertFalse(self.client.is_model_ready("nobody"))

    def test_metadata(self):
        self.assertEqual(self.client.get_server_metadata()["name"], "pilothouse")
        model = self.client.get_model_metadata("simple")
        self.assertEqual([(i["name"], i["datatype"], i["shape"]) for i in model["inputs"]], [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])])
        self.assertEqual(self.client.get_model_metadata("simple", "1")["versions"], ["1"])

    def test_config(self):
        config = self.client.get_model_config("every-type")
        self.assertEqual(config["name"], "every-type")
        declared = {i["name"] for i in self.client.get_model_metadata("every-type")["inputs"]}
        self.assertEqual({i["name"] for i in config["input"]}, declared)
        self.assertIn("TYPE_STRING", [i["data_type"] for i in config["input"]])

    def test_statistics(self):
        count = lambda: self.client.get_inference_statistics("simple")["model_stats"][0]["inference_stats"]["success"]["count"]
        before = count()
        self.client.infer("simple", simple_inputs(binary=False), outputs=[client.InferRequestedOutput("OUTPUT0", binary_data=False)])
        self.assertGreater(count(), before)
        self.assertGreaterEqual(len(self.client.get_inference_statistics()["model_stats"]), 3)

    def test_index(self):
        models = {m["name"]: m["state"] for m in self.client.get_model_repository_index()}
        self.assertEqual((models["simple"], models["every-type"]), ("READY", "READY"))

    def test_models_are_not_loaded_here(self):
        for act in (self.client.load_model, self.client.unload_model):
            self.assertIn("control plane", self.failure(lambda: act("simple")).message())

    def test_infer_json(self):
        outputs = [client.InferRequestedOutput(name, binary_data=False) for name in ("OUTPUT0", "OUTPUT1")]
        result = self.client.infer("simple", simple_inputs(binary=False), outputs=outputs, request_id="eins")
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + B))
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))
        self.assertEqual((result.get_response()["id"], result.get_response()["model_version"]), ("eins", "1"))

    def test_infer_binary(self):
        result = self.client.infer("simple", simple_inputs())
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + B))
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))

    def test_infer_mixed(self):
        inputs = [simple_inputs()[0], simple_inputs(binary=False)[1]]
        outputs = [client.InferRequestedOutput("OUTPUT1", binary_data=True), client.InferRequestedOutput("OUTPUT0", binary_data=False)]
        result = self.client.infer("simple", inputs, outputs=outputs)
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + B))
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))

    def test_requested_outputs(self):
        result = self.client.infer("simple", simple_inputs(), outputs=[client.InferRequestedOutput("OUTPUT1")], model_version="1")
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))
        self.assertIsNone(result.as_numpy("OUTPUT0"))

    def test_every_datatype_to_the_bit(self):
        arrays = every_type()
        for binary in (True, False):
            # FP16 has no JSON form in this client.
            given = {name: array for name, array in arrays.items()}
            inputs = [tensor(f"in_{name}", array, name, binary or name == "FP16") for name, array in given.items()]
            outputs = [client.InferRequestedOutput(f"out_{name}", binary_data=binary or name == "FP16") for name in given]
            result = self.client.infer("every-type", inputs, outputs=outputs)
            for name, array in given.items():
                with self.subTest(name, binary=binary):
                    back = result.as_numpy(f"out_{name}")
                    # As JSON this client gives text back, where binary gives bytes.
                    if name == "BYTES" and not binary:
                        self.assertEqual(back.tolist(), array.tolist())
                    else:
                        self.assertTrue(same(array, back), f"{array} became {back}")

    def test_compression(self):
        a = np.tile(A, (500, 1))
        for asked in ("gzip", "deflate"):
            for answered in ("gzip", "deflate", None):
                with self.subTest(asked, answered=answered):
                    result = self.client.infer("simple", simple_inputs(a, a), request_compression_algorithm=asked, response_compression_algorithm=answered)
                    self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), a + a))

    def test_tens_of_megabytes(self):
        a = np.arange(16 * 400_000, dtype=np.int32).reshape(-1, 16)
        result = self.client.infer("simple", simple_inputs(a, a), outputs=[client.InferRequestedOutput("OUTPUT0")])
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), a + a))

    def test_async(self):
        asked = [self.client.async_infer("simple", simple_inputs(A, A * i)) for i in range(20)]
        for i, request in enumerate(asked):
            self.assertTrue(np.array_equal(request.get_result().as_numpy("OUTPUT0"), A + A * i))

    def test_timeouts(self):
        late = self.failure(lambda: self.client.infer("slow", [tensor("TIMES", FOREVER, "INT64")], timeout=200_000))
        self.assertEqual(late.status(), "504")
        self.assertIn("200 ms", late.message())

    def test_errors(self):
        self.assertIn('model "nobody" is unknown', self.failure(lambda: self.client.infer("nobody", simple_inputs())).message())
        self.assertEqual(self.failure(lambda: self.client.infer("simple", simple_inputs()[:1])).status(), "400")
        self.assertIn("does not serve version 9", self.failure(lambda: self.client.infer("simple", simple_inputs(), model_version="9")).message())
        wrong = self.failure(lambda: self.client.infer("simple", [tensor("INPUT0", A.astype(np.float32), "FP32"), simple_inputs()[1]]))
        self.assertIn('input "INPUT0" is FP32; the model takes INT32', wrong.message())
