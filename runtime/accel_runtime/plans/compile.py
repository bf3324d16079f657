"""From a serialised plan to the one that the loop runs, and back.

What plans may say later, such as calls that are skipped (docs/design/0018-plans.md), becomes calls and rows here: the
loop only ever sees a `Plan`.
"""

import msgspec

from accel_runtime.errors import InputError
from accel_runtime.manifest import GuidanceBy
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow
from accel_runtime.plans.spec import PlanSpec, check_calls
from accel_runtime.schedules.schedule import ScheduleTable


def compile_plan(
    spec: PlanSpec,
    schedule: ScheduleTable,
    *,
    guidance: float,
    guidance_rescale: float = 0.0,
    guidance_by: GuidanceBy = "halves",
) -> Plan:
    """Compile a plan on a schedule.

    Args:
        spec: The plan.
        schedule: Compiled schedule of the plan's scheduler and steps.
        guidance: Scale of classifier-free guidance of the guided calls.
        guidance_rescale: See `Plan`.
        guidance_by: How the model is guided; see `accel_runtime.manifest.Denoiser`.

    Raises:
        InputError: The plan does not fit the schedule, or cannot be run.
    """
    if guidance_by == "input":
        if spec.guided_calls is not None:
            raise InputError("plan: guided_calls: the model takes the guidance as an input of all calls: leave it out")
        told = compile_plan(spec, schedule, guidance=1.0)
        return msgspec.structs.replace(told, guidance_input=float(guidance))
    if spec.steps not in (None, schedule.steps):
        raise InputError(f"plan: expected a schedule of the plan's {spec.steps} steps, got {schedule.steps}")
    total = len(schedule.rows)
    check_calls(spec, total)
    deep = spec.deep_calls(total)
    scales = (guidance if spec.guides(call) else 1.0 for call in range(total))
    calls = tuple(_call(spec, call, guidance=float(scale), deep=deep) for call, scale in enumerate(scales))
    return Plan(schedule=schedule, calls=calls, guidance_rescale=guidance_rescale)


def _call(spec: PlanSpec, call: int, *, guidance: float, deep: tuple[int, ...]) -> Call:
    if call in deep:
        return Deep(guidance=guidance)
    return Shallow(guidance=guidance, branch=spec.branch_of(call), forecast=spec.weights_of(call, deep_calls=deep))


def resolve_plan(spec: PlanSpec, schedule: ScheduleTable) -> PlanSpec:
    """The same plan with all that the schedule decides written out: numbers of the deep calls, scheduler and steps.

    Raises:
        InputError: The plan does not fit the schedule.
    """
    check_calls(spec, len(schedule.rows))
    return msgspec.structs.replace(
        spec,
        deep=spec.deep_calls(len(schedule.rows)),
        scheduler=spec.scheduler or schedule.scheduler,
        steps=schedule.steps,
    )
