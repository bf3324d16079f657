"""The plan as profiles, records, scripts, `plan.json` and other programs hold it: see docs/plans.md.

    {"version": 1, "deep": [0, 5, 10], "branch": 0, "branches": {}, "forecast": "linear", "weights": {"7": [1.4, -0.4]},
     "guided_calls": null, "scheduler": "ddim", "steps": 15}

`accel_runtime.plans.compile` makes what the loop runs of it.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import DEEP_CALLS_EXPECTED, CallNumber, DeepCalls, deep_numbers, interval
from accel_runtime.plans.forecast import MAX_HISTORY, Forecast, forecast_weights
from accel_runtime.request import MOST_STEPS

PLAN_VERSION = 1
# Longest text of deep calls in a message.
_SHOWN = 60

Branch = Annotated[int, Meta(ge=0, le=1000)]
Steps = Annotated[int, Meta(ge=1, le=MOST_STEPS)]
Weight = Annotated[float, Meta(ge=-1e6, le=1e6)]
Weights: TypeAlias = Annotated[tuple[Weight, ...], Meta(min_length=1, max_length=MAX_HISTORY)]


class PlanError(InputError, ValueError):
    """A plan that contradicts itself; as a ValueError, so that msgspec says where in a document it stands."""


class PlanSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls run deep, and how the shallow calls between them run.

    Guidance scale, prompts and seeds are no part of a plan: they belong to the request.

    Attributes:
        version: Version of this format.
        deep: Deep calls: `full`, `every:N`, or their numbers from 0 on, ascending.
        branch: Branch at which shallow calls cut the UNet.
        branches: Branches of single shallow calls, where they differ from ``branch``.
        forecast: How the feature of a shallow call is made of the last deep ones.
        weights: Weights of the last deep features, newest first, of single shallow calls, in place of ``forecast``.
        guided_calls: First and last guided call; None guides every call.
        scheduler: Name of a scheduler of the bundle; None leaves the choice to the caller.
        steps: Denoising steps; None leaves the choice to the caller.

    Raises:
        PlanError: The parts contradict each other.
    """

    version: Literal[1] = 1
    deep: DeepCalls
    branch: Branch = 0
    branches: Mapping[CallNumber, Branch] = {}
    forecast: Forecast = Forecast.HOLD
    weights: Mapping[CallNumber, Weights] = {}
    guided_calls: tuple[CallNumber, CallNumber] | None = None
    scheduler: str | None = None
    steps: Steps | None = None

    def __post_init__(self) -> None:
        # Equal plans are equal documents, whatever the order in which calls were given.
        for name in ("branches", "weights"):
            msgspec.structs.force_setattr(self, name, dict(sorted(getattr(self, name).items())))
        for problem in _problems(self):
            raise PlanError(f"plan: {problem}")

    def __hash__(self) -> int:
        """Hash of all parts; the default one cannot hash mappings."""
        parts = (getattr(self, name) for name in self.__struct_fields__)
        return hash(tuple(tuple(part.items()) if isinstance(part, Mapping) else part for part in parts))

    def deep_calls(self, calls: int) -> tuple[int, ...]:
        """Numbers of the deep calls in a schedule of so many UNet calls.

        Raises:
            InputError: A deep call is outside of the schedule.
        """
        return deep_numbers(self.deep, calls)

    @property
    def named_branches(self) -> tuple[int, ...]:
        """Every branch that the plan names, ascending: a bundle must have them all."""
        return tuple(sorted({self.branch, *self.branches.values()}))

    def branch_of(self, call: int) -> int:
        """The branch of a shallow call."""
        return self.branches.get(call, self.branch)

    def weights_of(self, call: int, *, deep_calls: tuple[int, ...]) -> tuple[float, ...]:
        """The weights of the last deep features at a shallow call, newest first.

        Args:
            call: The shallow call.
            deep_calls: All deep calls, ascending.
        """
        return self.weights.get(call) or forecast_weights(self.forecast, call, deep_calls=deep_calls)

    def guides(self, call: int) -> bool:
        """Whether a call is guided, if the request asks for guidance at all."""
        return self.guided_calls is None or self.guided_calls[0] <= call <= self.guided_calls[1]

    def with_defaults(self, *, steps: int, scheduler: str | None) -> "PlanSpec":
        """The same plan, with steps and scheduler of the caller's where it has none."""
        chosen = self.scheduler if self.scheduler is not None else scheduler
        return msgspec.structs.replace(self, steps=self.steps or steps, scheduler=chosen)


def check_calls(spec: PlanSpec, calls: int) -> None:
    """Refuse a plan that names calls which a schedule of so many UNet calls does not have.

    Raises:
        PlanError: It does.
    """
    spec.deep_calls(calls)
    for name, numbers in (("branches", spec.branches), ("weights", spec.weights)):
        if outside := [call for call in numbers if call >= calls]:
            raise PlanError(f"plan: {name}: call {outside[0]} is outside 0…{calls - 1}")
    first, last = spec.guided_calls or (0, 0)
    if last >= calls:
        raise PlanError(f"plan: guided calls: expected first and last of 0 to {calls - 1}, got {first} to {last}")


def _problems(spec: PlanSpec) -> Iterator[str]:
    yield from _deep_problems(spec.deep)
    for name, numbers in (("branches", spec.branches), ("weights", spec.weights)):
        if deep := [call for call in numbers if _is_deep(spec.deep, call)]:
            yield f"{name}.{deep[0]}: expected the number of a shallow call as key, got that of a deep one"
    yield from _weight_problems(spec)
    if spec.guided_calls is not None and not 0 <= spec.guided_calls[0] <= spec.guided_calls[1]:
        yield "guided_calls: expected a first and a last call, got {} and {}".format(*spec.guided_calls)


def _deep_problems(deep: DeepCalls) -> Iterator[str]:
    if isinstance(deep, str):
        if interval(deep) is None:
            expected = DEEP_CALLS_EXPECTED.replace("calls:0,3,7", "numbers of calls")
            yield f"deep: expected {expected}, got {deep[:_SHOWN]!r}"
    elif not deep or deep[0] != 0:
        yield f"deep: the first call must be deep: expected numbers from 0 on, got {list(deep[:3])}"
    elif any(one >= other for one, other in pairwise(deep)):
        yield "deep: expected ascending numbers, each once"


def _is_deep(deep: DeepCalls, call: int) -> bool:
    return call in deep if isinstance(deep, tuple) else call % (interval(deep) or 1) == 0


def _weight_problems(spec: PlanSpec) -> Iterator[str]:
    for call, weights in spec.weights.items():
        most = min(MAX_HISTORY, _deep_before(spec.deep, call))
        if not 1 <= len(weights) <= most:
            yield f"weights.{call}: expected 1 to {most} weights, of the deep features before it, got {len(weights)}"
        if not all(isfinite(weight) for weight in weights):
            yield f"weights.{call}: expected finite numbers"


def _deep_before(deep: DeepCalls, call: int) -> int:
    return sum(number < call for number in deep) if isinstance(deep, tuple) else -(-call // (interval(deep) or 1))
