"""A plan with solved rows, for tests that only need one."""

from collections.abc import Sequence
from typing import Any

from accel_runtime.plans.solved import SolvedRow
from accel_runtime.plans.spec import PlanSpec


def solved_plan(deep: Sequence[int], *, shallow: Sequence[int] = (), calls: int = 10, **parts: Any) -> PlanSpec:
    """Rows of round numbers; calls of DDIM that are neither deep nor shallow are skipped."""
    run = sorted((*deep, *shallow))
    rows = {call: SolvedRow(a=(1.0,), b=(-0.05, 0.01)[: 1 + (at > 0)]) for at, call in enumerate(run)}
    skip = tuple(call for call in range(calls) if call not in rows)
    fields: dict[str, Any] = {"rows": rows, "scheduler": "ddim", "steps": calls} | parts
    return PlanSpec(deep=tuple(deep), skip=skip, **fields)
