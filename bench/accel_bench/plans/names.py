"""Names of plans for people: labels of tables, pictures and records, derived from the plan."""

from collections.abc import Mapping
from hashlib import sha256

from accel_bench.base.text import guided_calls_text
from accel_runtime.plans.deep_calls import FULL, deep_calls_text
from accel_runtime.plans.spec import PlanSpec

_HASH_LENGTH = 6


def plan_name(spec: PlanSpec) -> str:
    """The whole plan in a line; the plan with every call deep is just `full`.

    >>> plan_name(PlanSpec(deep="every:3", branch=1, steps=20))
    'every:3 k=1 hold 20 steps'
    """
    words = [deep_calls_text(spec.deep)]
    if spec.deep != FULL:
        words += [f"k={branch_name(spec)}", forecast_name(spec)]
    return " ".join([*words, *own_settings(spec)])


def branch_name(spec: PlanSpec) -> str:
    """The branch of the shallow calls; branches of single calls are told apart by their hash."""
    return f"{spec.branch}-and-{_hash(spec.branches)}" if spec.branches else str(spec.branch)


def forecast_name(spec: PlanSpec) -> str:
    """How features are made, in a word; weights are told apart by their hash."""
    return f"weights-{_hash(spec.weights)}" if spec.weights else spec.forecast.value


def own_settings(spec: PlanSpec) -> tuple[str, ...]:
    """Scheduler, steps and guided calls of the plan's own, in words; nothing for what it leaves to the caller."""
    scheduler = [spec.scheduler] if spec.scheduler is not None else []
    steps = [f"{spec.steps} steps"] if spec.steps is not None else []
    guided = [f"guided {guided_calls_text(spec.guided_calls)}"] if spec.guided_calls is not None else []
    return *scheduler, *steps, *guided


def _hash(by_call: Mapping[int, object]) -> str:
    return sha256(repr(tuple(sorted(by_call.items()))).encode()).hexdigest()[:_HASH_LENGTH]
