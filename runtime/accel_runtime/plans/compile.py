"""From a serialised plan to the one that the loop runs, and back.

Skipped calls and solved rows end here (docs/design/0020-skips.md): the loop sees a `Plan` with fewer calls, on a
schedule with as many rows.
"""

import msgspec

from accel_runtime.errors import InputError
from accel_runtime.manifest import GuidanceBy
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow
from accel_runtime.plans.spec import PlanSpec, check_calls, check_rows
from accel_runtime.schedules.schedule import ScheduleTable


def default_guidance(by: GuidanceBy) -> float:
    """The scale where none is asked for: diffusers' of Stable Diffusion, or 1 of a model that is never guided."""
    return 1.0 if by == "none" else 7.5


def compile_plan(
    spec: PlanSpec,
    schedule: ScheduleTable,
    *,
    guidance: float,
    guidance_rescale: float = 0.0,
    guidance_by: GuidanceBy = "halves",
) -> Plan:
    """Compile a plan on a schedule.

    The compiled plan has a call and a row for each call that runs; they are numbered anew, without the skipped ones.

    Args:
        spec: The plan.
        schedule: Compiled schedule of the plan's scheduler and steps; a plan with solved rows needs one that starts at
            call 0 and draws no noise.
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
    if spec.rows:
        _check_solvable(spec, schedule)
    total = len(schedule.rows)
    check_calls(spec, total)
    check_rows(spec, total)
    deep = spec.deep_calls(total)
    scales = {call: guidance if spec.guides(call) else 1.0 for call in spec.running_calls(total)}
    calls = tuple(_call(spec, call, guidance=float(scale), deep=deep) for call, scale in scales.items())
    table = _solved(spec, schedule) if spec.rows else schedule
    rule = spec.rule or None
    return Plan(schedule=table, calls=calls, guidance_rescale=guidance_rescale, rule=rule, forecast=_of_rule(spec))


def _of_rule(spec: PlanSpec) -> Forecast:
    """The forecast that is made as the loop runs."""
    return spec.forecast if spec.rule else Forecast.HOLD


def _call(spec: PlanSpec, call: int, *, guidance: float, deep: tuple[int, ...]) -> Call:
    tome, gate = spec.tome_of(call), spec.gate_of(call, deep_calls=deep)
    if call in deep:
        return Deep(guidance=guidance, tome=tome, gate=gate)
    weights = spec.weights_of(call, deep_calls=deep)
    return Shallow(guidance=guidance, branch=spec.branch_of(call), forecast=weights, tome=tome, gate=gate)


def _solved(spec: PlanSpec, schedule: ScheduleTable) -> ScheduleTable:
    """The rows of the calls that run, with the plan's coefficients."""
    latents = max(len(row.a) for row in spec.rows.values())
    noises = max(len(row.b) for row in spec.rows.values())
    rows = tuple(
        msgspec.structs.replace(schedule.rows[call], a=_padded(row.a, latents), b=_padded(row.b, noises), c=0.0)
        for call, row in spec.rows.items()
    )
    return msgspec.structs.replace(schedule, rows=rows)


def _padded(weights: tuple[float, ...], length: int) -> tuple[float, ...]:
    return weights + (0.0,) * (length - len(weights))


def _check_solvable(spec: PlanSpec, schedule: ScheduleTable) -> None:
    name = schedule.scheduler
    if spec.scheduler != name:
        raise InputError(
            f"plan: its rows were solved for scheduler {spec.scheduler}, got {name}: leave the scheduler to the plan"
        )
    if schedule.begin:
        raise InputError(
            f"plan: solved plans start from noise, got a schedule that starts at call {schedule.begin}: "
            "start without an image, or choose a plan without solved rows"
        )
    if schedule.draws:
        raise InputError(
            f"plan: {name} draws noise at its calls, which solved rows cannot follow: "
            "solve a plan for a scheduler that draws none, such as ddim, euler or dpmpp_2m"
        )


def resolve_plan(spec: PlanSpec, schedule: ScheduleTable) -> PlanSpec:
    """The same plan with all that the schedule decides written out: numbers of the deep calls, scheduler and steps.

    Raises:
        InputError: The plan does not fit the schedule.
    """
    check_calls(spec, len(schedule.rows))
    check_rows(spec, len(schedule.rows))
    return msgspec.structs.replace(
        spec,
        deep=spec.deep_calls(len(schedule.rows)),
        scheduler=spec.scheduler or schedule.scheduler,
        steps=schedule.steps,
    )
