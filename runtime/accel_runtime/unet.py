"""The two passes of the UNet over fixed buffers.

    sample ─┐                       ┌─ noise
    text   ─┤ deep ──┬──────────────┤
    time   ─┘        └ features[3] ─┴─ shallow

Everything is allocated and bound once per request; a call writes its sample and timestep, runs one
bound graph and reads the noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from accel_runtime.backends.base import Array, Backend, BoundCall, Buffer, Session
from accel_runtime.dims import check_input, resolve
from accel_runtime.errors import InputError
from accel_runtime.manifest import GraphSpec, feature_name
from accel_runtime.plan import Call, Deep, Plan, Shallow


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A loaded graph and its contract."""

    session: Session
    spec: GraphSpec


@dataclass(frozen=True, slots=True, eq=False)
class UNetGraphs:
    """The deep graph and, by branch, the shallow ones."""

    deep: Graph
    shallow: Mapping[int, Graph]


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Encoded prompts: `prompt` [B, L, D]; `negative` the same, or None where nothing is guided."""

    prompt: Array
    negative: Array | None


class UNet:
    """The UNet for one request: a plan, a batch of latents and its prompts.

    Guided calls run on 2B rows, the negative half first, as diffusers does; unguided calls run on the
    last B rows of the same buffers.

    Args:
        graphs: The loaded graphs; branches that the plan does not use may be missing.
        backend: Allocates the buffers.
        plan: Says which rows, features and branches will be needed.
        latent_shape: [B, C, h, w].
        embeddings: The prompts.

    Raises:
        InputError: The graphs are fixed to other sizes, or the bundle lacks a branch of the plan.
    """

    def __init__(
        self,
        graphs: UNetGraphs,
        backend: Backend,
        *,
        plan: Plan,
        latent_shape: tuple[int, ...],
        embeddings: Embeddings,
    ) -> None:
        if missing := sorted(set(plan.branches) - set(graphs.shallow)):
            raise InputError(f"the bundle has no branch {missing[0]}: export it with `--branches {missing[0]}`")
        self._graphs = graphs
        self._images = latent_shape[0]
        self._rows = self._images * (2 if plan.guided else 1)
        self._history = plan.history
        self._deep_calls = 0
        self._bound: dict[tuple[object, ...], BoundCall] = {}
        self._allocate(backend, plan=plan, latent_shape=latent_shape)
        self._write_text(embeddings)

    def _allocate(self, backend: Backend, *, plan: Plan, latent_shape: tuple[int, ...]) -> None:
        spec = self._graphs.deep.spec
        shape = (self._rows, *latent_shape[1:])
        for call in plan.calls:
            check_input(spec, "sample", shape=(self._rows if call.guided else self._images, *latent_shape[1:]))
        sizes = check_input(spec, "sample", shape=shape)
        text = resolve(spec.input("encoder_hidden_states").shape, sizes)
        self._sample = backend.allocate(shape)
        self._timestep = backend.allocate((1,))
        self._text = backend.allocate(text)
        self._noise = backend.allocate(shape)
        features = {k: resolve(spec.output(feature_name(k)).shape, sizes) for k in plan.branches}
        self._features = {k: [backend.allocate(s) for _ in range(self._history)] for k, s in features.items()}
        forecast = features if self._history > 1 else {}
        self._forecast = {k: backend.allocate(s) for k, s in forecast.items()}
        self._scratch = {k: np.empty(s, np.float32) for k, s in forecast.items()}

    def _write_text(self, embeddings: Embeddings) -> None:
        self._text.rows(self._rows - self._images, self._rows).write(embeddings.prompt)
        if self._rows > self._images:
            assert embeddings.negative is not None  # noqa: S101  # a guided plan comes with negatives
            self._text.rows(0, self._images).write(embeddings.negative)

    def run(self, call: Call, sample: Array, *, timestep: float) -> Array:
        """One UNet call.

        Args:
            call: The plan's entry.
            sample: The scaled latents, [B, C, h, w].
            timestep: What the UNet is told.

        Returns:
            The noise, [2B, C, h, w] where the call is guided (negative half first) and [B, C, h, w]
            where it is not; memory that the next call overwrites.
        """
        first = 0 if call.guided else self._rows - self._images
        for start in range(first, self._rows, self._images):
            self._sample.rows(start, start + self._images).write(sample)
        self._timestep.write(np.array([timestep], np.float32))
        if isinstance(call, Deep):
            self._deep(first)
        else:
            self._shallow(first, call)
        return self._noise.rows(first, self._rows).read()

    def _deep(self, first: int) -> None:
        slot = self._deep_calls % self._history
        self._deep_calls += 1
        key = ("deep", first, slot)
        if key not in self._bound:
            features = {feature_name(k): ring[slot] for k, ring in self._features.items()}
            self._bound[key] = self._bind(self._graphs.deep, first, inputs={}, outputs=features)
        self._bound[key].run()

    def _shallow(self, first: int, call: Shallow) -> None:
        feature = self._make_feature(first, call)
        key = ("shallow", first, call.branch, id(feature))
        if key not in self._bound:
            inputs = {feature_name(call.branch): feature}
            self._bound[key] = self._bind(self._graphs.shallow[call.branch], first, inputs=inputs, outputs={})
        self._bound[key].run()

    def _make_feature(self, first: int, call: Shallow) -> Buffer:
        """The buffer that holds the forecast; where it only holds the last feature, that buffer itself."""
        ring = self._features[call.branch]
        newest_first = [ring[(self._deep_calls - 1 - age) % self._history] for age in range(len(call.forecast))]
        if call.forecast == (1.0,):
            return newest_first[0]
        total = self._forecast[call.branch].rows(first, self._rows).read()
        scratch = self._scratch[call.branch][first:]
        for age, (weight, buffer) in enumerate(zip(call.forecast, newest_first, strict=True)):
            past = buffer.rows(first, self._rows).read()
            np.multiply(past, np.float32(weight), out=scratch if age else total)
            if age:
                np.add(total, scratch, out=total)
        return self._forecast[call.branch]

    def _bind(
        self, graph: Graph, first: int, *, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]
    ) -> BoundCall:
        batched = {"sample": self._sample, "encoder_hidden_states": self._text, **inputs}
        wanted = {tensor.name for tensor in graph.spec.inputs}
        tied: dict[str, Buffer] = {name: b.rows(first, self._rows) for name, b in batched.items() if name in wanted}
        if "timestep" in wanted:
            tied["timestep"] = self._timestep
        noise = {"out_sample": self._noise, **outputs}
        return graph.session.bind(tied, {name: b.rows(first, self._rows) for name, b in noise.items()})
