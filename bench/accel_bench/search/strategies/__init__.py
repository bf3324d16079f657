"""Strategies look for candidates, and all are judged alike (docs/design/0012-search.md).

grid.py      everything that short names can say
solved.py    what calibrations propose, then what lies between
proposals.py deep and shallow calls
skips.py     skipped calls
tpe.py       what Optuna suggests
"""

from collections.abc import Generator
from dataclasses import replace
from enum import StrEnum
from functools import partial

import msgspec

from accel_bench.base.extras import extra
from accel_bench.records.search import Goal
from accel_bench.search.driver import Driver
from accel_bench.search.rules import rule_candidates
from accel_bench.search.space import FULL, Proposer, Space
from accel_bench.search.strategies.grid import grid
from accel_bench.search.strategies.proposals import Proposals
from accel_bench.search.strategies.skips import Skips
from accel_bench.search.strategies.solved import solve
from accel_bench.solving.solve_one import LEAST_CALLS


class Strategy(StrEnum):
    """How candidates are looked for."""

    SOLVED = "solved"
    GRID = "grid"
    OPTUNA = "optuna"


def check_strategy(strategy: Strategy) -> None:
    """Say what is missing before any work.

    Raises:
        MissingExtraError: Optuna is wanted, and not installed.
    """
    if strategy is Strategy.OPTUNA:
        with extra("search"):
            import optuna  # noqa: F401, PLC0415  # an extra brings it


def choose_strategy(
    strategy: Strategy, driver: Driver, *, space: Space, goal: Goal, batches: int, trials: int, moves: int
) -> Generator[str, None, Proposer]:
    """Make the strategy, with the calibration that it needs; yields what was just done.

    Args:
        strategy: Which.
        driver: Runs the calibration.
        space: Candidates that may be tried.
        goal: Goal of the search.
        batches: Batches that candidates are judged on.
        trials: Number of trials of Optuna's study.
        moves: Number of moves of the default's local search.
    """
    if space.decides and strategy is not Strategy.OPTUNA:
        space = replace(space, rules=(yield from rule_candidates(driver, space, goal)))
    if strategy is Strategy.GRID:
        return grid(space, batches=batches)
    if strategy is Strategy.OPTUNA:
        from accel_bench.search.strategies.tpe import Sampler, sample  # noqa: PLC0415  # an extra brings Optuna

        space = replace(space, skips=False, rivals=(), decides=False, rules=(), tome=(), open_shares=())
        name = f"{goal.score} of {batches * driver.settings.batch}, {msgspec.json.encode(space).decode()}"
        return sample(Sampler(space, driver.store.folder, name, trials, seed=driver.settings.seed), batches=batches)
    steps = tuple(steps for steps, calls in space.calls.items() if calls >= LEAST_CALLS) if space.caches else ()
    solvers = yield from driver.solvers(steps, branch=space.branches[0])
    proposals = Proposals(space, solvers, predict=driver.predict, baseline_s=driver.predict(FULL))
    skips = yield from _skips(driver, space)
    return solve(proposals, goal, skips=skips, batches=batches, moves=moves)


def _skips(driver: Driver, space: Space) -> Generator[str, None, Skips | None]:
    """Price plans with skipped calls for every number of steps."""
    if not space.skips:
        return None
    branch, placements = space.branches[0], {}
    for steps, calls in space.calls.items():
        if calls >= LEAST_CALLS:
            opened = yield from driver.labs.open(steps)
            placements[steps] = (calls, opened.placements)
    return Skips(placements, seconds=partial(driver.predict_calls, branch=branch), baseline_s=driver.predict(FULL))
