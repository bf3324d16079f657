"""The graphs of a bundle on a backend: loaded when needed, and run one entry of a batch at a time."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accel_runtime.artifacts import locate
from accel_runtime.backends import Backend
from accel_runtime.backends.base import Array, Buffer
from accel_runtime.bundle import Bundle
from accel_runtime.device_loop import LoopGraphs
from accel_runtime.dims import check_input, resolve
from accel_runtime.errors import BundleError
from accel_runtime.manifest import Form
from accel_runtime.pixels import DevicePixels, to_pixels
from accel_runtime.unet import Graph, UNetGraphs


def _read(buffer: Buffer) -> Array:
    return buffer.read()


@dataclass(frozen=True, eq=False)
class Components:
    """What diffusers calls the components of a pipeline, as functions of arrays.

    Attributes:
        bundle: Holds the graphs.
        backend: Runs them.
        form: Of its ONNX graphs.
        stay: Which graphs stay loaded: `all` that were ever needed, or only those `in use`.
    """

    bundle: Bundle
    backend: Backend
    form: Form = "plain"
    stay: Literal["all", "in use"] = "all"
    _loaded: dict[str, Graph] = field(default_factory=dict, init=False)

    def embed(self, token_ids: Array) -> Array:
        """The text encoder: ids [L] → [L, D]."""
        return self._run_one("text_encoder", token_ids)

    def encode(self, pixels: NDArray[np.uint8]) -> Array:
        """The VAE's encoder: pixels [H, W, 3] → mean and log-variance of unscaled latents, [2C, h, w]."""
        sample = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255) * 2 - 1
        return self._run_one("vae_encoder", sample)

    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """The VAE's decoder: scaled latents [B, C, h, w] → pixels [B, H, W, 3]."""
        scaled = (latents / np.float32(self.bundle.manifest.model.scaling_factor)).astype(np.float32)
        decoder, on_device = self._use("vae_decoder"), self._pixels
        if on_device is None:
            return to_pixels(self._run_each(decoder, scaled))
        return self._run_each(decoder, scaled, fetch=on_device)

    def unet(self, branches: Iterable[int]) -> UNetGraphs:
        """The deep graph, and the shallow ones of those ``branches`` that the bundle has."""
        held = [k for k in branches if str(k) in self.bundle.manifest.graphs.unet_shallow]
        names = ("unet_deep", *(f"unet_shallow_{k}" for k in held))
        deep, *shallow = (self._use(name, beside=names) for name in names)
        return UNetGraphs(deep=deep, shallow=dict(zip(held, shallow, strict=True)))

    @cached_property
    def loop(self) -> LoopGraphs:
        """The graphs of the loop on the device.

        Raises:
            BundleError: The bundle has none.
        """
        spec = self.bundle.manifest.loop
        if spec is None:
            raise BundleError(f"{self.bundle.folder}: no graphs for a loop on the device: export the bundle again")
        return LoopGraphs({name: self.backend.load(self.bundle.path(file)) for name, file in spec.items()})

    @cached_property
    def _pixels(self) -> DevicePixels | None:
        """What makes pixels in the backend's memory; None where that is the host's, or the bundle has no such graph."""
        file = self.bundle.manifest.loop.pixels if self.bundle.manifest.loop else None
        if self.backend.on_host or self.backend.artifact != "onnx" or file is None:
            return None
        return DevicePixels(self.backend.load(self.bundle.path(file)), self.backend)

    def _run_one(self, name: str, value: Array) -> Array:
        first: Array = self._run_each(self._use(name), value[np.newaxis])[0]
        return first

    def _use(self, name: str, *, beside: Collection[str] = ()) -> Graph:
        """A graph, loaded if it is not; where memory is short, all but those ``beside`` it are let go."""
        if self.stay == "in use":
            for other in self._loaded.keys() - {name, *beside}:
                del self._loaded[other]
        if name not in self._loaded:
            spec = dict(self.bundle.manifest.graphs.items())[name]
            path = locate(self.bundle, name, artifact=self.backend.artifact, form=self.form)
            self._loaded[name] = Graph(session=self.backend.load(path), spec=spec)
        return self._loaded[name]

    def _run_each(self, graph: Graph, values: Array, *, fetch: Callable[[Buffer], Array] = _read) -> Array:
        """Run a graph of one input on a batch, one entry at a time or as many as it is fixed to; its first output."""
        fixed = graph.spec.inputs[0].shape[0]
        size = fixed if isinstance(fixed, int) else 1
        parts = [self._run(graph, values[at : at + size], size=size, fetch=fetch) for at in range(0, len(values), size)]
        return np.concatenate(parts)

    def _run(self, graph: Graph, values: Array, *, size: int, fetch: Callable[[Buffer], Array]) -> Array:
        """Run a graph on up to ``size`` entries; the last one fills up what is missing."""
        source, target = graph.spec.inputs[0], graph.spec.outputs[0]
        batch = np.concatenate([values, *[values[-1:]] * (size - len(values))])
        sizes = check_input(graph.spec, source.name, shape=batch.shape)
        given = self.backend.allocate(batch.shape, source.dtype)
        made = self.backend.allocate(resolve(target.shape, sizes), target.dtype)
        given.write(batch)
        graph.session.bind({source.name: given}, {target.name: made}).run()
        wanted: Array = fetch(made)[: len(values)].copy()
        return wanted
