"""What a search begins with: the bundle, what scores, the folder, and the times of all graphs."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accel_bench.plans.trial import Settings
from accel_bench.records.environment import Environment, machine_name
from accel_bench.records.search import Score, StageTimes
from accel_bench.search.cost import StageTiming, kind_of
from accel_bench.search.driver import Driver, Prompts
from accel_bench.search.space import Space, Target, make_space, step_ladder
from accel_bench.search.store import Identity, Store, hash_prompts
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.errors import InputError
from accel_runtime.plan import Call, Deep, Shallow
from accel_runtime.request import Request
from accel_runtime.schedule_file import MissingTableError

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """All that does not depend on the goal.

    Attributes:
        sources: All that prompts are taken from.
        prompts_from: Where that is: `built-in`, or the name of a file.
    """

    timed: TimedPipeline
    settings: Settings
    prompts: Prompts
    sources: tuple[str, ...]
    prompts_from: str
    environment: Environment
    targets: tuple[Target, ...]
    branches: tuple[int, ...]

    @property
    def calibration(self) -> int:
        """Pictures that plans are solved with."""
        return sum(len(batch.prompts) for batch in self.prompts.calibration)

    def space(self) -> Space:
        """What may be tried; numbers of steps that the bundle has no schedule for are left out.

        Raises:
            InputError: The bundle lacks the baseline's schedule or a branch.
        """
        available = self.timed.pipeline.bundle.manifest.branches
        if missing := [branch for branch in self.branches if branch not in available]:
            known = ", ".join(map(str, available))
            raise InputError(f"--branches: expected some of {known}, which the bundle has, got {missing[0]}")
        if Target.GUIDANCE in self.targets and self.settings.guidance <= 1:
            raise InputError(
                f"--search-targets guidance: there is none to save at --guidance {self.settings.guidance:g}"
            )
        return make_space(self._calls(), targets=self.targets, branches=self.branches)

    def driver(self, folder: Path, *, scorers: "Scorers", score: Score) -> Generator[str, None, Driver]:
        """Open the folder, and time the graphs where that was not done; returns what answers strategies."""
        store = Store.open(folder, self._identity(scorers.versions))
        times = store.times()
        if times is None or not self._kinds() <= set(times.calls):
            times = yield from self._times()
            store.keep_times(times)
            # Another process may have been first or last: all compose with what is there now.
            times = store.times() or times
        return Driver(
            self.timed.pipeline,
            settings=self.settings,
            prompts=self.prompts,
            scorers=scorers,
            score=score,
            store=store,
            times=times,
        )

    def _times(self) -> Generator[str, None, StageTimes]:
        timing = StageTiming(
            self.timed,
            branches=self.branches,
            guidances=self._guidances(),
            scheduler=self.settings.scheduler,
        )
        request = Request(self.prompts.judged[0].prompts[:1], seed=self.settings.seed)
        for done in timing.run(request):
            yield f"time graphs: {done}"
        return timing.times

    def _guidances(self) -> tuple[float, ...]:
        """Unguided calls are timed in any case, as the folder may go on with another target."""
        guidance = self.settings.guidance
        return (guidance, 1.0) if guidance > 1 else (guidance,)

    def _kinds(self) -> set[str]:
        """Of UNet calls whose times are needed."""
        calls: list[Call] = [Deep(guidance=guidance) for guidance in self._guidances()]
        for guidance in self._guidances():
            calls += [Shallow(guidance=guidance, branch=branch, forecast=(1.0,)) for branch in self.branches]
        return {kind_of(call) for call in calls}

    def _calls(self) -> dict[int, int]:
        """UNet calls by number of steps."""
        pipeline, settings = self.timed.pipeline, self.settings
        calls = {settings.steps: len(pipeline.schedule(settings.steps, settings.scheduler).rows)}
        for steps in step_ladder(settings.steps)[1:]:
            try:
                calls[steps] = len(pipeline.schedule(steps, settings.scheduler).rows)
            except MissingTableError:
                continue
        return calls

    def _identity(self, scorers: dict[str, str]) -> Identity:
        pipeline, settings = self.timed.pipeline, self.settings
        ran = pipeline.describe()
        options = ",".join(f"{key}={value}" for key, value in sorted(ran.options.items()))
        schedule = pipeline.schedule(settings.steps, settings.scheduler)
        return Identity(
            bundle=pipeline.bundle.digest,
            backend=f"{ran.backend} {ran.version} {ran.provider} {options}",
            machine=machine_name(self.environment),
            scheduler=schedule.scheduler,
            steps=settings.steps,
            guidance=settings.guidance,
            prompts=hash_prompts(self.sources),
            seed=settings.seed,
            batch=settings.batch,
            scorers=scorers,
        )


def parse_branches(text: str) -> tuple[int, ...]:
    """Branches by commas.

    >>> parse_branches("0,2")
    (0, 2)
    """
    parts: Sequence[str] = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--branches: expected numbers by commas, such as 0,1, got {text!r}")
    return tuple(dict.fromkeys(int(part) for part in parts))
