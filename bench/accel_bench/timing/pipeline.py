"""Contenders from a bundle and the plans that a user names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from accel_bench.plans.prepare import Prepared, Settings, prepare
from accel_bench.records.bundle import graph_names
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.meters import Meters, meters_for
from accel_bench.timing.spans import Spans, TimedBackend
from accel_runtime.backends import Backend
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.forms import choose_form
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True, eq=False)
class TimedPipeline:
    """A pipeline whose graphs note how long they run.

    Attributes:
        pipeline: The pipeline.
        spans: Where its graphs note their times.
        meters: Readings of the device.
    """

    pipeline: Pipeline
    spans: Spans
    meters: Meters

    @classmethod
    def open(cls, bundle: Bundle, backend: Backend, *, low_memory: bool = False, form: str | None = None) -> Self:
        """Open a bundle on a backend.

        Raises:
            AccelError: The bundle lacks the form, or the backend cannot run it.
        """
        spans = Spans()
        timed = TimedBackend(backend, spans, graph_names(bundle.manifest))
        pipeline = Pipeline(bundle, timed, low_memory=low_memory, form=choose_form(bundle, backend.name, form))
        return cls(pipeline, spans, meters_for(backend.describe()))

    def contender(self, prepared: Prepared, *, request: Request) -> PlanContender:
        """A plan that draws ``request``."""
        return PlanContender(
            facts=prepared.facts,
            pipeline=self.pipeline,
            spans=self.spans,
            request=request,
            plan=prepared.plan,
            warm_up_plan=prepared.warm_up,
            meters=self.meters,
        )


def plan_contenders(
    bundle: Bundle,
    backend: Backend,
    *,
    specs: Sequence[PlanSpec],
    settings: Settings,
    request: Request,
    low_memory: bool = False,
    form: str | None = None,
) -> list[PlanContender]:
    """Contenders that share one pipeline, the baseline first.

    Raises:
        InputError: The bundle lacks a branch, or a plan, setting or form cannot be run.
    """
    timed = TimedPipeline.open(bundle, backend, low_memory=low_memory, form=form)
    prepared = prepare(timed.pipeline, specs, settings=settings)
    return [timed.contender(each, request=request) for each in prepared]
