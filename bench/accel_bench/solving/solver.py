"""From a calibration to plans with skipped calls; the method is in docs/solving.md.

lab = yield from open_lab(walkers, window=8)
priced = lab.placements(most=(10, 4))[10, 0]
solution = yield from lab.solve(priced, moves=30, refined=True)
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from accel_bench.solving.placement import Placement, Priced, place
from accel_bench.solving.prices import Gram
from accel_bench.solving.refine import Sample, climb, refine
from accel_bench.solving.student import Predictor, Rows, Student, ridge
from accel_bench.solving.teacher import Teacher, join, teach
from accel_bench.solving.walk import Walker
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.plans.solved import SolvedFor
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.schedule import ScheduleTable

# Ridges that are tried: weak where noises are dense, strong where they are far apart.
_RIDGES: Final = (1e-3, 1e-2)
# Of all batches, one in so many chooses and is not fitted; with one batch, all choices are the defaults.
_HELD: Final = 4
# Shares of an error that may stay in a student. Neither places calls better at every budget.
_LEFT: Final = (0.35, 1.0)


@dataclass(frozen=True, slots=True)
class Solution:
    """A placement with its rows.

    Attributes:
        placement: The calls that run.
        rows: Coefficients of each call that runs.
        error: Mean squared error of the final latents, on pictures that were not fitted where there are any.
    """

    placement: Placement
    rows: Rows
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class Lab:
    """Solves plans for one schedule, branch and guidance.

    Attributes:
        teacher: Uncached runs of all pictures.
        fitted: Pictures that rows are fitted on.
        held: Pictures that choose; the fitted ones where there is one batch only.
    """

    teacher: Teacher
    fitted: Sample
    held: Sample

    @classmethod
    def of(cls, walkers: Sequence[Walker], teacher: Teacher) -> "Lab":
        """Divide the batches into those that are fitted and those that choose."""
        held = max(1, len(walkers) // _HELD) if len(walkers) > 1 else 0
        fitted = len(walkers) - held
        pictures = fitted * len(walkers[0].start().latents)
        first = Sample(Student(tuple(walkers[:fitted])), teacher.latents[:, :pictures])
        second = Sample(Student(tuple(walkers[fitted:])), teacher.latents[:, pictures:]) if held else first
        return cls(teacher, first, second)

    @property
    def chooses(self) -> bool:
        """Whether there are pictures that were not fitted."""
        return self.held is not self.fitted

    def placements(self, *, most: tuple[int, int]) -> Mapping[tuple[int, int], Priced]:
        """The best placements by number of deep and shallow calls; see `place`."""
        gram = Gram.of(self.teacher)
        first, *others = (place(gram, self.teacher.weights(left=left), most=most) for left in _LEFT)
        return {
            counts: replace(priced, others=tuple(other[counts].placement for other in others))
            for counts, priced in first.items()
        }

    def solve(
        self, priced: Priced, *, moves: int = 0, refined: bool = False, predictor: Predictor | None = None
    ) -> Generator[str, None, Solution]:
        """Fit the rows of the best of some placements, yielding what was just done.

        Args:
            priced: Placements of as many calls.
            moves: Most placements near it that are tried.
            refined: Whether to refine all rows on the final latents; needs pictures that were not fitted.
            predictor: Fits rows in place of `ridge`; its rows are not refined.
        """
        choices = tuple(dict.fromkeys((priced.placement, *priced.others)))
        fits = {each: self.fitted.fit(each, predictor or ridge(_RIDGES[0]))[1] for each in choices}
        placement = min(fits, key=fits.__getitem__)
        chosen = predictor or self._ridge(placement)
        yield f"{len(placement.running)} calls"
        placement, rows = yield from climb(placement, self.fitted, predictor=chosen, moves=moves)
        # A row of another predictor may have other terms than a refinement knows.
        if refined and self.chooses and predictor is None:
            rows = yield from refine(placement, rows, fitted=self.fitted, held=self.held)
        return Solution(placement, rows, self.held.judge(placement, rows))

    def spec(self, solution: Solution, *, solved_for: SolvedFor | None) -> PlanSpec:
        """A solution as a plan."""
        walker, placement = self.fitted.student.walkers[0], solution.placement
        schedule = walker.plan.schedule
        return PlanSpec(
            deep=placement.deep,
            skip=tuple(call for call in range(walker.calls) if call not in placement.running),
            branch=walker.branch,
            rows=dict(solution.rows),
            scheduler=schedule.scheduler,
            steps=schedule.steps,
            solved_for=solved_for,
        )

    def _ridge(self, placement: Placement) -> Predictor:
        """The ridge that leaves least on pictures that were not fitted."""
        if not self.chooses:
            return ridge(_RIDGES[0])
        errors = {}
        for strength in _RIDGES:
            rows, _ = self.fitted.fit(placement, ridge(strength))
            errors[strength] = self.held.judge(placement, rows)
        return ridge(min(errors, key=errors.__getitem__))


def check_solvable(schedule: ScheduleTable) -> None:
    """Refuse a schedule whose calls no plan may skip.

    Raises:
        InputError: It draws noise, which a row over several calls cannot draw as the seed would.
    """
    if schedule.draws:
        raise InputError(
            f"{schedule.scheduler} draws noise at its calls, which plans with skipped calls cannot follow: "
            "take a scheduler that draws none, such as ddim, euler or dpmpp_2m"
        )


def what_for(manifest: Manifest, *, guidance: float) -> SolvedFor | None:
    """What a plan is solved for at a model's own size; None where the bundle does not tell its model."""
    if manifest.provenance.model is None:
        return None
    height, width = manifest.state.sample_size
    return SolvedFor(model=manifest.provenance.model, guidance=guidance, height=height, width=width)


def open_lab(walkers: Sequence[Walker], *, window: int) -> Generator[str, None, Lab]:
    """Run the teacher on every batch, yielding what was just done.

    Args:
        walkers: One per batch, all of one size and plan.
        window: How many calls after a deep one a call may be shallow; 0 where none may.
    """
    parts = []
    for number, walker in enumerate(walkers):
        parts.append((yield from teach(walker, window=window, with_gains=number == 0)))
    return Lab.of(walkers, join(parts))
