"""`NhwcConv`, whose filters are stored transposed, and the end of transpositions that undo each other."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from accel_exporter.forms.group_norm import TO_NCHW, TO_NHWC
from accel_exporter.forms.weights import derived


def _conv(op: Any, x: Any, filters: Any, bias: Any) -> Any:
    return op.Conv(x, filters, bias, _outputs=["made"])


def _is_image(_context: Any, filters: ir.Value, **_: Any) -> bool:
    tensor = filters.const_value
    return tensor is not None and len(tensor.shape) == 4


def _nhwc_conv(op: Any, x: Any, filters: ir.Value, bias: Any, made: ir.Value) -> Any:
    node, tensor = made.producer(), filters.const_value
    assert node is not None and tensor is not None  # noqa: S101, PT018  # both were matched
    sizes = tensor.shape.numpy()
    shape = tuple(sizes[axis] for axis in TO_NHWC)
    turned = derived(filters, "nhwc", shape, change=lambda values: values.transpose(TO_NHWC), dtype=tensor.dtype)
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    out = op.NhwcConv(op.Transpose(x, perm=TO_NHWC), turned, bias, **attributes, _domain="com.microsoft", _version=1)
    return op.Transpose(out, perm=TO_NCHW)


NHWC_CONV = (RewriteRule(_conv, _nhwc_conv, _is_image, name="NhwcConv"),)


def _there_and_back(op: Any, x: Any) -> Any:
    return op.Transpose(op.Transpose(x, perm=TO_NCHW), perm=TO_NHWC)


def _back_and_there(op: Any, x: Any) -> Any:
    return op.Transpose(op.Transpose(x, perm=TO_NHWC), perm=TO_NCHW)


def _nothing(op: Any, x: Any) -> Any:
    return op.Identity(x)


# What is between may have other readers, and is then kept for them.
TRANSPOSES = tuple(
    RewriteRule(pattern, _nothing, name="undone transposition", remove_nodes=False)
    for pattern in (_there_and_back, _back_and_there)
)
