"""The denoiser's graphs over fixed buffers.

    sample ─┐                       ┌─ noise
    inputs ─┤ deep ──┬──────────────┤
    time   ─┘        └── features ──┴─ shallow

Buffers are allocated once per request, and a graph is bound once for each set of buffers. A call writes its sample and
timestep, runs one bound graph and reads the noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from accel_runtime.backends.base import Array, Backend, BoundCall, Buffer, Session
from accel_runtime.bundle.dims import check_input, resolve
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.manifest import Denoiser, Gate, GraphSpec
from accel_runtime.plans.plan import Pass

_NOTHING: Final[Mapping[str, Buffer]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A loaded graph and its contract."""

    session: Session
    spec: GraphSpec


@dataclass(frozen=True, slots=True, eq=False)
class UNetGraphs:
    """The graphs that calls run.

    Attributes:
        passes: The graph of each pass that is called.
        deep: Contract of the deep pass.
        names: What their tensors are for.
        keeps: Contract of the deep pass that hands out what its cross-attentions gave; None where there is none.
    """

    passes: Mapping[Pass, Graph]
    deep: GraphSpec
    names: Denoiser
    keeps: GraphSpec | None = None


class UNet:
    """The UNet for a batch of images.

    Guided calls run on 2B rows, the negative half first, as diffusers does; unguided calls run on the last B rows of
    the same buffers.

    Args:
        graphs: The loaded graphs; passes that are never called may be missing.
        backend: Allocates the buffers.
        latent_shape: [B, C, h, w].
        conditioning: The values of the other inputs. With a negative half, calls may be guided.
        rows_at_a_time: Batch entries per run of a graph, which bounds the memory of a call; None runs all at once.

    Raises:
        InputError: The graphs are fixed to other sizes.
    """

    def __init__(
        self,
        graphs: UNetGraphs,
        backend: Backend,
        *,
        latent_shape: tuple[int, ...],
        conditioning: Conditioning,
        rows_at_a_time: int | None = None,
    ) -> None:
        self._graphs = graphs
        self._backend = backend
        self._images = latent_shape[0]
        self._rows = self._images * (1 if conditioning.negative is None else 2)
        self._at_a_time = rows_at_a_time or self._rows
        self._views: dict[tuple[Buffer, int], Buffer] = {}
        self._bound: dict[tuple[object, ...], tuple[BoundCall, ...]] = {}
        spec, shape = graphs.deep, (self._rows, *latent_shape[1:])
        self._sizes = check_input(spec, graphs.names.sample, shape=shape)
        self.sample = backend.allocate(shape)
        self.timestep = backend.allocate((1,))
        self._noise = backend.allocate(shape)
        self._inputs = {
            each.name: backend.allocate(resolve(spec.input(each.name).shape, self._sizes))
            for each in graphs.names.inputs
            if each.name not in conditioning.by_call
        }
        self._by_call = {name: backend.allocate(values.shape[1:]) for name, values in conditioning.by_call.items()}
        self.condition(conditioning)

    def condition(self, conditioning: Conditioning) -> None:
        """Write the values of another request; a device's memory is written whole."""
        for name, buffer in self._inputs.items():
            buffer.write(conditioning.rows(name))
        self._values = conditioning.by_call
        self._told: dict[str, Array] = {}

    def begin(self, call: int) -> None:
        """Write the values of a call that are not those of the call that ran last."""
        for name, buffer in self._by_call.items():
            now = self._values[name][min(call, len(self._values[name]) - 1)]
            if not np.array_equal(now, self._told.get(name, ())):
                buffer.write(now)
                self._told[name] = now

    def check_call(self, *, guided: bool) -> None:
        """Whether a call on so many rows can be run.

        Raises:
            InputError: The graphs are fixed to other sizes.
        """
        rows = min(self._at_a_time, self._rows - self._first(guided=guided))
        check_input(self._graphs.deep, self._graphs.names.sample, shape=(rows, *self.sample.shape[1:]))

    def new_feature(self, branch: int) -> Buffer:
        """A buffer for the feature of a branch, with all rows."""
        tensor = self._graphs.deep.output(self._graphs.names.shallow[branch].feature)
        return self._backend.allocate(resolve(tensor.shape, self._sizes), tensor.dtype)

    def new_kept(self, *, of: Literal["rows", "images"]) -> dict[str, Buffer]:
        """Buffers for what cross-attentions gave, by tensor: with all rows, or with one for each image."""
        names, spec = self._graphs.names.tgate, self._graphs.keeps
        assert names and spec is not None  # noqa: S101, PT018  # a plan that keeps was held against the bundle
        tensors = [spec.output(name) for name in names.kept]
        count = self._rows if of == "rows" else self._images
        shapes = [(count, *resolve(tensor.shape, self._sizes)[1:]) for tensor in tensors]
        return {
            tensor.name: self._backend.allocate(shape, tensor.dtype)
            for tensor, shape in zip(tensors, shapes, strict=True)
        }

    def prepare(self, sample: Array, timestep: float) -> None:
        """Write the inputs of the next call: [B, C, h, w] for both halves, and the timestep."""
        self.sample.write(np.concatenate([sample] * (self._rows // self._images)))
        self.timestep.write(np.array([timestep], np.float32))

    def deep(
        self,
        features: Mapping[int, Buffer],
        *,
        guided: bool,
        tome: float = 0.0,
        gate: Gate = "open",
        kept: Mapping[str, Buffer] = _NOTHING,
    ) -> None:
        """Run the deep pass on what `sample` and `timestep` hold.

        Args:
            features: Buffers of `new_feature` for the features, by branch.
            guided: Whether to run both halves.
            tome: Share of the tokens that it merges.
            gate: Whether its cross-attentions run, and what they give is kept.
            kept: Buffers of `new_kept`: of rows where the call keeps, of images where it is gated.
        """
        key = (which := Pass(None, tome, gate), guided, *features.values())
        if key not in self._bound:
            made = {self._graphs.names.shallow[branch].feature: buffer for branch, buffer in features.items()}
            outputs = {**made, **(kept if gate == "keeps" else {})}
            self._bound[key] = self._bind(which, inputs={}, outputs=outputs, kept=kept, guided=guided)
        for bound in self._bound[key]:
            bound.run()

    def shallow(
        self,
        branch: int,
        feature: Buffer,
        *,
        guided: bool,
        tome: float = 0.0,
        gate: Gate = "open",
        kept: Mapping[str, Buffer] = _NOTHING,
    ) -> None:
        """Run the shallow pass of a branch on what `sample`, `timestep` and ``feature`` hold; see `deep`."""
        key = (which := Pass(branch, tome, gate), guided, feature)
        if key not in self._bound:
            inputs = {self._graphs.names.shallow[branch].feature: feature}
            self._bound[key] = self._bind(which, inputs=inputs, outputs={}, kept=kept, guided=guided)
        for bound in self._bound[key]:
            bound.run()

    def noise(self, *, guided: bool) -> Buffer:
        """Where the noise of a call is: [2B, C, h, w], negative half first, where it is guided; else [B, C, h, w]."""
        return self.rows(self._noise, guided=guided)

    def rows(self, buffer: Buffer, *, guided: bool) -> Buffer:
        """The rows of a buffer that a call uses; the same object each time, so that a binding of it is found again."""
        key = (buffer, first := self._first(guided=guided))
        if key not in self._views:
            self._views[key] = buffer.rows(first, self._rows)
        return self._views[key]

    def halves(self, buffer: Buffer) -> tuple[Buffer, Buffer]:
        """The rows of the negative and of the prompt half, the same objects each time."""
        key = (buffer, -self._images)
        if key not in self._views:
            self._views[key] = buffer.rows(0, self._images)
        return self._views[key], self.rows(buffer, guided=False)

    def _first(self, *, guided: bool) -> int:
        return 0 if guided else self._rows - self._images

    def _bind(
        self,
        which: Pass,
        *,
        inputs: Mapping[str, Buffer],
        outputs: Mapping[str, Buffer],
        kept: Mapping[str, Buffer],
        guided: bool,
    ) -> tuple[BoundCall, ...]:
        """Bind a graph to the rows of a call, once for each part that is run at a time."""
        graph, first = self._graphs.passes[which], self._first(guided=guided)
        starts = range(first, self._rows, self._at_a_time)
        parts = [slice(start, min(start + self._at_a_time, self._rows)) for start in starts]
        taken = kept if which.gate == "gated" else {}
        return tuple(
            self._bind_part(
                graph,
                part,
                inputs=inputs,
                outputs=outputs,
                # Of images, so they begin where the call's rows do.
                own={name: buffer.rows(part.start - first, part.stop - first) for name, buffer in taken.items()},
            )
            for part in parts
        )

    def _bind_part(
        self,
        graph: Graph,
        part: slice,
        *,
        inputs: Mapping[str, Buffer],
        outputs: Mapping[str, Buffer],
        own: Mapping[str, Buffer],
    ) -> BoundCall:
        names = self._graphs.names
        wanted = {tensor.name for tensor in graph.spec.inputs}
        batched = {names.sample: self.sample, **self._inputs, **inputs}
        tied = {name: buffer.rows(part.start, part.stop) for name, buffer in batched.items() if name in wanted}
        shared = {names.timestep: self.timestep, **self._by_call, **own}
        tied |= {name: buffer for name, buffer in shared.items() if name in wanted}
        made = {names.noise: self._noise, **outputs}
        return graph.session.bind(tied, {name: buffer.rows(part.start, part.stop) for name, buffer in made.items()})
