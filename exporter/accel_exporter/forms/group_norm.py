"""`GroupNorm` with its SiLU, and `SkipGroupNorm`, which adds first; both on NHWC."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from accel_exporter.forms.weights import constant, derived

TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
_SILU = 1


def _norm(
    op: Any, x: Any, groups: Any, ones: Any, zeros: Any, back: Any, scale: Any, bias: Any, *, epsilon: Any
) -> Any:
    """The nodes that torch's exporter writes up to opset 20: each group is one instance of InstanceNormalization."""
    normed = op.InstanceNormalization(op.Reshape(x, groups), ones, zeros, epsilon=epsilon)
    return op.Add(op.Mul(op.Reshape(normed, back), scale), bias)


def _plain(op: Any, x: Any, groups: Any, ones: Any, zeros: Any, back: Any, scale: Any, bias: Any, epsilon: Any) -> Any:
    return _norm(op, x, groups, ones, zeros, back, scale, bias, epsilon=epsilon)


def _with_silu(
    op: Any, x: Any, groups: Any, ones: Any, zeros: Any, back: Any, scale: Any, bias: Any, epsilon: Any
) -> Any:
    normed = _norm(op, x, groups, ones, zeros, back, scale, bias, epsilon=epsilon)
    return op.Mul(normed, op.Sigmoid(normed))


def _fits(_context: Any, ones: ir.Value, zeros: ir.Value, scale: ir.Value, bias: ir.Value, **_: Any) -> bool:
    """Images only, and an even number of channels a group: the kernels read two at a time."""
    one, zero, gamma, beta = (constant(value) for value in (ones, zeros, scale, bias))
    if one is None or zero is None or gamma is None or beta is None or gamma.ndim != 3 or gamma.shape != beta.shape:
        return False
    return bool((one == 1).all() and (zero == 0).all() and gamma.size // one.size % 2 == 0)


def _replace(op: Any, x: ir.Value, ones: ir.Value, scale: ir.Value, bias: ir.Value, epsilon: Any, *, silu: int) -> Any:
    groups = constant(ones)
    assert groups is not None  # noqa: S101  # `_fits` saw it
    made = op.GroupNorm(
        op.Transpose(x, perm=TO_NHWC),
        _flat(scale),
        _flat(bias),
        epsilon=epsilon.as_float(),
        groups=groups.size,
        activation=silu,
        channels_last=1,
        _domain="com.microsoft",
        _version=1,
    )
    return op.Transpose(made, perm=TO_NCHW)


def _flat(value: ir.Value) -> ir.Value:
    """[C, 1, 1] → [C] in float32, whatever the graph computes in: the kernels know no other."""
    tensor = value.const_value
    assert tensor is not None  # noqa: S101  # `_fits` saw it
    return derived(
        value, "float_1d", (tensor.size,), change=lambda a: a.reshape(-1).astype("float32"), dtype=ir.DataType.FLOAT
    )


def _replace_plain(op: Any, x: Any, ones: Any, scale: Any, bias: Any, epsilon: Any, **_: Any) -> Any:
    return _replace(op, x, ones, scale, bias, epsilon, silu=0)


def _replace_with_silu(op: Any, x: Any, ones: Any, scale: Any, bias: Any, epsilon: Any, **_: Any) -> Any:
    return _replace(op, x, ones, scale, bias, epsilon, silu=_SILU)


# The first comes before the second, which is a part of it.
GROUP_NORM_SILU = (RewriteRule(_with_silu, _replace_with_silu, _fits, name="GroupNorm with SiLU"),)
GROUP_NORM = (RewriteRule(_plain, _replace_plain, _fits, name="GroupNorm"),)


def _after_sum(op: Any, x: Any, skip: Any, gamma: Any, beta: Any) -> Any:
    total = op.Add(x, skip)
    normed = op.GroupNorm(op.Transpose(total, perm=TO_NHWC), gamma, beta, _domain="com.microsoft", _outputs=["normed"])
    return normed, total


def _after_time(op: Any, x: Any, skip: Any, axes: Any, gamma: Any, beta: Any) -> Any:
    """A resnet adds the time embedding [B, C] to every pixel."""
    return _after_sum(op, x, op.Unsqueeze(skip, axes), gamma, beta)


def _is_image(_context: Any, x: ir.Value, skip: ir.Value, **_: Any) -> bool:
    """Two images, no bias and no embedding: where shapes differ otherwise, the kernel refuses."""
    return all(value.producer() is not None and value.producer().op_type != "Unsqueeze" for value in (x, skip))  # type: ignore[union-attr]


def _spreads(_context: Any, axes: ir.Value, **_: Any) -> bool:
    where = constant(axes)
    return where is not None and where.tolist() == [2, 3]


def _skip_image(op: Any, x: Any, skip: Any, gamma: Any, beta: Any, normed: ir.Value) -> Any:
    return _skip(op, x, op.Transpose(skip, perm=TO_NHWC), gamma, beta, normed=normed)


def _skip_time(op: Any, x: Any, skip: Any, gamma: Any, beta: Any, normed: ir.Value, **_: Any) -> Any:
    return _skip(op, x, skip, gamma, beta, normed=normed)


def _skip(op: Any, x: Any, skip: Any, gamma: Any, beta: Any, *, normed: ir.Value) -> Any:
    node = normed.producer()
    assert node is not None  # noqa: S101  # it was matched
    made, total = op.SkipGroupNorm(
        op.Transpose(x, perm=TO_NHWC),
        gamma,
        beta,
        skip,
        **{name: attribute.value for name, attribute in node.attributes.items()},
        _domain="com.microsoft",
        _version=1,
        _outputs=2,
    )
    return made, op.Transpose(total, perm=TO_NCHW)


SKIP_GROUP_NORM = (
    RewriteRule(_after_time, _skip_time, _spreads, name="SkipGroupNorm of the time embedding"),
    RewriteRule(_after_sum, _skip_image, _is_image, name="SkipGroupNorm"),
)
