"""The denoising loop as a function from state to state, so that a search may branch off, go back and try again.

It computes what `accel_runtime.loop.denoise` does, but a state is a value: what one trial does leaves no trace in
another, and trials that begin alike run their common beginning once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from accel_runtime.backends.base import Array, BoundCall, Buffer
from accel_runtime.dims import check_input, resolve
from accel_runtime.forecast import MAX_HISTORY
from accel_runtime.loop import guide
from accel_runtime.manifest import feature_name
from accel_runtime.noise import TorchGenerator, stacked_normal
from accel_runtime.pipeline import Pipeline
from accel_runtime.plan import Plan
from accel_runtime.request import Request
from accel_runtime.schedule import Recurrence
from accel_runtime.start import start
from accel_runtime.unet import Graph

Weights = tuple[float, ...]
Forecasts = Mapping[int, Weights]  # of every shallow call; all others are deep


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
        features: Of the last deep calls, newest first.
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
        tally: What was run so far.
    """

    plan: Plan
    branch: int
    tally: Tally
    _graphs: dict[str, Graph]
    _text: tuple[Array, Array | None]  # prompt, negative
    _origin: Array
    _draws: tuple[Array | None, ...]
    _pipeline: Pipeline
    _bound: dict[tuple[str, int], "_Bound"] = field(default_factory=dict)

    @classmethod
    def open(cls, pipeline: Pipeline, request: Request, *, plan: Plan, branch: int, tally: Tally) -> Self:
        """Load the graphs, encode the prompts and draw the noise of a request."""
        graphs = pipeline.components.unet((branch,))
        generators = [TorchGenerator(request.seed + image) for image in range(request.images)]
        latents = start(pipeline.components, request, schedule=plan.schedule, generators=generators)
        rows = plan.schedule.rows
        draws = tuple(stacked_normal(generators, latents.shape[1:]) if row.draws else None for row in rows)
        embeddings = pipeline.embed(request, plan)
        named = {"deep": graphs.deep, "shallow": graphs.shallow[branch]}
        text = (embeddings.prompt, embeddings.negative)
        return cls(plan, branch, tally, named, text, latents, draws, pipeline)

    @property
    def calls(self) -> int:
        """UNet calls of the schedule."""
        return len(self.plan.calls)

    def start(self) -> State:
        """Before the first call."""
        return State(0, Recurrence.start(self._origin))

    def deep(self, state: State) -> State:
        """After a deep call."""
        noise, feature = self.deep_noise(state)
        return self.advance(state, noise, feature=feature)

    def shallow(self, state: State, weights: Weights) -> State:
        """After a shallow call on a weighted sum of the last deep features, newest first."""
        rows = self._rows(state)
        past = tuple(feature[-rows:] for feature in state.features)
        return self.advance(state, self.shallow_noise(state, combine(past, weights)))

    def deep_noise(self, state: State) -> tuple[Array, Array]:
        """The guided noise of a deep call [B, C, h, w], and its feature, two rows a picture where it is guided."""
        bound = self._run("deep", state)
        self.tally.deep += len(state.latents)
        return self._guided(bound, state), bound.feature.read().copy()

    def shallow_noise(self, state: State, feature: Array) -> Array:
        """The guided noise of a shallow call on that feature. Shape: [B, C, h, w]."""
        rows = self._rows(state)
        self._bind("shallow", rows).feature.write(feature[-rows:])
        bound = self._run("shallow", state)
        self.tally.shallow += len(state.latents)
        return self._guided(bound, state)

    def advance(self, state: State, noise: Array, *, feature: Array | None = None) -> State:
        """The state after a call that gave ``noise``, and ``feature`` if it was deep."""
        row = self.plan.schedule.rows[state.index]
        after = state.recurrence.advance(row, noise, draw=self._draws[state.index])
        features = state.features if feature is None else (feature, *state.features)[:MAX_HISTORY]
        return State(state.index + 1, after, features)

    def _guided(self, bound: "_Bound", state: State) -> Array:
        return guide(bound.noise.read(), self.plan.calls[state.index], rescale=self.plan.guidance_rescale).copy()

    def _rows(self, state: State) -> int:
        return len(state.latents) * (2 if self.plan.calls[state.index].guided else 1)

    def _run(self, which: str, state: State) -> "_Bound":
        row = self.plan.schedule.rows[state.index]
        bound = self._bind(which, self._rows(state))
        sample = state.recurrence.model_input(row)
        bound.buffers["sample"].write(np.concatenate([sample] * (self._rows(state) // len(sample))))
        if "timestep" in bound.buffers:
            bound.buffers["timestep"].write(np.array([row.timestep], np.float32))
        bound.call.run()
        return bound

    def _bind(self, which: str, rows: int) -> "_Bound":
        if (which, rows) not in self._bound:
            self._bound[which, rows] = self._make(which, rows)
        return self._bound[which, rows]

    def _make(self, which: str, rows: int) -> "_Bound":
        graph, backend = self._graphs[which], self._pipeline.backend
        sizes = check_input(graph.spec, "sample", shape=(rows, *self._origin.shape[1:]))
        feature = feature_name(self.branch)
        taken = {tensor.name: tensor for tensor in graph.spec.inputs}
        made = {tensor.name: tensor for tensor in graph.spec.outputs if tensor.name in ("out_sample", feature)}
        buffers = {
            name: backend.allocate(resolve(tensor.shape, sizes), tensor.dtype)
            for name, tensor in (taken | made).items()
        }
        if "encoder_hidden_states" in taken:
            prompt, negative = self._text
            guided = negative is not None and rows > len(prompt)
            buffers["encoder_hidden_states"].write(np.concatenate([negative, prompt]) if guided else prompt)
        inputs, outputs = ({name: buffers[name] for name in names} for names in (taken, made))
        return _Bound(graph.session.bind(inputs, outputs), buffers, feature)


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """A graph tied to its buffers, which are held here, since a backend may only borrow their memory."""

    call: BoundCall
    buffers: dict[str, Buffer]
    feature_name: str

    @property
    def noise(self) -> Buffer:
        return self.buffers["out_sample"]

    @property
    def feature(self) -> Buffer:
        return self.buffers[self.feature_name]


def combine(features: tuple[Array, ...], weights: Weights) -> Array:
    """Σ weight · feature, newest first, as the runtime's forecaster sums it."""
    total: Array = features[0] * np.float32(weights[0]) if weights != (1.0,) else features[0]
    for weight, feature in zip(weights[1:], features[1:], strict=False):
        total = total + feature * np.float32(weight)
    return total


def walk(walker: Walker, state: State, *, forecast: Forecasts) -> State:
    """The state after the last call: shallow where ``forecast`` has weights, deep elsewhere."""
    while state.index < walker.calls:
        weights = forecast.get(state.index)
        state = walker.deep(state) if weights is None else walker.shallow(state, weights)
    return state
