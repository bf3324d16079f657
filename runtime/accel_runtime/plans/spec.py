"""The plan as profiles, records, scripts, `plan.json` and other programs hold it: see docs/plans.md.

    {"version": 2, "deep": [0, 5, 10], "skip": [], "branch": 0, "branches": {}, "forecast": "linear",
     "weights": {"7": [1.4, -0.4]}, "rows": {}, "guided_calls": null, "scheduler": "ddim", "steps": 15,
     "solved_for": null}

`accel_runtime.plans.compile` makes what the loop runs of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from accel_runtime.errors import InputError
from accel_runtime.manifest import Gate
from accel_runtime.plans.deep_calls import DEEP_CALLS_EXPECTED, CallNumber, DeepCalls, deep_numbers, interval
from accel_runtime.plans.forecast import MAX_HISTORY, Forecast, forecast_weights
from accel_runtime.plans.gate import FirstGated, gate_of, gate_problems
from accel_runtime.plans.rule import Rule, rule_problems
from accel_runtime.plans.solved import SolvedFor, SolvedRow, row_problems, skip_problems
from accel_runtime.plans.tome import Tome, tome_problems
from accel_runtime.request import MOST_STEPS

PLAN_VERSION: Final = 5
# By version, the keys that earlier ones do not have. A plan is of the earliest version that has all its keys but for
# version 1, which is only read.
KEYS_OF: Final[Mapping[int, tuple[str, ...]]] = {
    2: ("skip", "rows", "solved_for"),
    3: ("rule",),
    4: ("tome",),
    5: ("tgate",),
}
# Longest text of deep calls in a message.
_SHOWN = 60

Branch = Annotated[int, Meta(ge=0, le=1000)]
Steps = Annotated[int, Meta(ge=1, le=MOST_STEPS)]
Weight = Annotated[float, Meta(ge=-1e6, le=1e6)]
Weights: TypeAlias = Annotated[tuple[Weight, ...], Meta(min_length=1, max_length=MAX_HISTORY)]


class PlanError(InputError, ValueError):
    """A plan that contradicts itself; as a ValueError, so that msgspec says where in a document it stands."""


class PlanSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls run deep, which run no graph, and how the shallow calls between them run.

    Guidance scale, prompts and seeds are no part of a plan: they belong to the request.

    Attributes:
        version: Version of this format: 5 with gated calls, 4 with merged tokens, 3 with a rule, else 2. A plan of an
            earlier version is read as the plan that it means.
        deep: Deep calls: `full`, `every:N`, or their numbers from 0 on, ascending; with a rule, those in any case.
        skip: Numbers of the calls that run no graph, ascending; such a plan needs ``rows``.
        branch: Branch at which shallow calls cut the UNet.
        branches: Branches of single shallow calls, where they differ from ``branch``.
        forecast: How the feature of a shallow call is made of the last deep ones.
        weights: Weights of the last deep features, newest first, of single shallow calls, in place of ``forecast``.
        rows: Solved coefficients of every call that runs, in place of the schedule's; or none.
        guided_calls: First and last guided call; None guides every call.
        scheduler: Name of a scheduler of the bundle; None leaves the choice to the caller.
        steps: Denoising steps; None leaves the choice to the caller.
        solved_for: What the plan was solved for, beside scheduler and steps, which must be given then.
        rule: Decides as the loop runs which other calls are deep; absent where the plan numbers them all.
        tome: Which share of their tokens calls merge; absent where none merges any.
        tgate: The first call that takes what cross-attentions gave before; absent where none does. From it on, no call
            is guided.

    Raises:
        PlanError: The parts contradict each other.
    """

    version: Literal[1, 2, 3, 4, 5] = PLAN_VERSION
    deep: DeepCalls
    skip: tuple[CallNumber, ...] = ()
    branch: Branch = 0
    branches: Mapping[CallNumber, Branch] = {}
    forecast: Forecast = Forecast.HOLD
    weights: Mapping[CallNumber, Weights] = {}
    rows: Mapping[CallNumber, SolvedRow] = {}
    guided_calls: tuple[CallNumber, CallNumber] | None = None
    scheduler: str | None = None
    steps: Steps | None = None
    solved_for: SolvedFor | None = None
    rule: Rule | UnsetType = UNSET
    tome: Tome | UnsetType = UNSET
    tgate: FirstGated | UnsetType = UNSET

    def __post_init__(self) -> None:
        # Equal plans are equal documents, whatever the order in which calls were given.
        for name in ("branches", "weights", "rows"):
            msgspec.structs.force_setattr(self, name, dict(sorted(getattr(self, name).items())))
        for problem in _problems(self):
            raise PlanError(f"plan: {problem}")
        version = max((since for since, keys in KEYS_OF.items() if any(getattr(self, key) for key in keys)), default=2)
        msgspec.structs.force_setattr(self, "version", version)

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
    def solved(self) -> bool:
        """Whether the plan was solved for one schedule; it names that schedule's scheduler and steps then."""
        return bool(self.rows) or self.solved_for is not None

    def running_calls(self, calls: int) -> tuple[int, ...]:
        """Numbers of the calls that run a graph, in a schedule of so many UNet calls."""
        return tuple(call for call in range(calls) if call not in self.skip)

    def shallow_calls(self, calls: int) -> tuple[int, ...]:
        """Numbers of the shallow calls in a schedule of so many UNet calls.

        Raises:
            InputError: A deep call is outside of the schedule.
        """
        deep = self.deep_calls(calls)
        return tuple(call for call in self.running_calls(calls) if call not in deep)

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

    def tome_of(self, call: int) -> float:
        """The share of its tokens that a call merges; 0 merges none."""
        return self.tome.of(call) if self.tome else 0.0

    def gate_of(self, call: int, *, deep_calls: Sequence[int]) -> Gate:
        """What becomes of the cross-attentions of a call; arguments as of `weights_of`."""
        return gate_of(call, self.tgate, deep_calls=deep_calls)

    def guides(self, call: int) -> bool:
        """Whether a call is guided, if the request asks for guidance at all."""
        if self.tgate and call >= self.tgate:
            return False
        return self.guided_calls is None or self.guided_calls[0] <= call <= self.guided_calls[1]

    def with_defaults(self, *, steps: int, scheduler: str | None) -> "PlanSpec":
        """The same plan, with steps and scheduler of the caller's where it has none."""
        chosen = self.scheduler if self.scheduler is not None else scheduler
        return msgspec.structs.replace(self, steps=self.steps or steps, scheduler=chosen)

    def with_tome(self, tome: Tome | UnsetType) -> "PlanSpec":
        """The same plan, whose calls merge these shares of their tokens."""
        return msgspec.structs.replace(self, version=PLAN_VERSION, tome=tome)

    def with_gate(self, tgate: int | UnsetType) -> "PlanSpec":
        """The same plan, whose calls are gated from this one on."""
        return msgspec.structs.replace(self, version=PLAN_VERSION, tgate=tgate)


def check_calls(spec: PlanSpec, calls: int) -> None:
    """Refuse a plan that names calls which a schedule of so many UNet calls does not have.

    Raises:
        PlanError: It does.
    """
    spec.deep_calls(calls)
    merging, gated = spec.tome.calls if spec.tome else (), (spec.tgate,) if spec.tgate else ()
    others = (("skip", spec.skip), ("rows", spec.rows), ("tome.calls", merging), ("tgate", gated))
    numbered = (*_by_shallow_call(spec), *others)
    for name, numbers in numbered:
        if outside := [call for call in numbers if call >= calls]:
            raise PlanError(f"plan: {name}: call {outside[0]} is outside 0…{calls - 1}")
    first, last = spec.guided_calls or (0, 0)
    if last >= calls:
        raise PlanError(f"plan: guided calls: expected first and last of 0 to {calls - 1}, got {first} to {last}")


def check_rows(spec: PlanSpec, calls: int) -> None:
    """Refuse a plan with solved rows that ends before a schedule of so many UNet calls does.

    Raises:
        PlanError: It does.
    """
    end = len(spec.rows) + len(spec.skip)
    if spec.rows and end < calls:
        raise PlanError(f"plan: rows: expected a solved row for every call that runs, got none for call {end}")


def _problems(spec: PlanSpec) -> Iterator[str]:
    for version, keys in KEYS_OF.items():
        if spec.version < version and (new := [name for name in keys if getattr(spec, name)]):
            yield f"{new[0]}: expected version {version} of a plan that has it, got version {spec.version}"
    yield from _deep_problems(spec.deep)
    yield from skip_problems(spec.skip, spec.deep)
    for name, numbers in _by_shallow_call(spec):
        if deep := [call for call in numbers if _is_deep(spec.deep, call)]:
            yield f"{name}.{deep[0]}: expected the number of a shallow call as key, got that of a deep one"
        if skipped := [call for call in numbers if call in spec.skip]:
            yield f"{name}.{skipped[0]}: expected the number of a shallow call as key, got that of a skipped one"
    yield from _weight_problems(spec)
    yield from row_problems(spec.rows, spec.skip, spec.deep)
    yield from _open_problems(spec)
    if spec.guided_calls is not None and not 0 <= spec.guided_calls[0] <= spec.guided_calls[1]:
        yield "guided_calls: expected a first and a last call, got {} and {}".format(*spec.guided_calls)
    if spec.rule:
        yield from _rule_problems(spec, spec.rule)
    if spec.tome:
        yield from tome_problems(spec.tome)
    if spec.tgate:
        yield from gate_problems(spec.tgate, spec.guided_calls, parts={"rule": spec.rule, "tome": spec.tome})


def _rule_problems(spec: PlanSpec, rule: Rule) -> Iterator[str]:
    yield from rule_problems(rule, spec.deep, parts={"skip": spec.skip, "rows": spec.rows, "weights": spec.weights})
    if spec.guided_calls is not None and spec.guided_calls[0] != 0:
        yield f"rule: expected guided calls from 0 on beside it, got them from {spec.guided_calls[0]} on"


def _by_shallow_call(spec: PlanSpec) -> tuple[tuple[str, Mapping[int, object]], ...]:
    return ("branches", spec.branches), ("weights", spec.weights)


def _open_problems(spec: PlanSpec) -> Iterator[str]:
    """What a solved plan may not leave to the caller."""
    for key in (name for name in ("rows", "solved_for") if getattr(spec, name)):
        if open_keys := [name for name in ("scheduler", "steps") if getattr(spec, name) is None]:
            yield f"{open_keys[0]}: expected the {open_keys[0]} that {key} were solved for, got null"


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
