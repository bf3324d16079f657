"""A graph of two convolutions and a linear layer, small enough to look at."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

CHANNELS, SIDE = 3, 4


def weights_of(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights whose output channels differ a hundredfold, so that one scale for all would lose the small ones."""
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    values[0] *= 100
    return values


def two_convolutions_and_a_linear() -> ir.Model:
    """Compute x [rows, 3, 4, 4] → first → second, convolutions → their rows of pixels by linear → [rows, 3, 4, 5]."""
    x = ir.Input("x", shape=ir.Shape(["rows", CHANNELS, SIDE, SIDE]), type=ir.TensorType(ir.DataType.FLOAT))
    filters = [_weights(name, weights_of((CHANNELS, CHANNELS, 1, 1))) for name in ("filters", "more_filters")]
    matrix = _weights("matrix", weights_of((SIDE, 5)))
    first = _node("Conv", [x, filters[0]], name="first", shape=["rows", CHANNELS, SIDE, SIDE])
    second = _node("Conv", [first.outputs[0], filters[1]], name="second", shape=["rows", CHANNELS, SIDE, SIDE])
    linear = _node("MatMul", [second.outputs[0], matrix], name="linear", shape=["rows", CHANNELS, SIDE, 5])
    graph = ir.Graph(
        [x],
        [linear.outputs[0]],
        nodes=[first, second, linear],
        initializers=[*filters, matrix],
        opset_imports={"": 18},
        name="g",
    )
    return ir.Model(graph, ir_version=10)


def _weights(name: str, values: NDArray[np.float32]) -> ir.Value:
    tensor = ir.tensor(values, name=name)
    return ir.Value(name=name, const_value=tensor, shape=ir.Shape(values.shape), type=ir.TensorType(tensor.dtype))


def _node(operator: str, inputs: list[ir.Value], *, name: str, shape: list[int | str]) -> ir.Node:
    node = ir.node(operator, inputs, name=name)
    node.outputs[0].name = f"{name}_out"
    node.outputs[0].shape, node.outputs[0].type = ir.Shape(shape), ir.TensorType(ir.DataType.FLOAT)
    return node
