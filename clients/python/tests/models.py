"""Small ONNX models for the tests."""

from typing import Any

import onnx
from onnx import TensorProto, helper


def doubling(rows: "int | str" = "rows") -> Any:
    """y = x + x, of rows with two values."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 2])
    return _model([helper.make_node("Add", ["x", "x"], ["y"])], [x], [y])


def summing_rows() -> Any:
    """y = x + the sum of all rows: an answer depends on the rows beside it."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1), helper.make_node("Add", ["x", "sum"], ["y"])]
    return _model(nodes, [x], [y], [axes])


def text_and_numbers() -> Any:
    """Gives back a text and a 64-bit integer."""
    inputs = [
        helper.make_tensor_value_info("text", TensorProto.STRING, ["rows"]),
        helper.make_tensor_value_info("number", TensorProto.INT64, ["rows"]),
    ]
    outputs = [
        helper.make_tensor_value_info("same_text", TensorProto.STRING, ["rows"]),
        helper.make_tensor_value_info("same_number", TensorProto.INT64, ["rows"]),
    ]
    nodes = [helper.make_node("Identity", ["text"], ["same_text"]), helper.make_node("Identity", ["number"], ["same_number"])]
    return _model(nodes, inputs, outputs)


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: "list[Any] | None" = None) -> Any:
    graph = helper.make_graph(nodes, "test", inputs, outputs, weights or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
