"""The graphs of a bundle on a backend: loaded when first needed, and run one entry of a batch at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends import Backend
from accel_runtime.backends.base import Array
from accel_runtime.bundle import Bundle
from accel_runtime.dims import check_input, resolve
from accel_runtime.manifest import GraphSpec
from accel_runtime.unet import Graph, UNetGraphs


@dataclass(frozen=True, eq=False)
class Components:
    """What diffusers calls the components of a pipeline, as functions of arrays."""

    bundle: Bundle
    backend: Backend
    _shallow: dict[int, Graph] = field(default_factory=dict, init=False)

    def embed(self, token_ids: Array) -> Array:
        """The text encoder: ids [L] → [L, D]."""
        return self._run_one(self._text_encoder, token_ids)

    def encode(self, pixels: NDArray[np.uint8]) -> Array:
        """The VAE's encoder: pixels [H, W, 3] → mean and log-variance of unscaled latents, [2C, h, w]."""
        sample = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255) * 2 - 1
        return self._run_one(self._vae_encoder, sample)

    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """The VAE's decoder: scaled latents [B, C, h, w] → pixels [B, H, W, 3]."""
        scaled = (latents / np.float32(self.bundle.manifest.model.scaling_factor)).astype(np.float32)
        return to_pixels(self._run_each(self._vae_decoder, scaled))

    def unet(self, branches: Iterable[int]) -> UNetGraphs:
        """The deep graph, and the shallow ones of those ``branches`` that the bundle has."""
        available = self.bundle.manifest.graphs.unet_shallow
        for k in branches:
            if k not in self._shallow and str(k) in available:
                self._shallow[k] = self._load(available[str(k)])
        return UNetGraphs(deep=self._unet_deep, shallow=self._shallow)

    def _run_one(self, graph: Graph, value: Array) -> Array:
        first: Array = self._run_each(graph, value[np.newaxis])[0]
        return first

    def _run_each(self, graph: Graph, values: Array) -> Array:
        """Run a graph of one input on a batch, one entry at a time or as many as it is fixed to; its first output."""
        fixed = graph.spec.inputs[0].shape[0]
        size = fixed if isinstance(fixed, int) else 1
        parts = [self._run(graph, values[at : at + size], size=size) for at in range(0, len(values), size)]
        return np.concatenate(parts)

    def _run(self, graph: Graph, values: Array, *, size: int) -> Array:
        """Run a graph on up to ``size`` entries; the last one fills up what is missing."""
        source, target = graph.spec.inputs[0], graph.spec.outputs[0]
        batch = np.concatenate([values, *[values[-1:]] * (size - len(values))])
        sizes = check_input(graph.spec, source.name, shape=batch.shape)
        given = self.backend.allocate(batch.shape, source.dtype)
        made = self.backend.allocate(resolve(target.shape, sizes), target.dtype)
        given.write(batch)
        graph.session.bind({source.name: given}, {target.name: made}).run()
        wanted: Array = made.read()[: len(values)].copy()
        return wanted

    def _load(self, spec: GraphSpec) -> Graph:
        return Graph(session=self.backend.load(self.bundle.path(spec.file)), spec=spec)

    @cached_property
    def _text_encoder(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.text_encoder)

    @cached_property
    def _unet_deep(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.unet_deep)

    @cached_property
    def _vae_encoder(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.vae_encoder)

    @cached_property
    def _vae_decoder(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.vae_decoder)


def to_pixels(sample: Array) -> NDArray[np.uint8]:
    """[B, 3, H, W] in [-1, 1] → [B, H, W, 3] in 0…255, rounded as diffusers' VaeImageProcessor does."""
    unit = np.clip(sample / 2 + 0.5, 0, 1)
    return (unit.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)
