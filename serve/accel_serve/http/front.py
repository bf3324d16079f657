"""The front: the plans of a bundle by what they cost and what they are known to lose."""

from typing import Any, Final

import msgspec

from accel_runtime.errors import AccelError
from accel_runtime.plans.plan import Pass, Plan
from accel_serve.http.fields import Generation
from accel_serve.http.served import Served

# Beside the bundle's own plans, so that a chart has something to compare them with.
_RULES: Final = ("full", "every:2", "every:3", "every:5")


def front_of(served: Served) -> dict[str, Any]:
    """Plans with their calls, and their cost as a share of the UNet's operations in `full`.

    Nothing is drawn for it: cost is counted from the graphs' operations, as the manifest has them. What a plan loses is
    what a search measured when it added the plan to the bundle; of other plans it is not known.
    """
    found = []
    for name in dict.fromkeys((*_RULES, *served.plans.names)):
        try:
            plan = served.plans.choose(Generation("", plan=name), strength=None, overloaded=False).plan
        except AccelError:  # the bundle lacks the branch
            continue
        found.append((name, plan))
    whole = next(_operations(served, plan) for name, plan in found if name == "full")
    figures = msgspec.to_builtins(served.manifest.plan_figures)
    points = [
        _point(name, plan, share=_operations(served, plan) / whole) | {"figures": figures.get(name)}
        for name, plan in found
    ]
    return {"model": served.name, "default": served.plans.default, "plans": points}


def _point(name: str, plan: Plan, *, share: float) -> dict[str, Any]:
    """A plan in numbers; of one with a rule, the most deep calls that it makes."""
    deep = plan.most_deep
    return {
        "name": name,
        "steps": plan.schedule.steps,
        "scheduler": plan.schedule.scheduler,
        "deep": deep,
        "shallow": len(plan.calls) - deep,
        "decides": plan.rule is not None,
        "skipped": max(0, plan.schedule.steps - len(plan.calls)),
        "cost": round(share, 4),
    }


def _operations(served: Served, plan: Plan) -> float:
    """Operations of all calls, a guided one with two rows; of a plan with a rule, the most that it makes."""
    manifest = served.manifest
    graphs, names = manifest.graphs, manifest.denoiser
    made_deep, total = plan.most_deep - len(plan.deep_calls), 0.0
    for call in plan.calls:
        branch, tome, gate = Pass.of(call)
        if branch is not None and made_deep > 0:
            branch, made_deep = None, made_deep - 1
        total += (2 if call.guided else 1) * graphs[names.graph(branch, tome, gate)].flops
    return total
