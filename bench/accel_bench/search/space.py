"""The candidates of a search, and the answers that strategies are sent."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import msgspec
import numpy as np

from accel_bench.plans.families import power_plans
from accel_bench.plans.names import plan_name
from accel_bench.plans.prepare import BASELINE
from accel_bench.quality.loss import Quality
from accel_bench.search.targets import Target
from accel_runtime.plans.deep_calls import FULL as FULL_RULE
from accel_runtime.plans.deep_calls import shortest_deep_calls
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

INTERVALS = tuple(range(2, 11))
# Shares of the baseline's steps, and of a plan's calls.
STEP_SHARES = (0.8, 0.6, 0.5, 0.4)
GUIDED_SHARES = (0.75, 0.5)
# Shares of a plan's calls, from the first, that are not gated.
OPEN_SHARES = (0.75, 0.5, 0.25)
_ID_LENGTH = 16
_BUDGETS = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan, and the family that its deep calls are of, such as `uniform`, `power` or `solved`."""

    family: str
    spec: PlanSpec

    @property
    def id(self) -> str:
        """The hash of the plan: the same plan is the same candidate, whoever thought of it."""
        return sha256(msgspec.json.encode(self.spec)).hexdigest()[:_ID_LENGTH]

    @property
    def name(self) -> str:
        """The plan in a line."""
        return plan_name(self.spec)


FULL = Candidate("full", BASELINE)
# The family of plans with skipped calls.
SKIPS = "skips"
# The family of uncached runs of fewer steps by any scheduler.
FEWER = "fewer steps"
# The family of plans that decide as they run.
RULES = "rule"


@dataclass(frozen=True, slots=True)
class Unsolved:
    """A plan with skipped calls that is solved before it is judged.

    Attributes:
        steps: Denoising steps.
        deep: Number of deep calls.
        shallow: Number of shallow calls.
        moves: Placements near the solved one that are tried; where there are any, all rows are refined too.
    """

    steps: int
    deep: int
    shallow: int = 0
    moves: int = 0

    @property
    def id(self) -> str:
        """What is asked for, in a word."""
        return f"{self.steps}-{self.deep}+{self.shallow}-{self.moves}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a candidate.

    Attributes:
        seconds: Seconds of one image, composed from the times of its graphs.
        quality: Quality over the batches that were asked for.
    """

    candidate: Candidate
    seconds: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class Ask:
    """Judge candidates, then plans that are solved first, on the first ``batches`` batches of prompts."""

    candidates: tuple[Candidate, ...]
    batches: int
    unsolved: tuple[Unsolved, ...] = ()


# How a strategy looks: it yields what it wants to know, and is sent an answer for each plan, in order.
Proposer: TypeAlias = Generator[Ask, Sequence[Answer], None]
# A part of a strategy that returns what it found.
Round: TypeAlias = Generator[Ask, Sequence[Answer], list[Answer]]


def distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Each plan once; the first that thought of it gives its family."""
    return tuple({each.id: each for each in reversed(candidates)}.values())[::-1]


@dataclass(frozen=True, slots=True)
class Rival:
    """An uncached run of fewer steps, and the UNet calls that it makes."""

    candidate: Candidate
    calls: int


@dataclass(frozen=True, slots=True)
class Space:
    """The candidates that may be tried.

    Attributes:
        calls: UNet calls of the schedule by number of steps; the baseline's steps come first.
        branches: Branches at which shallow calls may cut the UNet.
        caches: Whether features may be reused at all.
        skips: Whether calls may be skipped.
        rivals: Uncached runs of fewer steps, by every scheduler that draws no noise.
        guided_shares: Shares of the calls, from the first, that may be the only guided ones.
        decides: Whether rules may decide as a plan runs.
        rules: Plans with a rule, once they are calibrated.
        tome: Shares of the tokens that all calls of a plan may merge.
        open_shares: Shares of the calls, from the first, behind which all others may be gated.
    """

    calls: Mapping[int, int]
    branches: tuple[int, ...]
    caches: bool = True
    skips: bool = False
    rivals: tuple[Rival, ...] = ()
    guided_shares: tuple[float, ...] = ()
    decides: bool = False
    rules: tuple[Candidate, ...] = ()
    tome: tuple[float, ...] = ()
    open_shares: tuple[float, ...] = ()

    @property
    def steps(self) -> int:
        """The baseline's."""
        return next(iter(self.calls))

    def candidate(
        self,
        family: str,
        steps: int,
        *,
        deep: Sequence[int],
        branch: int,
        forecast: Forecast = Forecast.HOLD,
        weights: Mapping[int, tuple[float, ...]] | None = None,
    ) -> Candidate:
        """A plan as a candidate; weights that hold are left out."""
        spec = PlanSpec(
            deep=shortest_deep_calls(deep, self.calls[steps]),
            branch=branch,
            forecast=forecast,
            weights={call: row for call, row in sorted((weights or {}).items()) if row != (1.0,)},
            steps=self._own(steps),
        )
        return Candidate(family, spec)

    def full(self, steps: int) -> Candidate:
        """Every call deep, at one number of steps."""
        return Candidate("full", PlanSpec(deep=FULL_RULE, steps=self._own(steps)))

    def deep_calls(self, candidate: Candidate) -> tuple[int, ...]:
        """Numbers of the deep calls of a candidate."""
        return candidate.spec.deep_calls(self._calls_of(candidate))

    def _own(self, steps: int) -> int | None:
        return None if steps == self.steps else steps

    def uncached(self) -> Iterator[Candidate]:
        """Every call deep, at every number of steps but the baseline's."""
        for steps in list(self.calls)[1:]:
            yield self.full(steps)

    def guided(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with guidance on its first calls only."""
        parts = (self.guided_in_part(candidate, share) for share in self.guided_shares)
        # Solved rows and thresholds belong to the guidance that they were made for.
        made = candidate.spec.rows or candidate.spec.rule
        yield from (part for part in dict.fromkeys(parts) if part != candidate and not made)

    def guided_in_part(self, candidate: Candidate, share: float) -> Candidate:
        """The candidate with guidance on the first ``share`` of its calls; itself where that is all of them."""
        calls = self._calls_of(candidate)
        last = max(0, round(share * calls) - 1)
        if last >= calls - 1:
            return candidate
        return Candidate(candidate.family, msgspec.structs.replace(candidate.spec, guided_calls=(0, last)))

    def merged(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with tokens merged in all of its calls, by each share; none where a rule decides.

        Thresholds belong to the signals that they were made for, which merging changes.
        """
        for ratio in () if candidate.spec.rule else self.tome:
            yield Candidate(candidate.family, candidate.spec.with_tome(Tome(ratio=ratio)))

    def varied(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with guidance on its first calls only, then with merged tokens, then with gated calls."""
        yield from self.guided(candidate)
        yield from self.merged(candidate)
        yield from self.gated(candidate)

    def gated(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with its late calls gated, from each share on; none of what was made for all calls open.

        Solved rows and thresholds were made for the guidance that gated calls do not have.
        """
        spec = candidate.spec
        if spec.rows or spec.rule or spec.tome or spec.guided_calls is not None:
            return
        calls = self._calls_of(candidate)
        for gate in dict.fromkeys(round(share * calls) for share in self.open_shares):
            if 1 <= gate < calls:
                yield Candidate(candidate.family, spec.with_gate(gate))

    def _calls_of(self, candidate: Candidate) -> int:
        """UNet calls of a candidate's schedule, which may be that of a rival with something else changed too."""
        spec = candidate.spec
        for rival in self.rivals:
            if (rival.candidate.spec.scheduler, rival.candidate.spec.steps) == (spec.scheduler, spec.steps):
                return rival.calls
        return self.calls[spec.steps or self.steps]

    def grid(self) -> Iterator[Candidate]:
        """The 1:N rule with every forecast and DeepCache's power plans, exhaustively."""
        plain = [*self.uncached(), *(each for steps in self.calls if self.caches for each in self._cached(steps))]
        for candidate in plain:
            yield candidate
            yield from self.varied(candidate)
        yield from self.varied(FULL)
        yield from self.rules

    def _cached(self, steps: int) -> Iterator[Candidate]:
        calls = self.calls[steps]
        for interval in (each for each in INTERVALS if each < calls):
            deep = tuple(range(0, calls, interval))
            for branch in self.branches:
                for forecast in Forecast:
                    yield self.candidate("uniform", steps, deep=deep, branch=branch, forecast=forecast)
                for plan in power_plans(calls, len(deep)):
                    yield self.candidate("power", steps, deep=plan, branch=branch)


def make_space(
    calls: Mapping[int, int],
    *,
    targets: Sequence[Target],
    branches: Sequence[int],
    rivals: Sequence[Rival] = (),
    tome: Sequence[float] = (),
) -> Space:
    """The space of some targets.

    Args:
        calls: UNet calls by number of steps, the baseline's first; others are taken with the target `steps` alone.
        targets: Parts of a plan that may change.
        branches: Branches that the bundle has.
        rivals: See `Space`; taken where calls may be skipped.
        tome: Shares that the bundle has graphs for.
    """
    first = next(iter(calls))
    return Space(
        dict(calls) if Target.STEPS in targets else {first: calls[first]},
        tuple(branches),
        caches=Target.DEEPCACHE in targets,
        skips=Target.SCHEDULE in targets,
        rivals=tuple(rivals) if Target.SCHEDULE in targets else (),
        guided_shares=GUIDED_SHARES if Target.GUIDANCE in targets else (),
        decides=Target.RULE in targets,
        tome=tuple(tome) if Target.TOME in targets else (),
        open_shares=OPEN_SHARES if Target.TGATE in targets else (),
    )


def first_budgets(calls: int) -> tuple[int, ...]:
    """A few numbers of deep calls, spread evenly over the speed-ups.

    >>> first_budgets(50)
    (5, 7, 10, 13, 18, 25)
    """
    spread = np.geomspace(max(2, calls / 10), max(2, calls / 2), _BUDGETS)
    return tuple(sorted({min(calls - 1, round(float(deep))) for deep in spread} - {0, calls}))


def step_ladder(steps: int) -> tuple[int, ...]:
    """The numbers of steps that are tried, the baseline's first.

    >>> step_ladder(50)
    (50, 40, 30, 25, 20)
    """
    return tuple(dict.fromkeys((steps, *(max(1, round(share * steps)) for share in STEP_SHARES))))
