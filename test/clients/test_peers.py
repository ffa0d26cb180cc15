"""Clients of other servers, unmodified, against a running Pilothouse: OpenVINO's, and gRPC's server reflection."""
import os
import unittest

import grpc
import numpy as np
import tritonclient.grpc as triton
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from ovmsclient import make_http_client

from tensors import A, B

HTTP = os.environ["PILOTHOUSE_HTTP_ADDRESS"]
GRPC = os.environ["PILOTHOUSE_GRPC_ADDRESS"]


class OpenVino(unittest.TestCase):
    """It sends version 0 with every request that names none."""

    def setUp(self):
        self.client = make_http_client(HTTP)

    def test_predict(self):
        for version in (0, 1):
            with self.subTest(version):
                outputs = self.client.predict({"INPUT0": A, "INPUT1": B}, "simple", version)
                self.assertTrue(np.array_equal(outputs["OUTPUT0"], A + B))
                self.assertTrue(np.array_equal(outputs["OUTPUT1"], A - B))

    def test_status_and_metadata(self):
        self.assertEqual({version: status["state"] for version, status in self.client.get_model_status("simple").items()}, {1: "AVAILABLE"})
        self.assertEqual(self.client.get_model_metadata("simple")["model_spec"]["version"], "1")


class Reflection(unittest.TestCase):
    def setUp(self):
        channel = grpc.insecure_channel(GRPC)
        self.addCleanup(channel.close)
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)
        self.channel = channel

    def test_every_service_is_described(self):
        services = self.database.get_services()
        self.assertIn("inference.GRPCInferenceService", services)
        for name in services:
            with self.subTest(name):
                self.assertTrue(self.pool.FindServiceByName(name).methods)

    def test_messages_that_are_known_by_reflection_only(self):
        method = self.pool.FindMethodByName("inference.GRPCInferenceService.ModelInfer")
        request = GetMessageClass(method.input_type)(model_name="simple")
        # A map, whose entries are a message of their own.
        request.parameters["mine"].string_param = "here"
        for name, array in (("INPUT0", A), ("INPUT1", B)):
            tensor = request.inputs.add(name=name, datatype="INT32", shape=array.shape)
            tensor.contents.int_contents.extend(array.ravel().tolist())
        call = self.channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        answer = call(request)
        outputs = {output.name: np.frombuffer(raw, np.int32) for output, raw in zip(answer.outputs, answer.raw_output_contents)}
        self.assertTrue(np.array_equal(outputs["OUTPUT0"], (A + B).ravel()))


class Statistics(unittest.TestCase):
    def test_input_and_output_are_measured_by_themselves(self):
        client = triton.InferenceServerClient(GRPC)
        self.addCleanup(client.close)
        tensors = []
        for name, array in (("INPUT0", A), ("INPUT1", B)):
            tensors.append(triton.InferInput(name, list(array.shape), "INT32"))
            tensors[-1].set_data_from_numpy(array)
        for _ in range(20):
            client.infer("simple", tensors)
        statistics = client.get_inference_statistics("simple").model_stats[0].inference_stats
        parts = (statistics.compute_input, statistics.compute_infer, statistics.compute_output)
        self.assertEqual([part.count for part in parts], [statistics.success.count] * 3)
        self.assertNotEqual(statistics.compute_input.ns, statistics.compute_output.ns)
        self.assertLessEqual(sum(part.ns for part in parts) + statistics.queue.ns, statistics.success.ns)
