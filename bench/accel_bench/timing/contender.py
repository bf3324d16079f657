"""Contenders of a measurement: each draws the same images again and again."""

from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from accel_bench.records.bench import ImageRun
from accel_bench.records.parts import PlanFacts
from accel_bench.timing.meters import Meters
from accel_bench.timing.spans import Spans
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Deep, Plan
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One drawing.

    Attributes:
        run: Times of the drawing.
        images: Images as RGB. Shape: [B, H, W, 3].
    """

    run: ImageRun
    images: NDArray[np.uint8]


class Contender(Protocol):
    """Draws one fixed request."""

    @property
    def name(self) -> str:
        """Name of the contender, distinct within a measurement."""
        ...

    def warm_up(self) -> float:
        """Do all that happens only once, such as compiling; return its seconds."""
        ...

    def draw(self) -> Drawn:
        """Draw the request."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlanContender:
    """A plan of ours.

    Attributes:
        facts: What a record keeps of the plan.
        pipeline: Pipeline on a backend that notes in ``spans``; all plans of a run share it.
        spans: Where graphs note their times.
        request: What is drawn.
        plan: The plan that is timed.
        warm_up_plan: A short plan that runs each graph of ``plan``.
        meters: Readings of the device.
    """

    facts: PlanFacts
    pipeline: Pipeline
    spans: Spans
    request: Request
    plan: Plan
    warm_up_plan: Plan
    meters: Meters

    @property
    def name(self) -> str:
        """Name of the plan."""
        return self.facts.name

    def warm_up(self) -> float:
        """Load each graph and run it; return the seconds."""
        return self._draw(self.warm_up_plan).run.seconds

    def draw(self) -> Drawn:
        """Draw the request; the prompt is encoded anew."""
        return self._draw(self.plan)

    def _draw(self, plan: Plan) -> Drawn:
        self.pipeline.forget_prompts()
        energy = self.meters.joules()
        self.spans.begin()
        steps = self.pipeline.denoise(self.request, plan)
        self.spans.note("prepare", self.spans.origin)
        started = perf_counter()
        *_, (latents, _) = ran = [(step.latents, isinstance(step.call, Deep)) for step in steps]
        self.spans.note("denoise", started)
        started = perf_counter()
        images = self.pipeline.decode(latents)
        self.spans.note("decode", started)
        seconds = perf_counter() - self.spans.origin
        after = self.meters.joules()
        joules = None if energy is None or after is None else after - energy
        decided = tuple(index for index, (_, deep) in enumerate(ran) if deep) if plan.rule else None
        run = ImageRun(
            seconds,
            tuple(self.spans.noted),
            joules=joules,
            device_bytes=self.meters.device_bytes(),
            deep_calls=decided,
        )
        return Drawn(run, images)
