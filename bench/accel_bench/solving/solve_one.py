"""One plan with skipped calls, from a pipeline and prompts."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from accel_bench.base.work import finish
from accel_bench.plans.prepare import BASELINE, Settings, compile_for
from accel_bench.solving.solver import Lab, Solution, check_solvable, open_lab, what_for
from accel_bench.solving.student import Predictor
from accel_bench.solving.walk import Tally, Walker
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request

# How many calls after a deep one a call may be shallow.
WINDOW: Final = 8
# A schedule of fewer leaves nothing to place.
LEAST_CALLS: Final = 3


@dataclass(frozen=True, slots=True)
class SolveOne:
    """What is to be solved.

    Attributes:
        settings: Settings of the uncached run.
        requests: Batches of the calibration.
        branch: Where shallow calls cut the UNet.
        counts: Number of deep and of shallow calls.
        moves: Placements near the solved one that are tried; where there are any, all rows are refined too.
        predictor: Fits rows; by default `accel_bench.solving.student.ridge`.
    """

    pipeline: Pipeline
    settings: Settings
    requests: tuple[Request, ...]
    branch: int
    counts: tuple[int, int]
    moves: int = 0
    predictor: Predictor | None = None

    def solve(self) -> tuple[Solution, PlanSpec]:
        """Run to the end; see `run`."""
        return finish(self.run())

    def run(self) -> Generator[str, None, tuple[Solution, PlanSpec]]:
        """Run the teacher and solve the plan, yielding what was just done.

        Raises:
            InputError: There is no such plan, or the scheduler draws noise.
        """
        settings, tally = self.settings, Tally()
        plan = compile_for(self.pipeline, BASELINE, settings=settings)
        check_solvable(plan.schedule)
        self._check_counts(len(plan.calls))
        walkers = [
            Walker.open(self.pipeline, request, plan=plan, branch=self.branch, tally=tally) for request in self.requests
        ]
        lab: Lab = yield from open_lab(walkers, window=WINDOW if self.counts[1] else 0)
        placements = lab.placements(most=self.counts)
        if self.counts not in placements:
            raise InputError(f"plan: {self.counts[1]} shallow calls do not fit beside {self.counts[0]} deep ones")
        solution = yield from lab.solve(
            placements[self.counts], moves=self.moves, refined=self.moves > 0, predictor=self.predictor
        )
        solved_for = what_for(self.pipeline.bundle.manifest, guidance=settings.guidance)
        return solution, lab.spec(solution, solved_for=solved_for)

    def _check_counts(self, calls: int) -> None:
        if calls < LEAST_CALLS:
            raise InputError(f"steps: expected a schedule of at least {LEAST_CALLS} calls to skip some of, got {calls}")
        deep, shallow = self.counts
        if not (deep >= 1 and shallow >= 0 and deep + shallow <= calls):
            raise InputError(
                f"expected at least 1 deep call and at most {calls} calls that run, as the schedule has, "
                f"got {deep} deep and {shallow} shallow"
            )
