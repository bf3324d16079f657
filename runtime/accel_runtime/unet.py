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
from accel_runtime.forecaster import Forecaster, HostForecaster
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
        rows_at_a_time: Batch entries per run of a graph, which bounds the memory of a call; None runs all at once.
        forecaster: Makes the features of shallow calls; None for numpy's.

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
        rows_at_a_time: int | None = None,
        forecaster: Forecaster | None = None,
    ) -> None:
        if missing := sorted(set(plan.branches) - set(graphs.shallow)):
            raise InputError(f"the bundle has no branch {missing[0]}: export it with `--branches {missing[0]}`")
        self._graphs = graphs
        self._images = latent_shape[0]
        self._rows = self._images * (2 if plan.guided else 1)
        self._forecaster = forecaster or HostForecaster()
        self._at_a_time = rows_at_a_time or self._rows
        self._history = plan.history
        self._deep_calls = 0
        self._views: dict[tuple[int, int], Buffer] = {}
        self._bound: dict[tuple[object, ...], tuple[BoundCall, ...]] = {}
        self._allocate(backend, plan=plan, latent_shape=latent_shape)
        self._write_text(embeddings)

    def restart(self, embeddings: Embeddings) -> None:
        """Begin another request of the same plan and sizes, in the same buffers."""
        self._deep_calls = 0
        self._write_text(embeddings)

    def _allocate(self, backend: Backend, *, plan: Plan, latent_shape: tuple[int, ...]) -> None:
        spec = self._graphs.deep.spec
        shape = (self._rows, *latent_shape[1:])
        for call in plan.calls:
            rows = min(self._at_a_time, self._rows if call.guided else self._images)
            check_input(spec, "sample", shape=(rows, *latent_shape[1:]))
        sizes = check_input(spec, "sample", shape=shape)
        text = resolve(spec.input("encoder_hidden_states").shape, sizes)
        self.sample = backend.allocate(shape)
        self.timestep = backend.allocate((1,))
        self._text = backend.allocate(text)
        self._noise = backend.allocate(shape)
        made = {k: spec.output(feature_name(k)) for k in plan.branches}
        shapes = {k: (resolve(feature.shape, sizes), feature.dtype) for k, feature in made.items()}
        self._features = {k: [backend.allocate(*s) for _ in range(self._history)] for k, s in shapes.items()}
        weighed = {call.branch for call in plan.calls if isinstance(call, Shallow) and not _holds(call)}
        self._forecast = {k: backend.allocate(*shapes[k]) for k in sorted(weighed)}

    def _write_text(self, embeddings: Embeddings) -> None:
        """At once: a device's memory is written whole."""
        prompt, negative = embeddings.prompt, embeddings.negative
        if self._rows > self._images:
            assert negative is not None  # noqa: S101  # a guided plan comes with negatives
            prompt = np.concatenate([negative, prompt])
        self._text.write(prompt)

    def run(self, call: Call, sample: Array, *, timestep: float) -> Array:
        """One UNet call between arrays of the host.

        Args:
            call: The plan's entry.
            sample: The scaled latents, [B, C, h, w].
            timestep: What the UNet is told.

        Returns:
            The noise, [2B, C, h, w] where the call is guided (negative half first) and [B, C, h, w]
            where it is not; memory that the next call overwrites.
        """
        self.prepare(sample, timestep)
        self.execute(call)
        return self.noise(call).read()

    def prepare(self, sample: Array, timestep: float) -> None:
        """Write the inputs of the next call: [B, C, h, w] for both halves, and the timestep."""
        self.sample.write(np.concatenate([sample] * (self._rows // self._images)))
        self.timestep.write(np.array([timestep], np.float32))

    def execute(self, call: Call) -> None:
        """Run a pass on what `sample` and `timestep` hold."""
        if isinstance(call, Deep):
            self._deep(self._first(call))
        else:
            self._shallow(self._first(call), call)

    def noise(self, call: Call) -> Buffer:
        """Where the call's noise is: all rows, or the prompt half."""
        return self._noise.rows(self._first(call), self._rows)

    def _first(self, call: Call) -> int:
        return 0 if call.guided else self._rows - self._images

    def _deep(self, first: int) -> None:
        slot = self._deep_calls % self._history
        self._deep_calls += 1
        features = {feature_name(k): ring[slot] for k, ring in self._features.items()}
        self._run(("deep", first, slot), self._graphs.deep, first, inputs={}, outputs=features)

    def _shallow(self, first: int, call: Shallow) -> None:
        feature = self._make_feature(first, call)
        key = ("shallow", first, call.branch, id(feature))
        inputs = {feature_name(call.branch): feature}
        self._run(key, self._graphs.shallow[call.branch], first, inputs=inputs, outputs={})

    def _run(
        self,
        key: tuple[object, ...],
        graph: Graph,
        first: int,
        *,
        inputs: Mapping[str, Buffer],
        outputs: Mapping[str, Buffer],
    ) -> None:
        """Run a graph on the rows from ``first`` on; what is bound once is found again by ``key``."""
        if key not in self._bound:
            starts = range(first, self._rows, self._at_a_time)
            parts = [slice(start, min(start + self._at_a_time, self._rows)) for start in starts]
            self._bound[key] = tuple(self._bind(graph, part, inputs=inputs, outputs=outputs) for part in parts)
        for bound in self._bound[key]:
            bound.run()

    def _make_feature(self, first: int, call: Shallow) -> Buffer:
        """The buffer that holds the forecast; where it only holds the last feature, that buffer itself."""
        ring = self._features[call.branch]
        newest_first = [ring[(self._deep_calls - 1 - age) % self._history] for age in range(len(call.forecast))]
        if _holds(call):
            return newest_first[0]
        target = self._forecast[call.branch]
        past = [self._from(buffer, first) for buffer in newest_first]
        self._forecaster.combine(past, call.forecast, target=self._from(target, first))
        return target

    def _from(self, buffer: Buffer, first: int) -> Buffer:
        """The rows of a buffer from ``first`` on; the same object each time, so that a binding of it is found again."""
        key = (id(buffer), first)
        if key not in self._views:
            self._views[key] = buffer.rows(first, self._rows)
        return self._views[key]

    def _bind(
        self, graph: Graph, part: slice, *, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]
    ) -> BoundCall:
        batched = {"sample": self.sample, "encoder_hidden_states": self._text, **inputs}
        wanted = {tensor.name for tensor in graph.spec.inputs}
        tied: dict[str, Buffer] = {
            name: buffer.rows(part.start, part.stop) for name, buffer in batched.items() if name in wanted
        }
        if "timestep" in wanted:
            tied["timestep"] = self.timestep
        made = {"out_sample": self._noise, **outputs}
        return graph.session.bind(tied, {name: buffer.rows(part.start, part.stop) for name, buffer in made.items()})


def _holds(call: Shallow) -> bool:
    """Whether the last deep feature is taken as it is."""
    return call.forecast == (1.0,)
