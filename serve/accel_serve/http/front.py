"""The front: the plans of a bundle by what they cost and what they are known to lose."""

from typing import Any, Final

from accel_runtime.errors import AccelError
from accel_runtime.plans.plan import Pass, Plan
from accel_serve.http.fields import Generation
from accel_serve.http.served import Served

# Beside the bundle's own plans, so that a chart has something to compare them with.
_RULES: Final = ("full", "every:2", "every:3", "every:5")


def front_of(served: Served) -> dict[str, Any]:
    """Plans with their calls, and their cost as a share of the UNet's operations in `full`.

    Nothing is drawn for it: cost is counted from the graphs' operations, as the manifest has them. Quality is not in a
    bundle; what a plan loses is measured by `accel evaluate`.
    """
    found = []
    for name in dict.fromkeys((*_RULES, *served.plans.names)):
        try:
            plan = served.plans.choose(Generation("", plan=name), strength=None, overloaded=False).plan
        except AccelError:  # the bundle lacks the branch
            continue
        found.append((name, plan))
    whole = next(_operations(served, plan) for name, plan in found if name == "full")
    points = [_point(name, plan, share=_operations(served, plan) / whole) for name, plan in found]
    return {"model": served.name, "default": served.plans.default, "plans": points}


def _point(name: str, plan: Plan, *, share: float) -> dict[str, Any]:
    deep = len(plan.deep_calls)
    return {
        "name": name,
        "steps": plan.schedule.steps,
        "scheduler": plan.schedule.scheduler,
        "deep": deep,
        "shallow": len(plan.calls) - deep,
        "skipped": max(0, plan.schedule.steps - len(plan.calls)),
        "cost": round(share, 4),
    }


def _operations(served: Served, plan: Plan) -> float:
    """Operations of all calls: a guided one has two rows."""
    manifest = served.manifest
    graphs, names = manifest.graphs, manifest.denoiser
    return float(sum((2 if call.guided else 1) * graphs[names.graph(*Pass.of(call))].flops for call in plan.calls))
