"""From a bundle and the plans that a user names to contenders."""

from collections.abc import Sequence

from accel_bench.records.bundle import graph_names
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.meters import meters_for
from accel_bench.timing.spans import Spans, TimedBackend
from accel_bench.trials import Settings, Trial, plan_facts, prepare
from accel_runtime.backends import Backend
from accel_runtime.bundle import Bundle
from accel_runtime.forms import choose_form
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request


def plan_contenders(
    bundle: Bundle,
    backend: Backend,
    *,
    trials: Sequence[Trial],
    settings: Settings,
    request: Request,
    low_memory: bool = False,
    form: str | None = None,
) -> list[PlanContender]:
    """Contenders that share one pipeline, the baseline first.

    Raises:
        InputError: The bundle lacks a branch, or a plan, setting or form cannot be run.
    """
    spans = Spans()
    timed = TimedBackend(backend, spans, graph_names(bundle.manifest))
    pipeline = Pipeline(bundle, timed, low_memory=low_memory, form=choose_form(bundle, backend.name, form))
    meters = meters_for(backend.describe())
    return [
        PlanContender(
            facts=plan_facts(each.trial, each.plan),
            pipeline=pipeline,
            spans=spans,
            request=request,
            plan=each.plan,
            rehearsal=each.warm_up,
            meters=meters,
        )
        for each in prepare(pipeline, trials, settings=settings)
    ]
