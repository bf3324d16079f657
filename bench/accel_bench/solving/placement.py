"""Which calls run deep, which shallow, and which not at all: exact for the prices of `accel_bench.solving.prices`.

Dynamic programming over pairs of calls that run one after the other. A pair knows the two newest noises and the deep
call whose feature is held, so the price of the jump to any later call is known. One pass gives the best placement for
every number of deep and shallow calls; a budget in seconds then chooses among these.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from accel_bench.solving.prices import Floats, Gram, Node, Numbers

_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Placement:
    """The calls that run.

    Attributes:
        deep: Calls of the whole UNet, ascending; the first is 0.
        shallow: Calls on the feature of the last deep one, ascending.
    """

    deep: tuple[int, ...]
    shallow: tuple[int, ...] = ()

    @property
    def running(self) -> tuple[int, ...]:
        """All calls that run, ascending."""
        return tuple(sorted((*self.deep, *self.shallow)))

    def moved(self, calls: int) -> Iterator["Placement"]:
        """The placements with one call, but the first, a call later or earlier."""
        for kind in (self.deep[1:], self.shallow):
            for call in kind:
                for target in (call + 1, call - 1):
                    if 0 < target < calls and target not in self.running:
                        yield self._with(call, target)

    def _with(self, call: int, target: int) -> "Placement":
        deep, shallow = (
            tuple(sorted(target if each == call else each for each in kind)) for kind in (self.deep, self.shallow)
        )
        return Placement(deep, shallow)


@dataclass(frozen=True, slots=True)
class Priced:
    """A placement and its price: the squared error of the final latents that its jumps leave.

    Attributes:
        placement: The calls that run.
        price: Squared error, summed over the calibration.
        others: Placements of as many calls that other weights make best.
    """

    placement: Placement
    price: float
    others: tuple[Placement, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Two calls that run one after the other, and what may follow.

    Attributes:
        newest: Node of the newer call of each pair. Shape: [S].
        jumps: Weighed price of the jump to each later call, or to the end; infinite to others. Shape: [S, n + 1].
        deep: The pair after a deep call at each call; -1 where none can be. Shape: [S, n].
        shallow: The same for a shallow call on the held feature. Shape: [S, n].
    """

    newest: Numbers
    jumps: Floats
    deep: Numbers
    shallow: Numbers


def place(gram: Gram, weights: Floats, *, most: tuple[int, int]) -> Mapping[tuple[int, int], Priced]:
    """The best placement for each number of deep and of shallow calls.

    Args:
        gram: Prices of jumps.
        weights: What an error before each call, and after the last, weighs in the final latents. Shape: [n + 1].
        most: Largest number of deep and of shallow calls.

    Returns:
        Placements by number of deep and shallow calls, as far as there are any.
    """
    pairs = _pairs(gram, weights)
    costs: dict[tuple[int, int], Floats] = {}
    # Where the best way goes on: a call, negative and less one where it is shallow.
    follow: dict[tuple[int, int], Numbers] = {}
    for deep in range(most[0]):
        for shallow in range(most[1] + 1):
            costs[deep, shallow], follow[deep, shallow] = _best(pairs, costs, deep=deep, shallow=shallow)
    # Call 0, before which nothing ran, is the first pair.
    return {
        (deep + 1, shallow): Priced(_trace(pairs, follow, deep=deep, shallow=shallow), float(cost[0]))
        for (deep, shallow), cost in costs.items()
        if np.isfinite(cost[0])
    }


def _best(pairs: _Pairs, costs: Mapping[tuple[int, int], Floats], *, deep: int, shallow: int) -> tuple[Floats, Numbers]:
    """The cost from each pair on with so many calls to come, and the next call."""
    if deep == shallow == 0:
        return pairs.jumps[:, -1], np.zeros(len(pairs.newest), np.int64)
    cost, follow = np.full(len(pairs.newest), np.inf), np.zeros(len(pairs.newest), np.int64)
    for after, nexts, sign in (((deep - 1, shallow), pairs.deep, 1), ((deep, shallow - 1), pairs.shallow, -1)):
        if after in costs:
            total = pairs.jumps[:, :-1] + np.where(nexts == _NONE, np.inf, costs[after][nexts])
            call = total.argmin(axis=1)
            least = total[np.arange(len(call)), call]
            better = least < cost
            cost[better] = least[better]
            follow[better] = call[better] if sign > 0 else -1 - call[better]
    return cost, follow


def _trace(pairs: _Pairs, follow: Mapping[tuple[int, int], Numbers], *, deep: int, shallow: int) -> Placement:
    pair, kinds = 0, ([0], list[int]())
    while deep or shallow:
        following = int(follow[deep, shallow][pair])
        if following >= 0:
            kinds[0].append(following)
            pair, deep = int(pairs.deep[pair, following]), deep - 1
        else:
            kinds[1].append(-1 - following)
            pair, shallow = int(pairs.shallow[pair, -1 - following]), shallow - 1
    return Placement(tuple(kinds[0]), tuple(kinds[1]))


def _pairs(gram: Gram, weights: Floats) -> _Pairs:
    nodes, calls = gram.nodes, gram.calls
    index = {(node.call, node.source): number for number, node in enumerate(nodes)}
    older, newest = _possible(nodes)
    number = np.full((len(nodes) + 1, len(nodes)), _NONE)
    number[older, newest] = np.arange(len(newest))
    # By node and call: the node of a deep call there, and of a shallow one on the feature that the node holds.
    deep, shallow = np.full((len(nodes), calls), _NONE), np.full((len(nodes), calls), _NONE)
    for at, node in enumerate(nodes):
        for call in range(node.call + 1, calls):
            deep[at, call] = index[call, call]
            shallow[at, call] = index.get((call, node.source), _NONE)
    follow = [np.where(kind[newest] == _NONE, _NONE, number[newest[:, None], kind[newest]]) for kind in (deep, shallow)]
    return _Pairs(newest, _jumps(gram, older, newest, weights=weights), *follow)


def _possible(nodes: tuple[Node, ...]) -> tuple[Numbers, Numbers]:
    """Older and newer node of every pair that can be; the first pair is call 0 alone, its older node -1."""
    found = [(_NONE, 0)]
    for newest, node in enumerate(nodes):
        for older, before in enumerate(nodes):
            if before.call < node.call and (node.deep or before.source == node.source):
                found.append((older, newest))
    pairs = np.array(found)
    return pairs[:, 0], pairs[:, 1]


def _jumps(gram: Gram, older: Numbers, newest: Numbers, *, weights: Floats) -> Floats:
    calls = np.array([node.call for node in gram.nodes])[newest]
    jumps = np.full((len(newest), gram.calls + 1), np.inf)
    pair, target = np.nonzero(np.arange(gram.calls + 1)[None, :] > calls[:, None])
    noises = gram.noise(newest[pair]), gram.noise(np.where(older == _NONE, newest, older)[pair])
    basis = np.stack([calls[pair], *noises], axis=1)
    jumps[pair, target] = gram.residuals(basis, target) * weights[target] ** 2
    return jumps
