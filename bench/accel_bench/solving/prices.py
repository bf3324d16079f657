"""What a jump over skipped calls costs: how little of it the noises at hand explain.

A call that runs at i is followed by one at j. Its row makes x_j of x_i and of the noises of the last calls that ran.
The least-squares residual of x_j on these vectors of the teacher is the jump's price. One Gram matrix of all vectors
prices every jump of every plan, without another model call.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from accel_bench.solving.teacher import Teacher

# Relative to each vector's square: enough to solve for vectors that are nearly parallel.
_RIDGE: Final = 1e-6
# Systems that are solved together.
_CHUNK: Final = 100_000

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A call that runs, and the deep call whose feature it uses: itself where it is deep."""

    call: int
    source: int

    @property
    def deep(self) -> bool:
        """Whether it runs the whole UNet."""
        return self.call == self.source


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """Inner products of a teacher's vectors: x_0 … x_n, then the noise of every node.

    Attributes:
        products: Inner products, summed over pictures. Shape: [n + 1 + N, n + 1 + N].
        nodes: The calls that may run, deep ones first.
        calls: UNet calls of the schedule, n.
    """

    products: Floats
    nodes: tuple[Node, ...]
    calls: int

    @classmethod
    def of(cls, teacher: Teacher) -> Self:
        """Multiply all vectors of a teacher. At 50 calls and a window of 8 these are 500."""
        calls, window = teacher.calls, teacher.window
        late = [Node(call, call - 1 - age) for call in range(1, calls) for age in range(min(window, call))]
        shallow = [teacher.shallow[node.call, node.call - 1 - node.source] for node in late]
        vectors = np.stack([each.ravel() for each in (*teacher.latents, *teacher.noises, *shallow)])
        wide = vectors.astype(np.float64)
        return cls(wide @ wide.T, (*(Node(call, call) for call in range(calls)), *late), calls)

    def noise(self, node: Numbers) -> Numbers:
        """Indices of the noises of nodes, which are given by their indices."""
        return self.calls + 1 + node

    def residuals(self, basis: Numbers, target: Numbers) -> Floats:
        """Squared residuals of least squares, many systems at once.

        Args:
            basis: Indices of the vectors of each system. Shape: [S, K].
            target: Index of the vector that each system explains. Shape: [S].
        """
        parts = [slice(at, at + _CHUNK) for at in range(0, len(basis), _CHUNK)]
        return np.concatenate([np.zeros(0), *(self._residuals(basis[part], target[part]) for part in parts)])

    def _residuals(self, basis: Numbers, target: Numbers) -> Floats:
        normal = self.products[basis[:, :, None], basis[:, None, :]]  # [S, K, K]
        right = self.products[basis, target[:, None]]  # [S, K]
        squares = np.einsum("skk->sk", normal)
        ridged = normal + _RIDGE * squares[:, :, None] * np.eye(basis.shape[1])
        found = np.linalg.solve(ridged, right[:, :, None])[:, :, 0]
        explained = 2 * np.einsum("sk,sk->s", found, right) - np.einsum("sk,skl,sl->s", found, normal, found)
        left: Floats = np.maximum(self.products[target, target] - explained, 0.0)
        return left
