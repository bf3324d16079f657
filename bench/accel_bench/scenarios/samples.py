"""The samples that the load generator asks for: prompts and seeds by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Draws samples with one plan.

    Attributes:
        plan: What is drawn.
        rehearsal: A short plan that runs each graph of ``plan``.
        prompts: By sample.
        seed: Sample i draws its noise from ``seed + i``, whatever it shares its batch with.
    """

    pipeline: Pipeline
    plan: Plan
    rehearsal: Plan
    prompts: tuple[str, ...]
    seed: int

    def draw(self, samples: Sequence[int]) -> float:
        """Draw samples together, their prompts encoded anew; returns its seconds."""
        return self._draw(samples, self.plan)

    def warm_up(self, batch: int) -> float:
        """Load and run each graph on so many samples; returns its seconds."""
        return self._draw([index % len(self.prompts) for index in range(batch)], self.rehearsal)

    def _draw(self, samples: Sequence[int], plan: Plan) -> float:
        started = perf_counter()
        self.pipeline.forget_prompts()
        request = Request(
            prompts=tuple(self.prompts[sample] for sample in samples),
            seeds=tuple(self.seed + sample for sample in samples),
        )
        self.pipeline.generate(request, plan)
        return perf_counter() - started
