"""The time of one image, composed from the times of its graphs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from accel_bench.plans.prepare import BASELINE, Prepared
from accel_bench.records.bench import ImageRun
from accel_bench.records.search import StageTimes
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.errors import InputError
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow
from accel_runtime.request import Request
from accel_runtime.schedules.file import MissingTableError
from accel_runtime.schedules.schedule import ScheduleTable

# How often an image runs each graph, and how many such images are drawn.
_REPEATS, _IMAGES = 3, 2
_MOST_STEPS = 100


def compose_s(times: StageTimes, plan: Plan, *, deep: float | None = None) -> float:
    """Seconds of one image of a plan, composed from the medians of its stages.

    Args:
        times: Samples of the stages.
        plan: The plan.
        deep: How many calls run deep where a rule decides, on average; None takes the most that may.
    """
    if plan.rule is None:
        return _compose_s(times, plan.calls)
    least = len(plan.deep_calls)
    decided = plan.most_deep if deep is None else deep
    # Which calls became deep does not matter where all are guided alike; else it is taken as spread evenly.
    share = (decided - least) / max(1, len(plan.calls) - least)
    whole = [Deep(guidance=call.guidance, tome=call.tome) for call in plan.calls]
    return (1 - share) * _compose_s(times, plan.calls) + share * _compose_s(times, whole)


def _compose_s(times: StageTimes, calls: Sequence[Call]) -> float:
    counts = Counter(kind_of(call) for call in calls)
    # Sorted, so that plans of the same calls in another order take the same time to the last bit.
    unet = sum(count * median(times.calls[kind]) for kind, count in sorted(counts.items()))
    return median(times.prepare) + unet + len(calls) * median(times.loop) + median(times.decode)


def compose_calls_s(times: StageTimes, *, deep: int, shallow: int, guidance: float, branch: int) -> float:
    """Seconds of one image with so many calls of each kind."""
    calls: list[Call] = [Deep(guidance=guidance)] * deep
    calls += [Shallow(guidance=guidance, branch=branch, forecast=(1.0,))] * shallow
    return _compose_s(times, calls)


def kind_of(call: Call) -> str:
    """The kind of a call, on which its time depends.

    >>> kind_of(Shallow(guidance=1.0, branch=2, forecast=(1.0,)))
    'shallow 2 unguided'
    """
    which = "deep" if isinstance(call, Deep) else f"shallow {call.branch}"
    merging = f" tome {call.tome:g}" if call.tome else ""
    gate = f" {call.gate}" if call.gate != "open" else ""
    return f"{which}{merging}{gate}{'' if call.guided else ' unguided'}"


def calls_of(guidance: float, branches: Iterable[int], *, tome: float) -> list[Call]:
    """A deep call, and a shallow one of each branch."""
    shallow = [Shallow(guidance=guidance, branch=branch, forecast=(1.0,), tome=tome) for branch in branches]
    return [Deep(guidance=guidance, tome=tome), *shallow]


def gated_calls_of(guidance: float, branches: Iterable[int]) -> list[Call]:
    """A call that keeps, then gated ones: a deep call, and a shallow one of each branch."""
    shallow = [Shallow(guidance=1.0, branch=branch, forecast=(1.0,), gate="gated") for branch in branches]
    return [Deep(guidance=guidance, gate="keeps"), Deep(guidance=1.0, gate="gated"), *shallow]


def timed_calls(branches: int, *, shares: int, gates: bool) -> int:
    """How many calls an image makes that runs each graph.

    Args:
        branches: Number of branches.
        shares: Number of shares of the tokens that are merged.
        gates: Whether there are graphs of gated calls.
    """
    open_calls = 2 * (1 + shares) * (1 + branches)  # guided and not
    return _REPEATS * (open_calls + (2 + branches if gates else 0))


@dataclass(eq=False)
class StageTiming:
    """Times every graph of a bundle, one image at a time.

    Attributes:
        branches: Branches of the shallow graphs to time.
        guidances: Scales to run each graph with; those that guide come first.
        tome: Shares of the tokens whose graphs to time; 0 merges none, and comes first.
        gates: Whether to time the graphs of gated calls.
        scheduler: Any that the bundle has.
        guidance_input: What the UNet is told, where it takes the scale as an input.
    """

    timed: TimedPipeline
    branches: Sequence[int]
    guidances: Sequence[float]
    scheduler: str | None
    tome: Sequence[float] = (0.0,)
    gates: bool = False
    guidance_input: float | None = None
    _images: list[tuple[Plan, ImageRun]] = field(default_factory=list)

    def run(self, request: Request) -> Iterator[str]:
        """Draw images that run every graph, yielding what was just done; the first one is not counted."""
        plan = self._plan()
        contender = self.timed.contender(Prepared(BASELINE, plan, plan), request=request)
        contender.warm_up()
        yield "warm-up"
        for image in range(_IMAGES):
            self._images.append((plan, contender.draw().run))
            yield f"image {image + 1} of {_IMAGES}"

    @property
    def times(self) -> StageTimes:
        """The times of all images that `run` has drawn."""
        calls: dict[str, list[float]] = {}
        roles = self.timed.pipeline.bundle.manifest.roles
        passes = {name for name, role in roles.items() if role.part in ("deep", "shallow")}
        for plan, run in self._images:
            graphs = [span.seconds for span in run.spans if span.name in passes]
            for call, seconds in zip(plan.calls, graphs, strict=True):
                calls.setdefault(kind_of(call), []).append(seconds)
        return StageTimes(
            {kind: tuple(samples) for kind, samples in calls.items()},
            prepare=self._stage("prepare"),
            decode=self._stage("decode"),
            loop=tuple(_loop_s(run, passes, calls=len(plan.calls)) for plan, run in self._images),
        )

    def _stage(self, name: str) -> tuple[float, ...]:
        return tuple(_spent(run, {name}) for _, run in self._images)

    def _plan(self) -> Plan:
        # Those that guide come first, as no guided call may reuse what an unguided one made.
        gated = _REPEATS * gated_calls_of(self.guidances[0], self.branches) if self.gates else []
        calls = [call for guidance in self.guidances for call in _REPEATS * self._each(guidance)] + gated
        schedule = self._schedule(len(calls))
        # A scheduler whose steps take several calls may have some left.
        calls += [calls[-1]] * (len(schedule.rows) - len(calls))
        return Plan(schedule=schedule, calls=tuple(calls), guidance_input=self.guidance_input)

    def _each(self, guidance: float) -> list[Call]:
        return [call for tome in self.tome for call in calls_of(guidance, self.branches, tome=tome)]

    def _schedule(self, calls: int) -> ScheduleTable:
        for steps in range(1, _MOST_STEPS + 1):
            with suppress(MissingTableError):
                schedule = self.timed.pipeline.schedule(steps, self.scheduler)
                if len(schedule.rows) >= calls:
                    return schedule
        raise InputError(f"search: no schedule of the bundle has the {calls} calls that time each graph")


def _loop_s(run: ImageRun, passes: Collection[str], *, calls: int) -> float:
    return max(0.0, _spent(run, {"denoise"}) - _spent(run, passes)) / calls


def _spent(run: ImageRun, names: Collection[str]) -> float:
    return sum(span.seconds for span in run.spans if span.name in names)
