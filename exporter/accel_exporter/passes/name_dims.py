"""Give the open dimensions the names that the manifest promises."""

from collections.abc import Mapping
from typing import Final

import onnx_ir as ir
import sympy

from accel_exporter.graphs import Axis

# What up to seven downsamplers make of a side.
_HALVINGS: Final = tuple(2**times for times in range(1, 8))


class NameDimensions(ir.passes.InPlacePass):
    """Rename torch's symbols (`8*s75`) on inputs and outputs, and forget the inner shapes.

    1. Each open axis of an input gets its symbol, such as ``latent_height``.
    2. Each output dimension is rewritten in these symbols: ``4*s75`` becomes ``latent_height/2``, and so does
       ``(s75 - 1)//2 + 1``, which is that rounded up.
    3. Shapes of inner values go: runtimes infer them anew, and torch's symbols would contradict the names.
    """

    def __init__(self, axes: Mapping[str, Mapping[int, Axis]]) -> None:
        super().__init__()
        self._axes = axes

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rename the dimensions of ``model``."""
        graph = model.graph
        replacements = self._name_inputs(graph)
        for output in graph.outputs:
            _rewrite(output, replacements)
        kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
        for node in graph.all_nodes():
            for value in node.outputs:
                if id(value) not in kept:
                    value.shape = None
        return ir.passes.PassResult(model, modified=True)

    def _name_inputs(self, graph: ir.Graph) -> dict[sympy.Symbol, sympy.Expr]:
        replacements: dict[sympy.Symbol, sympy.Expr] = {}
        for value in graph.inputs:
            dims = _dims(value)
            for position, axis in self._axes.get(value.name or "", {}).items():
                dimension = dims[position]
                if isinstance(dimension, str):
                    traced = sympy.sympify(dimension)
                    (symbol,) = traced.free_symbols
                    replacements[symbol] = sympy.Symbol(axis.symbol) * symbol / traced
                    dims[position] = axis.symbol
            value.shape = ir.Shape(dims)
        return replacements


def _rewrite(value: ir.Value, replacements: Mapping[sympy.Symbol, sympy.Expr]) -> None:
    value.shape = ir.Shape(
        [dim if isinstance(dim, int) else _named(sympy.sympify(dim).subs(replacements)) for dim in _dims(value)]
    )


def _named(dimension: sympy.Expr) -> str:
    """A dimension in the manifest's grammar, where it is one."""
    if dimension.has(sympy.floor):
        (symbol,) = dimension.free_symbols
        for over in _HALVINGS:
            # Rounded parts repeat themselves after ``over`` sizes.
            if all(dimension.subs(symbol, size) == -(-size // over) for size in range(1, 2 * over + 1)):
                return f"{symbol}/{over}"
    return str(dimension)


def _dims(value: ir.Value) -> list[int | str]:
    assert value.shape is not None  # noqa: S101  # torch knows the shape of every input and output
    return [dim if isinstance(dim, int) else str(dim.value) for dim in value.shape]
