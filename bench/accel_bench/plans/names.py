"""Names of plans for people: labels of tables, pictures and records, derived from the plan."""

from collections.abc import Mapping
from hashlib import sha256

import msgspec
from msgspec import UnsetType

from accel_bench.base.text import guided_calls_text
from accel_runtime.plans.deep_calls import FULL, deep_calls_text
from accel_runtime.plans.rule import rule_text
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

_HASH_LENGTH = 6


def plan_name(spec: PlanSpec) -> str:
    """The whole plan in a line; the plan with every call deep is just `full`.

    >>> plan_name(PlanSpec(deep="every:3", branch=1, steps=20))
    'every:3 k=1 hold 20 steps'
    """
    words = [calls_name(spec)]
    if spec.deep != FULL and not spec.rows:
        words += [f"k={branch_name(spec)}", forecast_name(spec)]
    return " ".join([*words, *own_settings(spec)])


def calls_name(spec: PlanSpec) -> str:
    """Which calls run deep; of a plan with solved rows, how many calls run, with a hash that tells plans apart.

    >>> rows = {0: SolvedRow(a=(0.9,), b=(-0.4,))}
    >>> calls_name(PlanSpec(deep=(0,), skip=(1,), rows=rows, scheduler="ddim", steps=2))
    '1 of 2 calls solved-7eaa2e'
    """
    if spec.rule:
        always = f" and {deep_calls_text(spec.deep)}" if spec.deep != (0,) else ""
        return f"{rule_text(spec.rule)}{always}"
    if not spec.rows:
        return deep_calls_text(spec.deep)
    run, digest = len(spec.rows), sha256(msgspec.json.encode(spec)).hexdigest()[:_HASH_LENGTH]
    return f"{run} of {run + len(spec.skip)} calls solved-{digest}"


def branch_name(spec: PlanSpec) -> str:
    """The branch of the shallow calls; branches of single calls are told apart by their hash."""
    return f"{spec.branch}-and-{_hash(spec.branches)}" if spec.branches else str(spec.branch)


def forecast_name(spec: PlanSpec) -> str:
    """How features are made, in a word; weights are told apart by their hash."""
    return f"weights-{_hash(spec.weights)}" if spec.weights else spec.forecast.value


def own_settings(spec: PlanSpec) -> tuple[str, ...]:
    """What the plan sets beside its calls, in words; nothing for what it leaves to the caller.

    Nothing for a plan with solved rows either: the hash in its name stands for these too.
    """
    if spec.rows:
        return ()
    scheduler = [spec.scheduler] if spec.scheduler is not None else []
    steps = [f"{spec.steps} steps"] if spec.steps is not None else []
    guided = [f"guided {guided_calls_text(spec.guided_calls)}"] if spec.guided_calls is not None else []
    merged = [f"tome {tome_text(spec.tome)}"] if spec.tome else []
    return *scheduler, *steps, *guided, *merged, *([f"tgate {spec.tgate}"] if spec.tgate else [])


def tome_text(tome: Tome | UnsetType) -> str:
    """The share of the tokens that calls merge; shares of single calls are told apart by their hash.

    >>> tome_text(Tome(ratio=0.5))
    '0.5'
    """
    if not tome:
        return "0"
    return f"{tome.ratio:g}-and-{_hash(tome.calls)}" if tome.calls else f"{tome.ratio:g}"


def _hash(by_call: Mapping[int, object]) -> str:
    return sha256(repr(tuple(sorted(by_call.items()))).encode()).hexdigest()[:_HASH_LENGTH]
