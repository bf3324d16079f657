"""A plan whose latents become infinite, for tests that must see it told."""

import msgspec

from accel_runtime import Pipeline, Plan, PlanSpec, compile_plan


def overflowing_plan(pipeline: Pipeline, steps: int) -> Plan:
    """DDIM with deep calls 0 and 2 whose call 3, a shallow one, leaves float32."""
    schedule = pipeline.schedule(steps, "ddim")
    rows = list(schedule.rows)
    rows[3] = msgspec.structs.replace(rows[3], a=(3e38,))
    broken = msgspec.structs.replace(schedule, rows=tuple(rows))
    return compile_plan(PlanSpec(deep=(0, 2)), broken, guidance=7.5)
