"""A search from its opening to its record."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from accel_bench.base.crew import Crew
from accel_bench.base.files import write_record
from accel_bench.plans.prepare import Settings, resolve_for
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import Environment, machine_name
from accel_bench.records.search import Asked, Goal, Score, SearchRecord, StageTimes
from accel_bench.search.cost import StageTiming, calls_of, gated_calls_of, kind_of
from accel_bench.search.driver import Driver
from accel_bench.search.finalists import Finish
from accel_bench.search.labs import Labs
from accel_bench.search.prompts import Prompts
from accel_bench.search.rounding import judge_bfloat16
from accel_bench.search.space import FEWER, Candidate, Rival, Space, first_budgets, make_space, step_ladder
from accel_bench.search.store import Identity, Store, hash_prompts
from accel_bench.search.strategies import Strategy, choose_strategy
from accel_bench.search.targets import Target
from accel_bench.solving.solver import check_solvable
from accel_bench.timing.measure import StopRule
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.bundle.named_plans import digest_without_plans
from accel_runtime.durable import write_bytes
from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import FULL as FULL_RULE
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request
from accel_runtime.schedules.file import MissingTableError
from accel_runtime.schedules.schedule import ScheduleTable

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

RECORD: Final = "record.json"
FINALISTS: Final = "finalists.json"
PLAN: Final = "plan.json"


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """All that does not depend on the goal.

    Attributes:
        sources: All that prompts are taken from.
        prompts_from: Origin of the prompts: `built-in`, or the name of a file.
        spread: Workers of a cluster, which draw, judge and calibrate; None lets this process do all.
    """

    timed: TimedPipeline
    settings: Settings
    prompts: Prompts
    sources: tuple[str, ...]
    prompts_from: str
    environment: Environment
    targets: tuple[Target, ...]
    branches: tuple[int, ...]
    spread: Crew[Any, Any] | None = None

    @property
    def calibration(self) -> int:
        """Pictures that plans are solved with."""
        return sum(len(batch.prompts) for batch in self.prompts.calibration)

    def space(self, budgets: Sequence[int] | None = None) -> Space:
        """The space of candidates, without numbers of steps that the bundle has no schedule for.

        Args:
            budgets: UNet calls of the uncached runs of fewer steps; by default those of the first plans.

        Raises:
            InputError: The bundle lacks the baseline's schedule or a branch.
        """
        available = self.timed.pipeline.bundle.manifest.branches
        if missing := [branch for branch in self.branches if branch not in available]:
            known = ", ".join(map(str, available))
            raise InputError(f"--branch: expected some of {known}, which the bundle has, got {missing[0]}")
        if Target.GUIDANCE in self.targets and self._guidance <= 1:
            told = f"at --guidance {self.settings.guidance:g}"
            why = "in a model that takes it as an input" if self._takes_guidance else told
            raise InputError(f"--search-targets guidance: there is none to save {why}")
        if Target.TOME in self.targets and not self._tome:
            raise InputError(
                "--search-targets tome: the bundle has no graphs that merge tokens: export it with `--tome 0.3,0.5`"
            )
        if Target.TGATE in self.targets and not self.timed.pipeline.bundle.manifest.denoiser.tgate:
            raise InputError(
                "--search-targets tgate: the bundle has no graphs of gated calls: export it with `--tgate`"
            )
        return make_space(
            self._calls(),
            targets=self._possible_targets(),
            branches=self.branches,
            rivals=tuple(self._rivals(budgets)),
            tome=self._tome,
        )

    def _possible_targets(self) -> tuple[Target, ...]:
        """The targets, without skipped calls where the scheduler draws noise.

        Raises:
            InputError: Skipped calls are all that was asked for.
        """
        schedule = self.timed.pipeline.schedule(self.settings.steps, self.settings.scheduler)
        if self.targets == (Target.SCHEDULE,):
            check_solvable(schedule)
        return tuple(target for target in self.targets if not schedule.draws or target is not Target.SCHEDULE)

    def _rivals(self, budgets: Sequence[int] | None) -> Iterator[Rival]:
        """Uncached runs of so many calls, by every scheduler that draws no noise."""
        pipeline, settings = self.timed.pipeline, self.settings
        calls = len(pipeline.schedule(settings.steps, settings.scheduler).rows)
        for scheduler in pipeline.bundle.manifest.schedules.files:
            for budget in first_budgets(calls) if budgets is None else budgets:
                table = self._longest(scheduler, calls=budget)
                if table is not None and not table.draws:
                    spec = PlanSpec(deep=FULL_RULE, scheduler=scheduler, steps=table.steps)
                    yield Rival(Candidate(FEWER, spec), len(table.rows))

    def _longest(self, scheduler: str, *, calls: int) -> ScheduleTable | None:
        """The schedule of most steps that makes no more UNet calls; None where the bundle has none."""
        for steps in range(calls, 0, -1):
            with suppress(MissingTableError):
                table = self.timed.pipeline.schedule(steps, scheduler)
                if len(table.rows) <= calls:
                    return table
        return None

    def driver(self, folder: Path, *, scorers: "Scorers", score: Score) -> Generator[str, None, Driver]:
        """Open the folder, and time the graphs where that was not done; returns what answers strategies."""
        store = Store.open(folder, self.identity(scorers.versions))
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
            labs=Labs(
                self.timed.pipeline,
                self.settings,
                store,
                self.prompts.calibration,
                branch=self.branches[0],
                shallow=Target.DEEPCACHE in self.targets,
                spread=self.spread,
            ),
            spread=self.spread,
        )

    def _times(self) -> Generator[str, None, StageTimes]:
        timing = StageTiming(
            self.timed,
            branches=self.branches,
            guidances=self._guidances(),
            tome=self._timed_tome,
            gates=Target.TGATE in self.targets,
            scheduler=self.settings.scheduler,
            guidance_input=self.settings.guidance if self._takes_guidance else None,
        )
        request = Request(self.prompts.judged[0].prompts[:1], seed=self.settings.seed)
        for done in timing.run(request):
            yield f"time graphs: {done}"
        return timing.times

    @property
    def _takes_guidance(self) -> bool:
        return self.timed.pipeline.bundle.manifest.denoiser.guidance == "input"

    @property
    def _guidance(self) -> float:
        """The scale of calls with two halves; 1 where none has."""
        return 1.0 if self._takes_guidance else self.settings.guidance

    def _guidances(self) -> tuple[float, ...]:
        """Unguided calls are timed in any case, as the folder may go on with another target."""
        guidance = self._guidance
        return (guidance, 1.0) if guidance > 1 else (guidance,)

    @property
    def _tome(self) -> tuple[float, ...]:
        """The shares of the tokens that the bundle has graphs for."""
        return tuple(self.timed.pipeline.bundle.manifest.denoiser.merged)

    @property
    def _timed_tome(self) -> tuple[float, ...]:
        """The shares whose graphs are timed; 0 merges none."""
        return (0.0, *(self._tome if Target.TOME in self.targets else ()))

    def _kinds(self) -> set[str]:
        """The kinds of UNet calls whose times are needed."""
        each = product(self._guidances(), self._timed_tome)
        calls = [call for guidance, tome in each for call in calls_of(guidance, self.branches, tome=tome)]
        gated = gated_calls_of(self._guidance, self.branches) if Target.TGATE in self.targets else []
        return {kind_of(call) for call in (*calls, *gated)}

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

    def identity(self, scorers: dict[str, str]) -> Identity:
        """All that results depend on."""
        pipeline, settings = self.timed.pipeline, self.settings
        ran = pipeline.describe()
        options = ",".join(f"{key}={value}" for key, value in sorted(ran.options.items()))
        schedule = pipeline.schedule(settings.steps, settings.scheduler)
        return Identity(
            bundle=digest_without_plans(pipeline.bundle),
            backend=f"{ran.backend} {ran.version} {ran.provider} {options}",
            machine=machine_name(self.environment),
            scheduler=schedule.scheduler,
            steps=settings.steps,
            guidance=settings.guidance,
            prompts=hash_prompts(self.sources),
            seed=settings.seed,
            batch=settings.batch,
            scorers=scorers,
            version=2,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    Attributes:
        record: Record of the search.
        finalists: Record of the timing of the finalists.
    """

    record: SearchRecord
    finalists: BenchRecord


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One search in one folder."""

    opening: Opening
    goal: Goal
    folder: Path
    scorers: "Scorers"
    strategy: Strategy
    trials: int
    moves: int
    stop: StopRule

    def run(self) -> Generator[str, None, Found]:
        """Go through all of it, yielding what was just done; it may be stopped anywhere and begun again.

        Raises:
            AccelError: The folder is of another search, or something cannot be run.
        """
        opening, batches = self.opening, len(self.opening.prompts.judged)
        space = opening.space()
        driver = yield from opening.driver(self.folder, scorers=self.scorers, score=self.goal.score)
        proposer = yield from choose_strategy(
            self.strategy, driver, space=space, goal=self.goal, batches=batches, trials=self.trials, moves=self.moves
        )
        yield from driver.run(proposer)
        bfloat16 = yield from judge_bfloat16(driver, batches)
        finish = Finish(driver, self.goal, batches, timed=opening.timed, environment=opening.environment)
        finalists = yield from finish.measure(finish.finalists(), self.stop)
        write_record(self.folder / FINALISTS, finalists)
        chosen = finish.pick()
        self._keep_plan(driver, chosen)
        record = finish.record(
            self._asked(),
            space=space,
            chosen=chosen,
            finalists=finalists,
            bfloat16=bfloat16,
        )
        write_record(self.folder / RECORD, record)
        return Found(record, finalists)

    def _keep_plan(self, driver: Driver, chosen: Candidate | None) -> None:
        """Write the chosen plan, for `--plan`; one that an earlier goal chose is removed where none is now."""
        path = self.folder / PLAN
        if chosen is None:
            path.unlink(missing_ok=True)
        else:
            write_bytes(path, encode_plan(resolve_for(driver.pipeline, chosen.spec, settings=driver.settings)))

    def _asked(self) -> Asked:
        opening = self.opening
        return Asked(
            strategy=self.strategy.value,
            targets=tuple(target.value for target in opening.targets),
            branches=opening.branches,
            calibration=opening.calibration,
            trials=self.trials if self.strategy is Strategy.OPTUNA else None,
            prompts=opening.prompts_from,
            moves=self.moves if self.strategy is Strategy.SOLVED else 0,
        )
