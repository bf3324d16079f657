"""Rewrites of a graph of known sizes, into forms for which OpenVINO has faster kernels on processors.

docs/design/0028-cpu.md has what each gained, and which forms gained nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from accel_runtime.errors import InputError

Rewrite = Literal["split_gates", "wide_heads"]
REWRITES: Final[tuple[Rewrite, ...]] = get_args(Rewrite)

# AMX multiplies rows of 32 bfloat16 numbers; for the rest of a row the kernels leave the tiles.
_AMX_ROW: Final = 32
# With fewer keys, such as a prompt's 77, copying costs more than the product gains.
_LEAST_KEYS: Final = 1024
_CPUINFO: Final = Path("/proc/cpuinfo")

# What leads from a product's factor back to [B, tokens, heads, width], as torch's exporter writes it.
_QUERY: Final = ("Multiply", "Transpose", "Reshape")
_KEY: Final = ("Multiply", "Reshape", "Transpose", "Reshape", "Transpose", "Reshape")
_TO_HEADS: Final = (0, 2, 1, 3)
_TURNED: Final = (0, 2, 1)


def choose_rewrites(device: str, precision: str) -> tuple[Rewrite, ...]:
    """The rewrites that gain on a device of OpenVINO in a precision; whole graphs were measured in bfloat16 alone."""
    if device != "CPU" or precision != "bf16":
        return ()
    return ("split_gates", "wide_heads") if _has_amx() else ("split_gates",)


def check_rewrites(names: Sequence[str]) -> tuple[Rewrite, ...]:
    """Rewrites by their names, in the order in which they are done.

    Raises:
        InputError: There is none of a name.
    """
    if unknown := sorted(set(names) - set(REWRITES)):
        raise InputError(f"rewrites: expected some of {', '.join(REWRITES)}, got {unknown[0]!r}")
    return tuple(each for each in REWRITES if each in names)


def rewrite(model: Any, chosen: Sequence[Rewrite]) -> Mapping[Rewrite, int]:
    """Rewrite a model of OpenVINO in place; returns how many places each rewrite found.

    Args:
        model: Its inputs have fixed shapes. Outputs stay what they are, but for rounding.
        chosen: What to do.
    """
    found = {name: sum(map(_RULES[name], model.get_ordered_ops())) for name in chosen}
    if any(found.values()):
        model.validate_nodes_and_infer_types()
    return found


def _split_gate(node: Any) -> bool:
    """GEGLU: two products with half of the weights each, instead of one whose result is then copied into halves."""
    if node.get_type_name() != "Split" or node.get_output_size() != 2:
        return False
    total = _producer(node, 0)
    product = _producer(total, 0) if total.get_type_name() == "Add" else total
    constants = (node, 1), (total, 1), (product, 1)
    if product.get_type_name() != "MatMul" or not all(_is_constant(_producer(*each)) for each in constants):
        return False
    weights, bias = _producer(product, 1), _producer(total, 1)
    last = len(node.get_output_shape(0)) - 1
    is_last = int(_producer(node, 1).data) in (-1, last)
    is_plain = not any(product.get_attributes()[name] for name in ("transpose_a", "transpose_b"))
    if not (is_last and is_plain and len(weights.shape) == 2 and len(bias.shape) == 1):
        return False
    opset, half = _opset(), node.get_output_shape(0)[-1]
    for number, output in enumerate(node.outputs()):
        ends = number * half, (number + 1) * half
        part = opset.matmul(product.input_value(0), _columns(weights, ends), transpose_a=False, transpose_b=False)
        _replace(output, opset.add(part, _columns(bias, ends)))
    return True


def _widen_heads(node: Any) -> bool:
    """Queries and keys padded with zeros to whole rows of AMX, before they are turned: their product stays the same."""
    if node.get_type_name() != "Softmax":
        return False
    product = _producer(node, 0)
    if product.get_type_name() != "MatMul":
        return False
    query, key = _walk(product.input_value(0), _QUERY), _walk(product.input_value(1), _KEY)
    if query is None or key is None:
        return False
    width, keys = query[-1].get_output_shape(0)[-1], node.get_output_shape(0)[-1]
    same = [each[-1].get_output_shape(0)[-2:] for each in (query, key)]
    if same[0] != same[1] or keys < _LEAST_KEYS or width % _AMX_ROW == 0 or not _turns(query, key):
        return False
    opset = _opset()
    q, k = (_padded(chain, -width % _AMX_ROW) for chain in (query, key))
    _replace(product.output(0), opset.matmul(q, k, transpose_a=False, transpose_b=True))
    return True


_RULES: Final[Mapping[Rewrite, Callable[[Any], bool]]] = {"split_gates": _split_gate, "wide_heads": _widen_heads}


def _walk(value: Any, kinds: Sequence[str]) -> list[Any] | None:
    """The nodes that lead to ``value`` by their first inputs, the nearest first; None where they are of other kinds."""
    found = []
    for kind in kinds:
        node = value.get_node()
        if node.get_type_name() != kind:
            return None
        found.append(node)
        value = node.input_value(0)
    return found if len(found[-1].get_output_shape(0)) == 4 else None


def _turns(query: Sequence[Any], key: Sequence[Any]) -> bool:
    """Whether chains transpose as attention does, and scale by one number."""
    expected = ((query[1], _TO_HEADS), (key[2], _TURNED), (key[4], _TO_HEADS))
    orders = all(_is_constant(_producer(node, 1)) and _numbers(node) == order for node, order in expected)
    scales = (_producer(chain[0], 1) for chain in (query, key))
    return orders and all(_is_constant(scale) and np.prod(scale.shape) == 1 for scale in scales)


def _padded(chain: Sequence[Any], zeros: int) -> Any:
    """[B, heads, tokens, width + zeros], scaled, from a chain's [B, tokens, heads, width]."""
    opset, value = _opset(), chain[-1].output(0)
    # Of the value's own type, so that half-precision graphs stay what they are.
    nothing = opset.convert_like(opset.constant(np.float32(0)), value)
    wide = opset.pad(value, np.zeros(4, np.int64), np.array([0, 0, 0, zeros], np.int64), "constant", nothing)
    return opset.multiply(opset.transpose(wide, np.array(_TO_HEADS, np.int64)), chain[0].input_value(1))


def _columns(constant: Any, ends: tuple[int, int]) -> Any:
    """A part of the last axis of a constant, which OpenVINO cuts when it compiles."""
    start, stop, step, axis = ([number] for number in (*ends, 1, len(constant.shape) - 1))
    return _opset().slice(constant, *(np.array(each, np.int64) for each in (start, stop, step, axis)))


def _replace(old: Any, new: Any) -> None:
    for reader in old.get_target_inputs():
        reader.replace_source_output(new.output(0))


def _producer(node: Any, number: int) -> Any:
    return node.input_value(number).get_node()


def _numbers(transpose: Any) -> tuple[int, ...]:
    return tuple(_producer(transpose, 1).data.tolist())


def _is_constant(node: Any) -> bool:
    return bool(node.get_type_name() == "Constant")


def _has_amx() -> bool:
    return _CPUINFO.exists() and "amx_bf16" in _CPUINFO.read_text().split()


def _opset() -> Any:
    import openvino.opset13  # noqa: PLC0415  # an extra, imported by the backend that has it

    return openvino.opset13
