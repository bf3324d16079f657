"""Weights in the layout of a fused operator, computed when they are written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


def constant(value: ir.Value | None) -> NDArray[Any] | None:
    """The contents of an initializer; None for a computed value."""
    tensor = None if value is None else value.const_value
    return None if tensor is None else tensor.numpy()


def derived(
    value: ir.Value, suffix: str, shape: tuple[int, ...], *, change: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any
) -> ir.Value:
    """An initializer that is computed from another one and named after it, with ``suffix``; made once per graph.

    Args:
        value: The initializer to start from.
        suffix: Suffix of its name, which describes the change.
        shape: Shape of the result.
        change: Computes the contents each time they are read, as they are as large as the model's weights.
        dtype: Type of the result, an `ir.DataType`.
    """
    graph, tensor = value.graph, value.const_value
    assert graph is not None and tensor is not None  # noqa: S101, PT018  # rules match initializers only
    name = f"{value.name}_{suffix}"
    if name not in graph.initializers:
        lazy = ir.LazyTensor(
            lambda: ir.tensor(np.ascontiguousarray(change(tensor.numpy())), dtype=dtype),
            dtype=dtype,
            shape=ir.Shape(shape),
            name=name,
        )
        graph.register_initializer(ir.Value(name=name, const_value=lazy, shape=lazy.shape, type=ir.TensorType(dtype)))
    return graph.initializers[name]
