"""The denoiser for rows of different images: each has a sample, a timestep, inputs and a feature of its own."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from accel_runtime.backends.base import Array, BoundCall, Buffer, as_dtype
from accel_runtime.bundle.dims import TIMESTEPS, check_input, resolve
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Pass, Shallow
from accel_serve.engine.row import Row

# The backend that runs a graph of open dimensions as it is; others compile it for each set of sizes.
_OPEN: Final = "cpu"


def takes_rows(pipeline: Pipeline) -> bool:
    """Whether the denoiser takes a timestep for each row.

    Bundles of before do not, nor do those of a fixed size, nor AOTInductor's packages.
    """
    manifest = pipeline.bundle.manifest
    return pipeline.backend.artifact == "onnx" and manifest.deep.input(manifest.denoiser.timestep).shape == (TIMESTEPS,)


class RowUNet:
    """Buffers for up to ``most_rows`` rows of one size, and the graphs bound to the first few of them.

    Features of deep calls are copied out of the buffers and into them again, for rows meet others from call to call.

    Args:
        pipeline: Has the graphs.
        latent_shape: (C, h, w).
        most_rows: Rows of the largest call.

    Raises:
        InputError: The graphs are fixed to other sizes.
    """

    def __init__(self, pipeline: Pipeline, latent_shape: tuple[int, ...], *, most_rows: int) -> None:
        manifest, backend = pipeline.bundle.manifest, pipeline.backend
        self._pipeline, self._manifest, self._names = pipeline, manifest, manifest.denoiser
        fixed = manifest.deep.input(self._names.sample).shape[0]
        self._fixed = fixed if isinstance(fixed, int) else None
        self.most_rows = self._fixed or most_rows
        shape = (self.most_rows, *latent_shape)
        self._sizes = check_input(manifest.deep, self._names.sample, shape=shape)
        self._inputs = {
            each.name: backend.allocate(resolve(manifest.deep.input(each.name).shape, self._sizes))
            for each in self._names.inputs
        }
        self._sample, self._noise = backend.allocate(shape), backend.allocate(shape)
        self._timestep = backend.allocate((self.most_rows if takes_rows(pipeline) else 1,))
        self._features: dict[int, Buffer] = {}
        self._bound: dict[tuple[object, ...], BoundCall] = {}

    def run(self, rows: Sequence[Row]) -> list[tuple[Row, Array, Mapping[int, Array]]]:
        """Run the next call of all ``rows``, which is deep, or shallow on one branch.

        Returns:
            What it made for each of them, for `Row.take`; the noise is overwritten by the next call.
        """
        call = rows[0].call
        which = Pass.of(call)
        branch = which.branch
        wanted = {branch} if branch is not None else {b for row in rows for b in row.image.plan.branches}
        count = sum(row.unet_rows for row in rows)
        self._write(rows, branch, count=count)
        self._bind(which, wanted, count=self._padded(count)).run()
        noise = self._noise.rows(0, count).read()
        made = {} if branch is not None else {b: self._feature(b).rows(0, count).read() for b in wanted}
        parts: list[tuple[Row, Array, Mapping[int, Array]]] = []
        at = 0
        for row in rows:
            part = slice(at, at := at + row.unet_rows)
            own = {b: made[b][part].copy() for b in row.image.plan.branches if b in made}
            parts.append((row, noise[part], own))
        return parts

    def _write(self, rows: Sequence[Row], branch: int | None, *, count: int) -> None:
        """Write what the call is given, row by row."""
        repeats = [row.unet_rows for row in rows]
        self._sample.rows(0, count).write(np.repeat(np.concatenate([row.sample() for row in rows]), repeats, axis=0))
        timesteps = np.repeat(np.array([row.step.timestep for row in rows], np.float32), repeats)
        shared = self._timestep.shape == (1,)
        self._timestep.rows(0, 1 if shared else count).write(timesteps[:1] if shared else timesteps)
        for name, buffer in self._inputs.items():
            buffer.rows(0, count).write(np.concatenate([row.given(name) for row in rows]))
        if branch is not None:
            self._write_features(rows, branch, count=count)

    def _write_features(self, rows: Sequence[Row], branch: int, *, count: int) -> None:
        buffer, at = self._feature(branch), 0
        on_host = self._pipeline.backend.on_host
        values = (
            buffer.read()[:count]
            if on_host
            else np.empty((count, *buffer.shape[1:]), as_dtype(self._manifest.features))
        )
        for row in rows:
            call, part = row.call, slice(at, at := at + row.unet_rows)
            assert isinstance(call, Shallow)  # noqa: S101 - the caller groups rows by their calls
            row.forecast(call, values[part])
        if not on_host:
            buffer.rows(0, count).write(values)

    def _bind(self, which: Pass, branches: Collection[int], *, count: int) -> BoundCall:
        key = (which, count, *sorted(branches))
        if key not in self._bound:
            graph = self._pipeline.components.unet([which]).passes[which]
            features = {self._names.shallow[each].feature: self._feature(each).rows(0, count) for each in branches}
            given = {self._names.sample: self._sample.rows(0, count), **self._given(count)}
            wanted = {tensor.name for tensor in graph.spec.inputs}
            inputs = {name: buffer for name, buffer in given.items() if name in wanted}
            outputs = {self._names.noise: self._noise.rows(0, count)}
            if which.branch is None:
                outputs |= features
            else:
                inputs |= features
            self._bound[key] = graph.session.bind(inputs, outputs)
        return self._bound[key]

    def _given(self, count: int) -> dict[str, Buffer]:
        shared = self._timestep.shape == (1,)
        timestep = self._timestep if shared else self._timestep.rows(0, count)
        return {self._names.timestep: timestep, **{name: each.rows(0, count) for name, each in self._inputs.items()}}

    def _feature(self, branch: int) -> Buffer:
        """The rows of a feature, allocated when first needed."""
        if branch not in self._features:
            tensor = self._manifest.deep.output(self._names.shallow[branch].feature)
            self._features[branch] = self._pipeline.backend.allocate(resolve(tensor.shape, self._sizes), tensor.dtype)
        return self._features[branch]

    def _padded(self, count: int) -> int:
        """How many rows are run for ``count``: few different numbers where each of them is compiled."""
        if self._fixed:
            return self._fixed
        if self._pipeline.backend.name == _OPEN:
            return count
        return min(1 << (count - 1).bit_length(), self.most_rows)
