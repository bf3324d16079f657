"""The plans of a bundle, as tables and JSON show them."""

from collections.abc import Sequence

from accel_bench.base.table import Table, numbers, words
from accel_bench.records.parts import PlanFacts
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.named_plans import BundlePlans
from accel_runtime.bundle.schedules import BundleSchedules
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import Manifest
from accel_runtime.plans.doubts import PlanDoubt, plan_doubts
from accel_runtime.plans.spec import PlanSpec


def named_plans(bundle: Bundle) -> tuple[PlanFacts, ...]:
    """The plans of a bundle under the names that it gives them, in alphabetical order.

    Raises:
        BundleError: A plan or a schedule cannot be read, or they do not fit each other.
    """
    plans, schedules = BundlePlans.read(bundle), BundleSchedules.read(bundle)
    return tuple(_facts(name, plans, schedules) for name in plans.names)


def _facts(name: str, plans: BundlePlans, schedules: BundleSchedules) -> PlanFacts:
    spec, bundle = plans.plan(name), plans.bundle
    try:
        rows = schedules.table(spec.steps or 0, spec.scheduler).rows
        return PlanFacts(name=name, plan=spec, calls=len(rows))
    except InputError as error:
        raise BundleError(f"{bundle.path(bundle.manifest.plans[name])}: {error}") from error


def model_doubts(spec: PlanSpec, manifest: Manifest) -> tuple[PlanDoubt, ...]:
    """The doubts that a plan raises on a bundle under any guidance and at any size."""
    if spec.solved_for is None:
        return ()
    solved = spec.solved_for
    return plan_doubts(
        spec,
        model=manifest.provenance.model,
        guidance=solved.guidance,
        height=solved.height,
        width=solved.width,
    )


def plan_table(plans: Sequence[PlanFacts]) -> Table:
    """A row for each plan: its calls by kind, and what it was solved for."""
    columns = (
        *words("plan"),
        *numbers("deep", "shallow", "skipped"),
        *words("scheduler"),
        *numbers("steps", "guidance", "pixels"),
    )
    return Table("Plans, for --plan; guidance and pixels that they were solved for", columns, tuple(map(_row, plans)))


def _row(plan: PlanFacts) -> tuple[str, ...]:
    counts = (len(plan.deep_calls), len(plan.shallow_calls), len(plan.plan.skip))
    made = plan.plan.solved_for
    solved_for = (f"{made.guidance:g}", f"{made.width}×{made.height}") if made is not None else ("", "")
    return plan.name, *map(str, counts), str(plan.plan.scheduler), str(plan.plan.steps), *solved_for
