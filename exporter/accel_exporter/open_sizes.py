"""Trace a module at sizes that are known again wherever they appear, and open them in the graph afterwards.

torch traces open sizes as symbols, and reasons about them at each operator: most of a trace's time. Here each open
size is a large prime, the trace runs on tensors without memory, and every number in the graph that one of the primes
divides is written as what it stands for: the size of an input or of a value, or a product of such. A side that is
halved and rounded up, level after level, stays a prime, for the primes are a Cunningham chain of the second kind.

A number that stands for something else would give other sizes at other inputs: every graph that is written is held
against torch at other sizes than these (`accel_exporter.check`).
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any, Final

import onnx_ir as ir
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.export import ExportedProgram
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.fx.node import map_aggregate

from accel_exporter.graphs import Axis, Traceable

# For rows, height and width, in the order in which a component names them: primes p, each followed by (p + 1) / 2. They
# divide no number that a model has of itself, and no product of sizes that a graph has is beyond 64 bits.
_CHAINS: Final = ((7919,), (24481, 12241, 6121, 3061, 1531), (109441, 54721, 27361, 13681, 6841))

# What padding adds to a side, or a convolution takes from it.
_RIMS: Final = (-2, -1, 1, 2)


@dataclass(frozen=True, slots=True)
class OpenSizes:
    """The primes that stand for a component's open sizes.

    Attributes:
        chains: By symbol, the prime of its unit and those of its halves.
    """

    chains: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, traceable: Traceable) -> "OpenSizes | None":
        """Primes for a traceable's symbols; None where it has more of them than there are primes."""
        symbols = dict.fromkeys(axis.symbol for axes in traceable.axes.values() for axis in axes.values())
        if len(symbols) > len(_CHAINS):
            return None
        return cls(dict(zip(symbols, _CHAINS, strict=False)))

    def inputs(self, traceable: Traceable) -> Iterator[Tensor]:
        """The traceable's inputs at these sizes, without memory."""
        mode = FakeTensorMode(shape_env=ShapeEnv(tracked_fakes=[]), allow_non_fake_inputs=True, export=True)
        with mode:
            for name, given in traceable.inputs.items():
                axes = traceable.axes.get(name, {})
                shape = [self._size(axes[at]) if at in axes else size for at, size in enumerate(given.shape)]
                yield torch.empty(shape, dtype=given.dtype)

    def _size(self, axis: Axis) -> int:
        return self.chains[axis.symbol][0] * axis.multiple // axis.over

    def is_open(self, size: object) -> bool:
        """Whether a number has one of the sizes in it."""
        return (
            type(size) is int
            and size > 0
            and any(size % prime == 0 for chain in self.chains.values() for prime in chain)
        )

    def expression(self, size: int) -> int | str | None:
        """The size of a dimension: in symbols, in sympy's words, where it is open; None for an open one with a rim."""
        for symbol, chain in self.chains.items():
            for halvings, prime in enumerate(chain):
                if size % prime == 0:
                    part = f"-floor(-{symbol}/{2**halvings})" if halvings else symbol
                    return f"{size // prime}*({part})"
        return None if any(self.is_open(size - rim) for rim in _RIMS) else size


def opened(exported: ExportedProgram, sizes: OpenSizes) -> ExportedProgram | None:
    """A copy whose graph computes its open sizes from its inputs; None where a number is not a product of sizes.

    The values that its nodes remember keep the primes in their shapes: see `open_shapes`.
    """
    graph = copy.deepcopy(exported.graph)
    if not _Opening(graph, sizes).run():
        return None
    result = copy.copy(exported)
    result._graph_module = GraphModule(exported.graph_module, graph)  # noqa: SLF001 - as torch's exporter does
    return result


class _Opening:
    """Replaces the numbers of a graph, node after node."""

    def __init__(self, graph: Graph, sizes: OpenSizes) -> None:
        self._graph = graph
        self._sizes = sizes
        # Where each open size was first seen, and the nodes that say it.
        self._seen: dict[int, tuple[Node, int]] = {}
        self._nodes: dict[int, Node] = {}

    def run(self) -> bool:
        for node in list(self._graph.nodes):
            numbers = {*_numbers((node.args, node.kwargs))}
            with self._graph.inserting_before(node):
                if not all(self._is_known(number) for number in sorted(numbers)):
                    return False
            node.args = map_aggregate(node.args, self._replaced)
            node.kwargs = map_aggregate(node.kwargs, self._replaced)
            self._see(node)
        return True

    def _is_known(self, number: int) -> bool:
        """Whether a number is the model's own, or there is a node that says it."""
        if self._sizes.is_open(number):
            return self._node_of(number) is not None
        return self._sizes.expression(number) is not None

    def _see(self, node: Node) -> None:
        value = node.meta.get("val")
        if isinstance(value, Tensor):
            for dimension, size in enumerate(value.shape):
                if self._sizes.is_open(size):
                    self._seen.setdefault(size, (node, dimension))

    def _replaced(self, value: Any) -> Any:
        return self._nodes[value] if self._sizes.is_open(value) else value

    def _node_of(self, size: int) -> Node | None:
        """A node that says a size: a dimension of a value before it, or a product of one and what is left."""
        if size in self._nodes:
            return self._nodes[size]
        if size in self._seen:
            return self._call(torch.ops.aten.sym_size.int, self._seen[size], size=size)
        part = max((seen for seen in self._seen if size % seen == 0), default=None)
        if part is None:
            return None
        rest = size // part
        others = self._node_of(rest) if self._sizes.is_open(rest) else rest
        return None if others is None else self._call(mul, (self._node_of(part), others), size=size)

    def _call(self, target: Any, arguments: tuple[Any, ...], *, size: int) -> Node:
        node = self._graph.call_function(target, arguments)
        node.meta["val"] = size
        self._nodes[size] = node
        return node


def _numbers(value: Any) -> Iterator[int]:
    if type(value) is int:
        yield value
    elif isinstance(value, Mapping):
        yield from _numbers(tuple(value.values()))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _numbers(item)


def open_shapes(model: ir.Model, sizes: OpenSizes) -> None:
    """Write the primes in the shapes of a translated graph as expressions."""
    for value in (*model.graph.inputs, *(value for node in model.graph.all_nodes() for value in node.outputs)):
        if value.shape is not None:
            dims = [size if isinstance(size, int) else size.value for size in value.shape]
            value.shape = ir.Shape([sizes.expression(dim) if isinstance(dim, int) else dim for dim in dims])
