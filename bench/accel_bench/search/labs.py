"""Labs of a search: they solve plans with skipped calls, on what the folder has of the teacher's runs."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from accel_bench.base.crew import Crew
from accel_bench.base.work import prefixed
from accel_bench.plans.prepare import BASELINE, Settings, compile_for
from accel_bench.search.space import SKIPS, Candidate, Unsolved
from accel_bench.search.store import Store
from accel_bench.search.worker import Lesson, teacher_arrays
from accel_bench.solving.placement import Priced
from accel_bench.solving.solve_one import WINDOW
from accel_bench.solving.solver import Lab, what_for
from accel_bench.solving.teacher import Teacher, join, teach
from accel_bench.solving.walk import Tally, Walker
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request

# How many calls of a plan may be shallow.
_MOST_SHALLOW: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class OpenLab:
    """A lab for one number of steps.

    Attributes:
        lab: Solves plans.
        placements: Placements by number of deep and of shallow calls.
        tally: Counts the calls that solving takes.
    """

    lab: Lab
    placements: Mapping[tuple[int, int], Priced]
    tally: Tally


@dataclass(frozen=True, slots=True, eq=False)
class Labs:
    """Opens a lab for each number of steps, and solves in it.

    Attributes:
        settings: Settings of the baseline.
        requests: Batches of the calibration.
        branch: Where shallow calls cut the UNet.
        shallow: Whether calls may be shallow.
        spread: Workers of a cluster, which run the teacher; None lets this process do it.
    """

    pipeline: Pipeline
    settings: Settings
    store: Store
    requests: tuple[Request, ...]
    branch: int
    shallow: bool
    spread: Crew[Any, Any] | None = None
    _open: dict[int, OpenLab] = field(default_factory=dict)

    def open(self, steps: int) -> Generator[str, None, OpenLab]:
        """Run the teacher on every batch that the folder does not have, and price all placements."""
        if steps in self._open:
            return self._open[steps]
        spec = BASELINE.with_defaults(steps=steps, scheduler=self.settings.scheduler)
        plan, tally = compile_for(self.pipeline, spec, settings=self.settings), Tally()
        yield from self._teach_ahead(steps, calls=len(plan.calls))
        parts, walkers = [], []
        for number, request in enumerate(self.requests):
            walker = Walker.open(self.pipeline, request, plan=plan, branch=self.branch, tally=tally)
            walkers.append(walker)
            parts.append((yield from self._teach(walker, steps=steps, number=number)))
        lab = Lab.of(walkers, join(parts))
        most = len(plan.calls) // 2, _MOST_SHALLOW if self.shallow else 0
        self._open[steps] = OpenLab(lab, lab.placements(most=most), tally)
        return self._open[steps]

    def solve(self, unsolved: Unsolved) -> Generator[str, None, Candidate]:
        """Solve a plan that the folder does not have."""
        name = f"{unsolved.id}-{self._kind}-of-{len(self.requests)}"
        spec = self.store.solved(name)
        if spec is None:
            opened = yield from self.open(unsolved.steps)
            tally = opened.tally
            deep, shallow = tally.deep, tally.shallow
            solution = yield from prefixed(
                f"solve {unsolved.id}",
                opened.lab.solve(
                    opened.placements[unsolved.deep, unsolved.shallow],
                    moves=unsolved.moves,
                    refined=unsolved.moves > 0,
                ),
            )
            solved_for = what_for(self.pipeline.bundle.manifest, guidance=self.settings.guidance)
            spec = opened.lab.spec(solution, solved_for=solved_for)
            self.store.keep_solved(name, spec, deep=tally.deep - deep, shallow=tally.shallow - shallow)
        return Candidate(SKIPS, spec)

    @property
    def _kind(self) -> str:
        return f"{self.branch}-{self._window}"

    @property
    def _window(self) -> int:
        return WINDOW if self.shallow else 0

    def _part(self, steps: int, number: int) -> str:
        return f"{steps}-{self._kind}-teacher-{number}-of-{len(self.requests)}"

    def _teach_ahead(self, steps: int, *, calls: int) -> Generator[str, None, None]:
        """Let a cluster run the teacher on the batches that the folder lacks, where `_teach` finds them."""
        if self.spread is None:
            return
        numbers = range(len(self.requests))
        lacking = [each for each in numbers if self.store.teacher(self._part(steps, each), calls=calls) is None]
        for item, arrays in self.spread.map(Lesson(steps, self.branch, each, self._window) for each in lacking):
            self.store.keep_calibration(self._part(steps, item.part), **arrays)
            yield f"calibrate {steps} steps, batch {item.part + 1}"

    def _teach(self, walker: Walker, *, steps: int, number: int) -> Generator[str, None, Teacher]:
        name = self._part(steps, number)
        known = self.store.teacher(name, calls=walker.calls)
        if known is not None:
            gains = tuple((int(call), float(gain)) for call, gain in known["gains"])
            return Teacher(known["latents"], known["noises"], known["shallow"], gains)
        tally = replace(walker.tally)
        made = yield from prefixed(
            f"calibrate {steps} steps, batch {number + 1}", teach(walker, window=self._window, with_gains=number == 0)
        )
        spent = Tally(walker.tally.deep - tally.deep, walker.tally.shallow - tally.shallow)
        self.store.keep_calibration(name, **teacher_arrays(made, spent))
        return made
