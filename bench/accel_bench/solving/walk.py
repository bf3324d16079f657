"""The denoising loop as a function from state to state, so that a search may branch off, go back and try again.

It runs the loop's own passes, guidance and recurrence, but a state is a value: what one trial does leaves no trace in
another, and trials that begin alike run their common beginning once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from accel_runtime.backends.base import Array
from accel_runtime.denoising.loop import guide
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.denoising.passes import Passes
from accel_runtime.denoising.start import start
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.forecast import MAX_HISTORY
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow
from accel_runtime.request import Request
from accel_runtime.schedules.schedule import Recurrence


@dataclass(eq=False)
class Tally:
    """Counts UNet calls of one picture each, the cost of a search."""

    deep: int = 0
    shallow: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Where a walk stands, before call ``index``.

    Attributes:
        index: The next call.
        recurrence: Latents and history.
        features: Features of the last deep calls, newest first.
    """

    index: int
    recurrence: Recurrence
    features: tuple[Array, ...] = ()

    @property
    def latents(self) -> Array:
        """x_k. Shape: [B, C, h, w]."""
        return self.recurrence.latents


@dataclass(eq=False)
class Walker:
    """Runs single calls of one request, on one branch.

    Attributes:
        plan: The schedule and the guidance of each call; which calls it runs deep is not asked.
        branch: Where shallow calls cut the UNet.
        tally: Counts the calls.
    """

    plan: Plan
    branch: int
    tally: Tally
    _passes: Passes
    _origin: Array
    _draws: tuple[Array | None, ...]

    @classmethod
    def open(cls, pipeline: Pipeline, request: Request, *, plan: Plan, branch: int, tally: Tally) -> Self:
        """Load the graphs, encode the prompts and draw the noise of a request."""
        generators = [TorchGenerator(request.seed + image) for image in range(request.images)]
        started = start(pipeline.components, request, schedule=plan.schedule, generators=generators)
        latents = started.latents
        rows = plan.schedule.rows
        draws = tuple(stacked_normal(generators, latents.shape[1:]) if row.draws else None for row in rows)
        conditioning = pipeline.condition(
            request,
            guided=plan.guided,
            guidance=plan.guidance_input,
            calls=len(plan.calls),
            inpainting=started.inpainting,
        )
        unet = pipeline.unet((branch,), latent_shape=latents.shape, conditioning=conditioning)
        passes = Passes(unet, branches=(branch,), history=MAX_HISTORY, weighed=(branch,))
        return cls(plan, branch, tally, passes, latents, draws)

    @property
    def calls(self) -> int:
        """UNet calls of the schedule."""
        return len(self.plan.calls)

    def start(self) -> State:
        """Before the first call."""
        return State(0, Recurrence.start(self._origin))

    def step(self, state: State, call: Call) -> State:
        """The state after a call."""
        if isinstance(call, Deep):
            noise, feature = self.deep_noise(state)
            return self.advance(state, noise, feature=feature)
        self._passes.load(self.branch, state.features)
        return self.advance(state, self._noise(state, call))

    def deep_noise(self, state: State) -> tuple[Array, Array]:
        """The guided noise of a deep call [B, C, h, w], and its feature, two rows a picture where the plan guides."""
        noise = self._noise(state, Deep(guidance=self._guidance(state)))
        return noise, self._passes.feature(self.branch).read().copy()

    def shallow_noise(self, state: State, feature: Array) -> Array:
        """The guided noise of a shallow call on that feature. Shape: [B, C, h, w]."""
        self._passes.load(self.branch, (feature,))
        return self._noise(state, Shallow(guidance=self._guidance(state), branch=self.branch, forecast=(1.0,)))

    def advance(self, state: State, noise: Array, *, feature: Array | None = None) -> State:
        """The state after a call that gave ``noise``, and ``feature`` if it was deep."""
        row = self.plan.schedule.rows[state.index]
        after = state.recurrence.advance(row, noise, draw=self._draws[state.index])
        features = state.features if feature is None else (feature, *state.features)[:MAX_HISTORY]
        return State(state.index + 1, after, features)

    def _guidance(self, state: State) -> float:
        return self.plan.calls[state.index].guidance

    def _noise(self, state: State, call: Call) -> Array:
        """Run a call and count it; gives guided noise of its own."""
        row = self.plan.schedule.rows[state.index]
        sample = state.recurrence.model_input(row)
        noise = self._passes.run(call, sample, timestep=row.timestep, index=state.index)
        if isinstance(call, Deep):
            self.tally.deep += len(state.latents)
        else:
            self.tally.shallow += len(state.latents)
        return guide(noise, call, rescale=self.plan.guidance_rescale).copy()


def walk(walker: Walker, state: State, calls: Sequence[Call]) -> State:
    """The state after the last call: those of ``calls`` that come after ``state`` are run."""
    for call in calls[state.index :]:
        state = walker.step(state, call)
    return state
