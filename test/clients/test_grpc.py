"""tritonclient's gRPC client, unmodified, against a running Pilothouse."""
import os
import queue
import unittest

import numpy as np
import tritonclient.grpc as client
from tritonclient.utils import InferenceServerException

from tensors import A, B, FOREVER, every_type, same

ADDRESS = os.environ["PILOTHOUSE_GRPC_ADDRESS"]


def tensor(name, array, datatype):
    made = client.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def simple_inputs(a=A, b=B):
    return [tensor("INPUT0", a, "INT32"), tensor("INPUT1", b, "INT32")]


class Grpc(unittest.TestCase):
    def setUp(self):
        self.client = client.InferenceServerClient(ADDRESS)
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
        self.assertEqual(self.client.get_server_metadata().name, "pilothouse")
        model = self.client.get_model_metadata("simple")
        self.assertEqual([(i.name, i.datatype, list(i.shape)) for i in model.inputs], [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])])
        self.assertEqual(self.client.get_model_metadata("simple", as_json=True)["versions"], ["1"])

    def test_config(self):
        config = self.client.get_model_config("every-type").config
        self.assertEqual(config.name, "every-type")
        declared = {i.name for i in self.client.get_model_metadata("every-type").inputs}
        self.assertEqual({i.name for i in config.input}, declared)
        self.assertIn("TYPE_STRING", [i["data_type"] for i in self.client.get_model_config("every-type", as_json=True)["config"]["input"]])

    def test_statistics(self):
        count = lambda: self.client.get_inference_statistics("simple").model_stats[0].inference_stats.success.count
        before = count()
        self.client.infer("simple", simple_inputs())
        self.assertGreater(count(), before)
        self.assertGreaterEqual(len(self.client.get_inference_statistics().model_stats), 3)

    def test_index(self):
        models = {m.name: m.state for m in self.client.get_model_repository_index().models}
        self.assertEqual((models["simple"], models["every-type"]), ("READY", "READY"))

    def test_models_are_not_loaded_here(self):
        for act in (self.client.load_model, self.client.unload_model):
            self.assertIn("control plane", self.failure(lambda: act("simple")).message())

    def test_infer(self):
        result = self.client.infer("simple", simple_inputs(), request_id="eins")
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + B))
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))
        self.assertEqual(result.get_response().id, "eins")
        self.assertEqual(result.get_response().model_version, "1")

    def test_requested_outputs(self):
        result = self.client.infer("simple", simple_inputs(), outputs=[client.InferRequestedOutput("OUTPUT1")], model_version="1")
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT1"), A - B))
        self.assertIsNone(result.as_numpy("OUTPUT0"))

    def test_every_datatype_to_the_bit(self):
        arrays = every_type()
        result = self.client.infer("every-type", [tensor(f"in_{name}", array, name) for name, array in arrays.items()])
        for name, array in arrays.items():
            with self.subTest(name):
                self.assertTrue(same(array, result.as_numpy(f"out_{name}")))

    def test_compression(self):
        a = np.tile(A, (500, 1))
        for algorithm in ("gzip", "deflate"):
            with self.subTest(algorithm):
                result = self.client.infer("simple", simple_inputs(a, a), compression_algorithm=algorithm)
                self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), a + a))

    def test_tens_of_megabytes(self):
        a = np.arange(16 * 400_000, dtype=np.int32).reshape(-1, 16)
        result = self.client.infer("simple", simple_inputs(a, a), outputs=[client.InferRequestedOutput("OUTPUT0")])
        self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), a + a))

    def test_async(self):
        done = queue.Queue()
        for i in range(20):
            self.client.async_infer("simple", simple_inputs(A, A * i), callback=lambda result, error, i=i: done.put((i, result, error)))
        for _ in range(20):
            i, result, error = done.get(timeout=60)
            self.assertIsNone(error)
            self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + A * i))

    def test_stream(self):
        done = queue.Queue()
        self.client.start_stream(callback=lambda result, error: done.put((result, error)))
        for i in range(50):
            self.client.async_stream_infer("simple" if i != 10 else "nobody", simple_inputs(A, A * i), request_id=str(i))
        for i in range(50):
            result, error = done.get(timeout=60)
            if i == 10:
                self.assertIn('model "nobody" is unknown', error.message())
                continue
            self.assertIsNone(error)
            self.assertEqual(result.get_response().id, str(i))
            self.assertTrue(np.array_equal(result.as_numpy("OUTPUT0"), A + A * i))
        self.client.stop_stream()

    def test_final_response_of_a_stream(self):
        done = queue.Queue()
        self.client.start_stream(callback=lambda result, error: done.put((result, error)))
        self.client.async_stream_infer("simple", simple_inputs(), enable_empty_final_response=True)
        result, error = done.get(timeout=60)
        self.assertIsNone(error)
        self.assertTrue(result.get_response().parameters["triton_final_response"].bool_param)
        self.client.stop_stream()

    def test_timeouts(self):
        slow = [tensor("TIMES", FOREVER, "INT64")]
        self.assertIn("DEADLINE_EXCEEDED", self.failure(lambda: self.client.infer("slow", slow, client_timeout=0.3)).status())
        late = self.failure(lambda: self.client.infer("slow", slow, timeout=200_000))
        self.assertIn("DEADLINE_EXCEEDED", late.status())
        self.assertIn("200 ms", late.message())

    def test_errors(self):
        cases = {
            "NOT_FOUND": lambda: self.client.infer("nobody", simple_inputs()),
            "INVALID_ARGUMENT": lambda: self.client.infer("simple", simple_inputs()[:1]),
        }
        for status, act in cases.items():
            with self.subTest(status):
                self.assertIn(status, self.failure(act).status())
        self.assertIn("does not serve version 9", self.failure(lambda: self.client.infer("simple", simple_inputs(), model_version="9")).message())
        wrong = self.failure(lambda: self.client.infer("simple", [tensor("INPUT0", A.astype(np.float32), "FP32"), simple_inputs()[1]]))
        self.assertIn('input "INPUT0" is FP32; the model takes INT32', wrong.message())


class Health(unittest.TestCase):
    def test_standard_service(self):
        import grpc

        with grpc.insecure_channel(ADDRESS) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            # Field 1, value SERVING.
            self.assertEqual(check(b"", timeout=30), b"\x08\x01")
