"""The strategy that a user names."""

from collections.abc import Generator
from enum import StrEnum

import msgspec

from accel_bench.base.extras import search_extra
from accel_bench.records.search import Goal
from accel_bench.search.candidate import FULL, Strategy
from accel_bench.search.driver import Driver
from accel_bench.search.space import Space
from accel_bench.search.strategies.grid import grid
from accel_bench.search.strategies.proposals import Proposals
from accel_bench.search.strategies.solved import solve

# Fewer leave nothing to place.
_LEAST_CALLS = 3


class Way(StrEnum):
    """How candidates are looked for."""

    SOLVED = "solved"
    GRID = "grid"
    OPTUNA = "optuna"


def check_way(way: Way) -> None:
    """Say what is missing before any work.

    Raises:
        MissingExtraError: Optuna is wanted, and not installed.
    """
    if way is Way.OPTUNA:
        with search_extra():
            import optuna  # noqa: F401, PLC0415  # an extra brings it


def choose_strategy(
    way: Way, driver: Driver, *, space: Space, goal: Goal, batches: int, trials: int, moves: int
) -> Generator[str, None, Strategy]:
    """Make the strategy, with the calibration that it needs; yields what was just done.

    Args:
        way: Which.
        driver: Runs the calibration.
        space: What may be tried.
        goal: What is looked for.
        batches: That candidates are judged on.
        trials: Of Optuna's study.
        moves: Of the default's local search.
    """
    if way is Way.GRID:
        return grid(space, batches=batches)
    if way is Way.OPTUNA:
        from accel_bench.search.strategies.tpe import Sampler, sample  # noqa: PLC0415  # an extra brings Optuna

        name = f"{goal.score} of {batches * driver.settings.batch}, {msgspec.json.encode(space).decode()}"
        return sample(Sampler(space, driver.store.folder, name, trials, seed=driver.settings.seed), batches=batches)
    steps = tuple(steps for steps, calls in space.calls.items() if calls >= _LEAST_CALLS) if space.caches else ()
    solvers = yield from driver.solvers(steps, branch=space.branches[0])
    proposals = Proposals(space, solvers, predict=driver.predict, baseline_s=driver.predict(FULL))
    return solve(proposals, goal, batches=batches, moves=moves)
