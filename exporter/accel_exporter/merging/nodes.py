"""Matching, merging and unmerging of tokens as nodes of ONNX, the same on every run: nothing is drawn or scattered.

Tokens are the cells of a grid of h × w. The upper left cell of each square of 2 × 2 is a destination, as in `tomesd`
without its random choice. All others are sources, of which the ``ratio`` of all tokens that are most like some
destination are merged into it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx_ir as ir

_STRIDE: Final = 2


@dataclass(frozen=True, slots=True)
class Matched:
    """Which tokens are merged into which, of each row of the batch.

    Attributes:
        sources: Positions of the sources. Shape: [S].
        destinations: Positions of the destinations. Shape: [D].
        kept: Numbers of the sources that stay. Shape: [B, S - R, 1].
        merged: Numbers of the sources that are merged. Shape: [B, R, 1].
        into: For each merged source, the number of its destination. Shape: [B, R].
        back: Where among the kept sources and then the destinations each token went. Shape: [B, N, 1].
        is_float: The graph computes in float32, and not in half precision.
    """

    sources: Any
    destinations: Any
    kept: Any
    merged: Any
    into: Any
    back: Any
    is_float: bool


def match(op: Any, tokens: Any, *, grid: Any, ratio: float, is_float: bool) -> Matched:
    """Match sources with destinations by cosine similarity.

    Args:
        op: Makes nodes.
        tokens: What is compared. Shape: [B, N, C].
        grid: Has height and width of the grid as its dimensions 1 and 2.
        ratio: Share of the tokens that is merged.
        is_float: See `Matched`.
    """
    height, width = (op.Shape(grid, start=axis, end=axis + 1) for axis in (1, 2))
    sources, destinations = _positions(op, height, width)
    number = op.Mul(op.Cast(op.Mul(height, width), to=ir.DataType.DOUBLE), _constant(op, ratio, np.float64))
    count = op.Min(op.Cast(number, to=ir.DataType.INT64), op.Shape(sources))

    # In float32: the squares of half a thousand half-precision numbers may have no room in one.
    wide = tokens if is_float else op.Cast(tokens, to=ir.DataType.FLOAT)
    unit = op.Div(wide, op.ReduceL2(wide, _ints(op, -1), keepdims=1))
    ours, others = op.Gather(unit, sources, axis=1), op.Gather(unit, destinations, axis=1)
    scores = op.MatMul(ours, op.Transpose(others, perm=[0, 2, 1]))
    nearest = op.ArgMax(scores, axis=-1, keepdims=0)
    likeness = op.ReduceMax(scores, _ints(op, -1), keepdims=0)
    # All sources, the most alike first.
    _, order = op.TopK(likeness, op.Shape(sources), axis=-1, _outputs=2)
    merged = op.Slice(order, _ints(op, 0), count, _ints(op, 1))
    kept = op.Slice(order, count, op.Shape(sources), _ints(op, 1))
    return Matched(
        sources=sources,
        destinations=destinations,
        kept=op.Unsqueeze(kept, _ints(op, -1)),
        merged=op.Unsqueeze(merged, _ints(op, -1)),
        into=op.GatherND(nearest, op.Unsqueeze(merged, _ints(op, -1)), batch_dims=1),
        back=_back(op, sources, destinations, nearest=nearest, order=order, count=count),
        is_float=is_float,
    )


def merge(op: Any, tokens: Any, matched: Matched) -> Any:
    """[B, N, C] → [B, N - R, C]: the kept sources, then each destination's mean with what is merged into it."""
    sources, destinations = (op.Gather(tokens, at, axis=1) for at in (matched.sources, matched.destinations))
    kept = op.GatherND(sources, matched.kept, batch_dims=1)
    merged = op.GatherND(sources, matched.merged, batch_dims=1)
    # A product with zeros and ones: sums in a fixed order, where a scatter on a GPU adds as threads come.
    numbers = op.Unsqueeze(_count_to(op, op.Shape(matched.destinations)), _ints(op, 0, 2))
    is_into = op.Equal(op.Unsqueeze(matched.into, _ints(op, 1)), numbers)
    chosen = op.Cast(is_into, to=ir.DataType.FLOAT if matched.is_float else ir.DataType.FLOAT16)
    total = op.Add(destinations, op.MatMul(chosen, merged))
    one = _constant(op, 1, np.float32 if matched.is_float else np.float16)
    mean = op.Div(total, op.Add(op.ReduceSum(chosen, _ints(op, -1), keepdims=1), one))
    return op.Concat(kept, mean, axis=1)


def unmerge(op: Any, tokens: Any, matched: Matched) -> Any:
    """[B, N - R, C] → [B, N, C]: each merged token becomes what its destination is."""
    return op.GatherND(tokens, matched.back, batch_dims=1)


def _positions(op: Any, height: Any, width: Any) -> tuple[Any, Any]:
    """Positions of sources [S] and destinations [D] in a grid whose sides may be odd.

    Without a search for them, so that a graph of fixed sizes has fixed shapes. An even row has a destination in every
    even column, as far as squares are whole, and all else are sources.
    """
    squares_down, squares_along = (op.Div(side, _ints(op, _STRIDE)) for side in (height, width))
    even_rows = op.Mul(_count_to(op, squares_down), _ints(op, _STRIDE))
    even_columns = op.Mul(_count_to(op, squares_along), _ints(op, _STRIDE))
    destinations = _cells(op, even_rows, even_columns, width=width)
    beside = _cells(op, even_rows, _odd(op, width, squares_along), width=width)
    below = _cells(op, _odd(op, height, squares_down), _count_to(op, width), width=width)
    return op.Concat(beside, below, axis=0), destinations


def _odd(op: Any, side: Any, squares: Any) -> Any:
    """1, 3, 5 …, and where the side is odd its last number, which belongs to no square."""
    numbers = op.Mul(_count_to(op, op.Sub(side, squares)), _ints(op, _STRIDE))
    return op.Min(op.Add(numbers, _ints(op, 1)), op.Sub(side, _ints(op, 1)))


def _cells(op: Any, rows: Any, columns: Any, *, width: Any) -> Any:
    """The positions of all cells of some rows and columns."""
    cells = op.Add(op.Unsqueeze(op.Mul(rows, width), _ints(op, 1)), op.Unsqueeze(columns, _ints(op, 0)))
    return op.Reshape(cells, _ints(op, -1))


def _back(op: Any, sources: Any, destinations: Any, *, nearest: Any, order: Any, count: Any) -> Any:
    """See `Matched.back`."""
    stay = op.Sub(op.Shape(sources), count)
    rank = _places(op, order, size=op.Shape(sources), axis=1)
    of_sources = op.Where(op.Less(rank, count), op.Add(nearest, stay), op.Sub(rank, count))
    numbers = op.Unsqueeze(op.Add(_count_to(op, op.Shape(destinations)), stay), _ints(op, 0))
    rows = op.Concat(op.Shape(nearest, start=0, end=1), op.Shape(destinations), axis=0)
    of_all = op.Concat(of_sources, op.Expand(numbers, rows), axis=1)
    positions = op.Concat(sources, destinations, axis=0)
    return op.Unsqueeze(
        op.Gather(of_all, _places(op, positions, size=op.Shape(positions), axis=0), axis=1), _ints(op, -1)
    )


def _places(op: Any, permutation: Any, *, size: Any, axis: int) -> Any:
    """Where each number is in a permutation of them."""
    _, places = op.TopK(permutation, size, axis=axis, largest=0, _outputs=2)
    return places


def _count_to(op: Any, size: Any) -> Any:
    """0, 1, 2 …, as many as ``size`` [1] says."""
    zero, one = (_constant(op, number, np.int64) for number in (0, 1))
    return op.Range(zero, op.Squeeze(size), one)


def _ints(op: Any, *numbers: int) -> Any:
    return op.Constant(value=ir.tensor(np.array(numbers, np.int64)))


def _constant(op: Any, number: float, dtype: Any) -> Any:
    return op.Constant(value=ir.tensor(np.array(number, dtype)))
