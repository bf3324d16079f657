"""Compare two records of the same work; records of unlike work are refused."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from accel_bench.base.stats import Spread
from accel_bench.benchmark.summary import image_seconds
from accel_bench.records.bench import BenchRecord
from accel_runtime.errors import InputError

# Share by which the machine's own speed may differ before a comparison tells of it.
_SAME_MACHINE: Final = 0.1


class Difference(msgspec.Struct, frozen=True):
    """A property in which two runs differ."""

    what: str
    before: str
    after: str


class PlanComparison(msgspec.Struct, frozen=True):
    """One plan in both records.

    Attributes:
        before_s: Median seconds in the first record.
        after_s: Median seconds in the second record.
        ratio: Second over first; above 1 is slower.
        low: Smallest ratio that the intervals of both medians allow; the interval is rather too wide than too narrow.
        high: Largest ratio that they allow.
    """

    name: str
    before_s: float
    after_s: float
    ratio: float
    low: float
    high: float


class Comparison(msgspec.Struct, frozen=True):
    """Two records against each other.

    Attributes:
        before: Id of the first record.
        after: Id of the second record.
        differences: Properties in which the runs differ.
        plans: Plans that both records have.
        yardstick: Ratio of the machine's own seconds, second over first; None where a record has none.
    """

    before: str
    after: str
    differences: tuple[Difference, ...]
    plans: tuple[PlanComparison, ...]
    yardstick: float | None


def compare(before: BenchRecord, after: BenchRecord) -> Comparison:
    """Compare two records plan by plan, by name.

    Raises:
        InputError: They have no plan in common.
    """
    runs = {run.facts.name: run for run in before.plans}
    common = [(runs[run.facts.name], run) for run in after.plans if run.facts.name in runs]
    if not common:
        names = ", ".join(run.facts.name for run in after.plans)
        raise InputError(f"no plan in common: one has {', '.join(runs)}, the other {names}")
    return Comparison(
        before=before.id,
        after=after.id,
        differences=tuple(_differences(before, after)),
        plans=tuple(_compare(old.facts.name, image_seconds(old), image_seconds(new)) for old, new in common),
        yardstick=_yardstick(before, after),
    )


def refuse_unlike(comparison: Comparison) -> None:
    """Refuse a comparison of unlike runs.

    Raises:
        InputError: The runs differ; the message says in what.
    """
    if comparison.differences:
        told = "; ".join(f"{each.what} {each.before} and {each.after}" for each in comparison.differences)
        raise InputError(f"the records are of unlike runs: {told}: compare them all the same with --allow-unlike")


def has_regressed(plan: PlanComparison, allowed: float) -> bool:
    """Whether a plan is slower by more than the share ``allowed``, and certainly slower at all."""
    return plan.ratio > 1 + allowed and plan.low > 1


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """One line for each plan, and one for the machine if its own speed differs."""
    for plan in comparison.plans:
        yield (
            f"{plan.name}: {plan.before_s:.3f} s before, {plan.after_s:.3f} s now, "
            f"{plan.ratio:.3f} times as long [{plan.low:.3f} – {plan.high:.3f}]"
        )
    if comparison.yardstick is not None and abs(comparison.yardstick - 1) > _SAME_MACHINE:
        yield (
            f"the machine's own speed differs: a fixed piece of work took {comparison.yardstick:.2f} times as long: "
            "measure both again, one after the other"
        )


def _compare(name: str, before: list[float], after: list[float]) -> PlanComparison:
    old, new = Spread.of(before), Spread.of(after)
    return PlanComparison(
        name=name,
        before_s=old.median,
        after_s=new.median,
        ratio=new.median / old.median,
        low=new.low / old.high,
        high=new.high / old.low,
    )


def _yardstick(before: BenchRecord, after: BenchRecord) -> float | None:
    if not (before.yardstick_s and after.yardstick_s):
        return None
    return Spread.of(after.yardstick_s).median / Spread.of(before.yardstick_s).median


def _differences(before: BenchRecord, after: BenchRecord) -> Iterator[Difference]:
    for (what, old), (_, new) in zip(_identity(before), _identity(after), strict=True):
        if old != new:
            yield Difference(what, str(old), str(new))


def _identity(record: BenchRecord) -> Iterator[tuple[str, Any]]:
    """The properties that must agree. Versions may differ, as they are what one compares."""
    environment, backend, bundle = record.environment, record.backend, record.bundle
    yield "processor", environment.cpu
    yield "instructions", environment.instructions
    yield "cores", environment.cores
    yield "provider", backend.provider
    yield "device", backend.options.get("device_id", "")
    yield "source", bundle.source
    yield "weights", bundle.weights
    yield "precision", bundle.deep.dtype
    yield "work of the deep pass", bundle.deep.flops
    yield from ((name, getattr(record.workload, name)) for name in record.workload.__struct_fields__ if name != "seed")
    yield "profile's device", record.profile is None or record.profile.comparable
