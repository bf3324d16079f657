"""The graphs of a bundle on a backend: loaded when needed, and run one entry of a batch at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from accel_runtime.artifacts import locate
from accel_runtime.backends import Backend
from accel_runtime.backends.base import Array, BoundCall, Buffer, Session
from accel_runtime.bundle import Bundle
from accel_runtime.device_loop import LoopGraphs
from accel_runtime.dims import check_input, loop_sizes, own_sizes, resolve
from accel_runtime.errors import BundleError
from accel_runtime.idle import Idle
from accel_runtime.loop_contract import LOOP_VERSION, loop_tensors
from accel_runtime.manifest import Form, LoopSpec, TensorSpec
from accel_runtime.pixels import DevicePixels, to_pixels
from accel_runtime.room import check_room
from accel_runtime.unet import Graph, UNetGraphs

# Sets of buffers that stay for the next image; a service alternates among a few sizes.
IDLE_KEPT: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """A graph of one input with its buffers, and how its result comes to the host."""

    given: Buffer
    call: BoundCall
    read: Callable[[], Array]


@dataclass(frozen=True, slots=True, eq=False)
class _HeldSession:
    """A session whose files must still be those of the opened bundle when it is bound: some read them only then."""

    session: Session
    bundle: Bundle
    file: str

    @classmethod
    def load(cls, bundle: Bundle, file: str, load: Callable[[Path], Session]) -> "_HeldSession":
        """Let ``load`` make a session of a file of the bundle."""
        with bundle.held(file) as path:
            return cls(load(path), bundle, file)

    def bind(self, inputs: Mapping[str, Buffer], outputs: Mapping[str, Buffer]) -> BoundCall:
        """See `Session.bind`.

        Raises:
            BundleError: A file has changed since the bundle was opened.
        """
        with self.bundle.held(self.file):
            return self.session.bind(inputs, outputs)


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
    _loading: Lock = field(default_factory=Lock, init=False)

    def embed(self, token_ids: Array) -> Array:
        """The text encoder: ids [L] → [L, D]."""
        return self._run_one("text_encoder", token_ids)

    def encode(self, pixels: NDArray[np.uint8]) -> Array:
        """The VAE's encoder: pixels [H, W, 3] → mean and log-variance of unscaled latents, [2C, h, w]."""
        sample = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255) * 2 - 1
        return self._run_one("vae_encoder", sample)

    @np.errstate(over="ignore", invalid="ignore")  # the pixels tell what is no number
    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """The VAE's decoder: scaled latents [B, C, h, w] → pixels [B, H, W, 3]."""
        scaled = (latents / np.float32(self.bundle.manifest.model.scaling_factor)).astype(np.float32)
        decoded = self._run_each("vae_decoder", scaled)
        return to_pixels(decoded) if self._pixels is None else decoded

    def unet(self, branches: Iterable[int]) -> UNetGraphs:
        """The deep graph, and the shallow ones of those ``branches`` that the bundle has."""
        held = [k for k in branches if str(k) in self.bundle.manifest.graphs.unet_shallow]
        names = ("unet_deep", *(f"unet_shallow_{k}" for k in held))
        deep, *shallow = (self._use(name, beside=names) for name in names)
        return UNetGraphs(deep=deep, shallow=dict(zip(held, shallow, strict=True)))

    def open_all(self) -> Iterator[str]:
        """Open every graph for one guided image of the model's own size and run none; yields each graph's name.

        Raises:
            BackendError: A graph cannot be opened; on a device also, if it would not be wholly there.
            InputError: The machine cannot hold an image of that size.
        """
        sizes = own_sizes(self.bundle.manifest)
        check_room(self.bundle.manifest, images=1, rows=2, latents=(sizes["latent_height"], sizes["latent_width"]))
        for name, spec in self.bundle.manifest.graphs.items():
            self._open(self._use(name).session, (spec.inputs, spec.outputs), sizes=sizes)
            yield name
        if self.backend.on_host or not self.has_loop:
            return
        for name, session in self.loop.sessions.items():
            tensors = loop_tensors(name, features=self.bundle.manifest.features)
            self._open(session, (tensors.inputs, tensors.outputs), sizes=loop_sizes(self.bundle.manifest, name))
            yield name

    @cached_property
    def loop(self) -> LoopGraphs:
        """The graphs of the loop on the device.

        Raises:
            BundleError: The bundle has none, or those of another version.
        """
        spec = self._loop_spec
        if spec is None:
            raise BundleError(f"{self.bundle.folder}: no graphs for a loop on the device: export the bundle again")
        return LoopGraphs({name: self._load_loop(name, file) for name, file in spec.items()})

    @property
    def has_loop(self) -> bool:
        """Whether there are graphs that `loop` can load."""
        return self.backend.artifact == "onnx" and self._loop_spec is not None

    @property
    def _loop_spec(self) -> LoopSpec | None:
        """The graphs of the loop, where they are of the version that this runtime binds."""
        spec = self.bundle.manifest.loop
        return spec if spec is not None and spec.version == LOOP_VERSION else None

    @cached_property
    def _pixels(self) -> Session | None:
        """What makes pixels in the backend's memory; None where that is the host's, or the bundle has no such graph."""
        file = self.bundle.manifest.loop.pixels if self.bundle.manifest.loop else None
        if self.backend.on_host or not self.has_loop or file is None:
            return None
        return self._load_loop("pixels", file)

    @cached_property
    def _idle(self) -> Idle[_Bound]:
        return Idle(keep=IDLE_KEPT if self.stay == "all" else 0)

    def _open(
        self, session: Session, tensors: tuple[Sequence[TensorSpec], Sequence[TensorSpec]], *, sizes: Mapping[str, int]
    ) -> None:
        given, made = (
            {spec.name: self.backend.allocate(resolve(spec.shape, sizes), spec.dtype) for spec in specs}
            for specs in tensors
        )
        session.bind(given, made)

    def _load_loop(self, name: str, file: str) -> Session:
        inputs = loop_tensors(name, features=self.bundle.manifest.features).inputs
        load = partial(self.backend.load, inputs=inputs, tolerant=True)
        return _HeldSession.load(self.bundle, file, load)

    def _run_one(self, name: str, value: Array) -> Array:
        first: Array = self._run_each(name, value[np.newaxis])[0]
        return first

    def _use(self, name: str, *, beside: Collection[str] = ()) -> Graph:
        """A graph, loaded if it is not; where memory is short, all but those ``beside`` it are let go."""
        # One thread at a time: what two of them need is loaded once, and nobody lets go of what another looks up.
        with self._loading:
            if self.stay == "in use":
                for other in self._loaded.keys() - {name, *beside}:
                    del self._loaded[other]
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> Graph:
        spec = dict(self.bundle.manifest.graphs.items())[name]
        file = locate(self.bundle, name, artifact=self.backend.artifact, form=self.form)
        # Ids and masks of a prompt are small; of UNet and VAE nothing may be left to the host.
        load = partial(self.backend.load, inputs=spec.inputs, tolerant=name == "text_encoder")
        return Graph(_HeldSession.load(self.bundle, file, load), spec)

    def _run_each(self, name: str, values: Array) -> Array:
        """Run a graph of one input on a batch, one entry at a time or as many as it is fixed to; its first output."""
        graph = self._use(name)
        fixed = graph.spec.inputs[0].shape[0]
        size = fixed if isinstance(fixed, int) else 1
        starts = range(0, len(values), size)
        return np.concatenate([self._run(name, values[at : at + size], size=size) for at in starts])

    def _run(self, name: str, values: Array, *, size: int) -> Array:
        """Run a graph on up to ``size`` entries; the last one fills up what is missing."""
        batch = np.concatenate([values, *[values[-1:]] * (size - len(values))])
        key = (name, batch.shape)
        bound = self._idle.take(key) or self._bind(name, batch.shape)
        bound.given.write(batch)
        bound.call.run()
        wanted: Array = bound.read()[: len(values)].copy()
        self._idle.give_back(key, bound)
        return wanted

    def _bind(self, name: str, shape: tuple[int, ...]) -> _Bound:
        graph = self._use(name)
        source, target = graph.spec.inputs[0], graph.spec.outputs[0]
        sizes = check_input(graph.spec, source.name, shape=shape)
        given = self.backend.allocate(shape, source.dtype)
        made = self.backend.allocate(resolve(target.shape, sizes), target.dtype)
        call = graph.session.bind({source.name: given}, {target.name: made})
        if name == "vae_decoder" and self._pixels is not None:
            return _Bound(given, call, DevicePixels(made, self._pixels, backend=self.backend).read)
        return _Bound(given, call, made.read)
