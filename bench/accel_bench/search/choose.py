"""The strategy that a user names."""

from collections.abc import Generator
from enum import StrEnum

from accel_bench.extras import search_extra
from accel_bench.search.candidate import FULL, Strategy
from accel_bench.search.driver import Driver
from accel_bench.search.goal import Goal
from accel_bench.search.proposals import Proposals
from accel_bench.search.space import Space
from accel_bench.search.strategies.grid import grid
from accel_bench.search.strategies.solve import solve


class Way(StrEnum):
    """How candidates are looked for."""

    SOLVED = "solved"
    GRID = "grid"
    OPTUNA = "optuna"


def choose_strategy(
    way: Way, driver: Driver, *, space: Space, goal: Goal, batches: int, trials: int
) -> Generator[str, None, Strategy]:
    """Make the strategy, with the calibration that it needs; yields what was just done.

    Args:
        way: Which.
        driver: Runs the calibration.
        space: What may be tried.
        goal: What is looked for.
        batches: That candidates are judged on.
        trials: Of Optuna's study.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    if way is Way.GRID:
        return grid(space, batches=batches)
    if way is Way.OPTUNA:
        with search_extra():
            from accel_bench.search.strategies.sample import Sampler, sample  # noqa: PLC0415  # an extra brings it
        return sample(Sampler(space, driver.store.folder, trials, seed=driver.settings.seed), batches=batches)
    solvers = (yield from driver.solvers(tuple(space.calls), branch=space.branches[0])) if space.caches else {}
    proposals = Proposals(space, solvers, predict=driver.predict, baseline_s=driver.predict(FULL))
    return solve(proposals, goal, batches=batches)
