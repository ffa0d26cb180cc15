"""Writes the ONNX models that the clients call, one folder's worth: models.py FOLDER."""
import sys
from pathlib import Path

from onnx import TensorProto, checker, helper, save

# Every datatype that ONNX Runtime can hand through, by the protocol's name.
DATATYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def model(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    return made


def tensor(name, datatype, shape):
    return helper.make_tensor_value_info(name, DATATYPES[datatype], shape)


def every_type():
    """Each output is the input of the same datatype."""
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in DATATYPES]
    inputs = [tensor(f"in_{name}", name, ["rows", 2]) for name in DATATYPES]
    outputs = [tensor(f"out_{name}", name, ["rows", 2]) for name in DATATYPES]
    return model(nodes, inputs, outputs)


def simple():
    """Triton's own example: a sum and a difference."""
    nodes = [helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]), helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])]
    inputs = [tensor(name, "INT32", ["rows", 16]) for name in ("INPUT0", "INPUT1")]
    outputs = [tensor(name, "INT32", ["rows", 16]) for name in ("OUTPUT0", "OUTPUT1")]
    return model(nodes, inputs, outputs)


def slow():
    """Counts to TIMES in a loop: as long as one likes."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["state", "one"], ["next"])],
        "body",
        [tensor("i", "INT64", []), tensor("go", "BOOL", []), tensor("state", "FP32", [1])],
        [tensor("go_on", "BOOL", []), tensor("next", "FP32", [1])],
        initializer=[helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    nodes = [
        helper.make_node("Squeeze", ["TIMES"], ["times"]),
        helper.make_node("Loop", ["times", "yes", "zero"], ["COUNT"], body=body),
    ]
    constants = [helper.make_tensor("yes", TensorProto.BOOL, [], [True]), helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])]
    return model(nodes, [tensor("TIMES", "INT64", [1])], [tensor("COUNT", "FP32", [1])], constants)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, made in {"every-type": every_type(), "simple": simple(), "slow": slow()}.items():
        save(made, folder / f"{name}.onnx")
