"""Prices and placement, on teachers that are made up."""

from itertools import combinations, product

import numpy as np
import pytest

from accel_bench.solving.placement import Placement, place
from accel_bench.solving.prices import Gram, Node
from accel_bench.solving.teacher import Teacher, join

CALLS = 6


def teacher(*, window: int = 2, pictures: int = 2, seed: int = 0) -> Teacher:
    """Latents and noises that drift at random."""
    rng = np.random.default_rng(seed)

    def drifting(count: int) -> np.ndarray:
        return rng.normal(size=(count, pictures, 9)).cumsum(axis=0).astype(np.float32)

    noises = drifting(CALLS)
    shallow = np.zeros((CALLS, window, pictures, 9), np.float32)
    for call, age in product(range(1, CALLS), range(window)):
        if age < call:
            shallow[call, age] = noises[call] + 0.2 * (age + 1) * rng.normal(size=(pictures, 9))
    return Teacher(drifting(CALLS + 1), noises, shallow, gains=((2, 0.5), (CALLS - 1, 2.0)))


def residual(basis: list[np.ndarray], target: np.ndarray) -> float:
    matrix = np.stack([each.ravel() for each in basis], axis=1).astype(np.float64)
    found, *_ = np.linalg.lstsq(matrix, target.ravel().astype(np.float64), rcond=None)
    return float(np.sum((matrix @ found - target.ravel()) ** 2))


def price_by_hand(made: Teacher, placement: Placement, weights: np.ndarray) -> float:
    """The sum over jumps, each solved on its own."""
    noises: list[np.ndarray] = []
    total, source = 0.0, 0
    for call, target in zip(placement.running, (*placement.running[1:], CALLS), strict=True):
        source = call if call in placement.deep else source
        noise = made.noises[call] if source == call else made.shallow[call, call - 1 - source]
        noises = [noise, *noises][:2]
        total += weights[target] ** 2 * residual([made.latents[call], *noises], made.latents[target])
    return total


def allowed(placement: Placement, window: int) -> bool:
    sources = [max(deep for deep in placement.deep if deep < call) for call in placement.shallow]
    return all(call - source <= window for call, source in zip(placement.shallow, sources, strict=True))


def test_a_price_is_the_residual_of_least_squares() -> None:
    made = teacher()
    gram = Gram.of(made)
    shallow = gram.nodes.index(next(node for node in gram.nodes if (node.call, node.source) == (3, 1)))
    basis = np.array([[3, CALLS + 1 + shallow, CALLS + 1 + 1]])

    (found,) = gram.residuals(basis, np.array([5]))

    by_hand = residual([made.latents[3], made.shallow[3, 1], made.noises[1]], made.latents[5])
    assert found == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_placements_are_the_best_of_all_there_are(seed: int) -> None:
    made = teacher(seed=seed)
    weights = made.weights(left=0.5)

    found = place(Gram.of(made), weights, most=(4, 2))

    for (deep, shallow), priced in found.items():
        rivals = [
            Placement((0, *others), late)
            for others in combinations(range(1, CALLS), deep - 1)
            for late in combinations(sorted(set(range(1, CALLS)) - set(others)), shallow)
        ]
        least = min(price_by_hand(made, each, weights) for each in rivals if allowed(each, made.window))
        assert price_by_hand(made, priced.placement, weights) == pytest.approx(least, rel=1e-3)
        assert priced.price == pytest.approx(least, rel=1e-3)


def test_without_shallow_calls_every_number_of_deep_calls_has_a_placement() -> None:
    found = place(Gram.of(teacher(window=0)), np.ones(CALLS + 1), most=(CALLS, 3))

    assert sorted(found) == [(deep, 0) for deep in range(1, CALLS + 1)]
    assert found[CALLS, 0].placement.deep == tuple(range(CALLS))


def test_a_heavier_end_draws_the_last_call_nearer_to_it() -> None:
    made = teacher(window=0)
    light, heavy = np.ones(CALLS + 1), np.ones(CALLS + 1)
    heavy[-1] = 100.0

    last = [place(Gram.of(made), weights, most=(3, 0))[3, 0].placement.deep[-1] for weights in (light, heavy)]

    assert last[1] >= last[0]
    assert last[1] == CALLS - 1


def test_nodes_are_the_calls_and_the_features_that_they_may_use() -> None:
    nodes = Gram.of(teacher()).nodes

    assert sum(node.deep for node in nodes) == CALLS
    assert {(node.call, node.source) for node in nodes if not node.deep} == {
        (call, call - 1 - age) for call in range(1, CALLS) for age in range(2) if age < call
    }


def test_a_call_moves_by_one_where_there_is_room() -> None:
    moved = set(Placement((0, 1, 4), (5,)).moved(6))

    assert moved == {
        Placement((0, 2, 4), (5,)),
        Placement((0, 1, 3), (5,)),
    }


def test_batches_are_joined_picture_by_picture() -> None:
    first, second = teacher(seed=1), teacher(seed=2)

    both = join([first, second])

    assert np.array_equal(both.latents[:, :2], first.latents)
    assert np.array_equal(both.noises[:, 2:], second.noises)
    assert np.array_equal(both.shallow[:, :, 2:], second.shallow)
    assert both.gains == first.gains


def test_the_weight_of_an_error_is_measured_between_and_one_at_the_end() -> None:
    weights = teacher().weights(left=0.5)

    assert weights[2] == pytest.approx(0.25)
    assert weights[CALLS - 1] == pytest.approx(1.0)
    assert 0.25 < weights[3] < weights[4] < 1.0
    assert weights[CALLS] == 1.0


def test_a_node_is_deep_where_it_uses_its_own_feature() -> None:
    assert Node(3, 3).deep
    assert not Node(3, 2).deep
