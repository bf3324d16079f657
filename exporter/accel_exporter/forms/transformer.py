"""The operations between the matrix products of a transformer block: sums with norms, gates, biases."""

from math import isclose
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from accel_exporter.forms.weights import constant

# The only sizes that ONNX Runtime's kernels support: those of Stable Diffusion.
_GATED = (2560, 5120, 10240)
_WIDTHS = (320, 640, 1280)


def _sum_and_norm(op: Any, product: Any, bias: Any, skip: Any, gamma: Any, beta: Any, epsilon: Any) -> Any:
    total = _residual(op, product, bias, skip)
    return op.LayerNormalization(total, gamma, beta, axis=-1, epsilon=epsilon), total


def _residual(op: Any, product: Any, bias: Any, skip: Any) -> Any:
    return op.Add(op.Add(product, bias), skip)


def _skip_layer_norm(op: Any, product: Any, bias: Any, skip: Any, gamma: Any, beta: Any, epsilon: Any) -> Any:
    normed, _, _, total = op.SkipLayerNormalization(
        product, skip, gamma, beta, bias, epsilon=epsilon.as_float(), _domain="com.microsoft", _version=1, _outputs=4
    )
    return normed, total


def _is_linear(_context: Any, product: ir.Value, bias: ir.Value, **_: Any) -> bool:
    """The bias of a linear layer, which distinguishes its product from the other summand."""
    node, values = product.producer(), constant(bias)
    return node is not None and node.op_type == "MatMul" and values is not None and values.ndim == 1


SKIP_LAYER_NORM = RewriteRule(_sum_and_norm, _skip_layer_norm, _is_linear, name="SkipLayerNormalization").commute()


def _gate(op: Any, product: Any, bias: Any, root_two: Any, one: Any, half: Any) -> Any:
    """GEGLU with the exact GELU: the first half of the channels times gelu(the second)."""
    first, second = op.Split(op.Add(product, bias), num_outputs=2, _outputs=2)
    gelu = op.Mul(second, op.Mul(half, op.Add(op.Erf(op.Div(second, root_two)), one)))
    return op.Mul(first, gelu)


def _gates(_context: Any, bias: ir.Value, root_two: ir.Value, one: ir.Value, half: ir.Value, **_: Any) -> bool:
    values = constant(bias)
    exact = ((root_two, 2**0.5), (one, 1.0), (half, 0.5))
    return values is not None and values.shape in ((size,) for size in _GATED) and all(_is(*pair) for pair in exact)


def _is(value: ir.Value, number: float) -> bool:
    """Whether a value is that number, up to half precision."""
    values = constant(value)
    return values is not None and values.size == 1 and isclose(float(values.item()), number, rel_tol=1e-3)


def _bias_split_gelu(op: Any, product: Any, bias: Any, **_: Any) -> Any:
    return op.BiasSplitGelu(product, bias, _domain="com.microsoft", _version=1)


BIAS_SPLIT_GELU = (RewriteRule(_gate, _bias_split_gelu, _gates, name="BiasSplitGelu"),)


def _is_wide(context: Any, product: ir.Value, bias: ir.Value, **_: Any) -> bool:
    values = constant(bias)
    return _is_linear(context, product, bias) and values is not None and values.size in _WIDTHS


def _bias_add(op: Any, product: Any, bias: Any, skip: Any) -> Any:
    return op.BiasAdd(product, bias, skip, _domain="com.microsoft", _version=1)


BIAS_ADD = RewriteRule(_residual, _bias_add, _is_wide, name="BiasAdd").commute()


def _quick(op: Any, x: Any, slope: Any) -> Any:
    return op.Mul(x, op.Sigmoid(op.Mul(x, slope)))


def _is_number(_context: Any, slope: ir.Value, **_: Any) -> bool:
    values = constant(slope)
    return values is not None and values.size == 1


def _quick_gelu(op: Any, x: Any, slope: ir.Value) -> Any:
    alpha = constant(slope)
    assert alpha is not None  # noqa: S101  # `_is_number` saw it
    return op.QuickGelu(x, alpha=float(alpha.item()), _domain="com.microsoft", _version=1)


QUICK_GELU = (RewriteRule(_quick, _quick_gelu, _is_number, name="QuickGelu"),)
