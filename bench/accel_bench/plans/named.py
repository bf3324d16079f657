"""The plans of a bundle, as tables and JSON show them."""

from collections.abc import Iterator

from accel_bench.base.table import Table, numbers, words
from accel_bench.records.parts import PlanFacts
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.named_plans import BundlePlans
from accel_runtime.bundle.schedules import BundleSchedules


def named_plans(bundle: Bundle) -> tuple[PlanFacts, ...]:
    """The plans of a bundle under the names that it gives them, in alphabetical order.

    Raises:
        BundleError: A plan or a schedule cannot be read.
        InputError: A plan does not fit its schedule.
    """
    plans, schedules = BundlePlans.read(bundle), BundleSchedules.read(bundle)
    specs = {name: plans.plan(name) for name in plans.names}
    rows = {name: len(schedules.table(spec.steps or 0, spec.scheduler).rows) for name, spec in specs.items()}
    return tuple(PlanFacts(name=name, plan=spec, calls=rows[name]) for name, spec in specs.items())


def plan_table(plans: tuple[PlanFacts, ...]) -> Table:
    """A row for each plan."""
    columns = (*words("plan"), *numbers("deep", "shallow"), *words("scheduler"), *numbers("steps"))
    return Table("Plans; `--plan NAME` takes one", columns, tuple(_rows(plans)))


def _rows(plans: tuple[PlanFacts, ...]) -> Iterator[tuple[str, ...]]:
    for each in plans:
        deep = len(each.deep_calls)
        yield each.name, str(deep), str(each.calls - deep), str(each.plan.scheduler), str(each.plan.steps)
