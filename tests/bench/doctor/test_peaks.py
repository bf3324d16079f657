"""Peaks of a processor: measured by the libraries that run bundles, kept, and found by benchmarks."""

import onnx
from onnx import NodeProto, TensorProto, helper

from accel_bench.doctor.measuring import CHAIN, SHAPES

WEIGHTS = {"matmul": (1024, 1024), "convolution": (320, 320, 3, 3)}


def recipes() -> dict[str, onnx.ModelProto]:
    """The graphs that are shipped, by name: weights are made in them, so that a file is small."""
    return {
        f"{operation}{suffix}": _chain(operation, quantised=bool(suffix))
        for operation in SHAPES
        for suffix in ("", "_int8")
    }


def _chain(operation: str, *, quantised: bool) -> onnx.ModelProto:
    kind = TensorProto.INT8 if quantised else TensorProto.FLOAT
    value = helper.make_tensor("value", kind, [1], [1 if quantised else 1e-3])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=list(WEIGHTS[operation])),
        helper.make_node("ConstantOfShape", ["shape"], ["filled"], value=value),
        helper.make_node("Constant", [], ["scale"], value_float=0.01),
        helper.make_node("Constant", [], ["zero"], value=helper.make_tensor("zero", TensorProto.INT8, [], [0])),
        helper.make_node("DequantizeLinear", ["filled", "scale", "zero"], ["w"])
        if quantised
        else helper.make_node("Identity", ["filled"], ["w"]),
    ]
    x = "x"
    for link in range(CHAIN):
        if quantised:
            nodes += _quantised(x, to=f"x{link}")
            x = f"x{link}"
        y = "y" if link == CHAIN - 1 else f"y{link}"
        nodes.append(
            helper.make_node("MatMul", [x, "w"], [y])
            if operation == "matmul"
            else helper.make_node("Conv", [x, "w"], [y], pads=[1, 1, 1, 1])
        )
        x = y
    shape = SHAPES["matmul" if operation == "matmul" else "convolution"]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph(nodes, operation, values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="accel")


def _quantised(x: str, *, to: str) -> list[NodeProto]:
    return [
        helper.make_node("QuantizeLinear", [x, "scale", "zero"], [f"{to}_int8"]),
        helper.make_node("DequantizeLinear", [f"{to}_int8", "scale", "zero"], [to]),
    ]
