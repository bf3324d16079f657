"""The graphs of a bundle on a backend: loaded when needed, and run one entry of a batch at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends import Backend
from accel_runtime.backends.base import Array, BoundCall, Buffer, Session
from accel_runtime.base.idle import Idle
from accel_runtime.bundle.artifacts import locate
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.dims import check_input, loop_sizes, own_sizes, resolve
from accel_runtime.bundle.loop_contract import LOOP_VERSION, loop_tensors
from accel_runtime.bundle.passes import check_passes
from accel_runtime.bundle.room import check_room
from accel_runtime.denoising.device_loop import LoopGraphs
from accel_runtime.denoising.pixels import DevicePixels, to_pixels
from accel_runtime.denoising.unet import Graph, UNetGraphs
from accel_runtime.errors import BundleError
from accel_runtime.manifest import Form, LoopSpec, TensorSpec
from accel_runtime.plans.plan import Pass

# Sets of buffers that stay for the next image; a service alternates among a few sizes.
IDLE_KEPT: Final = 4

# Where guidance, schedule and pixels are computed; see `Pipeline`.
Loop = Literal["auto", "host", "device"]


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """A graph of one input with its buffers, and how its outputs come to the host."""

    given: Buffer
    call: BoundCall
    read: Mapping[str, Callable[[], Array]]


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
        form: The form of the ONNX graphs.
        stay: Which graphs stay loaded: `all` that were ever needed, or only those `in use`.
        place: Where the loop and the pixels are computed.
    """

    bundle: Bundle
    backend: Backend
    form: Form = "plain"
    stay: Literal["all", "in use"] = "all"
    place: Loop = "auto"
    _loaded: dict[str, Graph] = field(default_factory=dict, init=False)
    _loading: Lock = field(default_factory=Lock, init=False)

    def embed(self, encoder: str, token_ids: Array) -> Mapping[str, Array]:
        """The outputs of a text encoder that the denoiser is given: ids [L] → [L, D] each, or [D] where pooled."""
        names = self.bundle.manifest.text_outputs[encoder]
        encoded = self._run_each(encoder, token_ids[np.newaxis], outputs=names)
        return {name: values[0] for name, values in encoded.items()}

    def embed_control(self, graph: str, pixels: NDArray[np.uint8]) -> Array:
        """What a ControlNet makes of its image before the first call: [H, W, 3] → [C, h, w]."""
        sample = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        first: Array = self._first_output(graph, sample[np.newaxis])[0]
        return first

    def encode(self, pixels: NDArray[np.uint8], *, hidden: NDArray[np.bool_] | None = None) -> Array:
        """The encoder: pixels [H, W, 3] → what it gives of an unscaled state, [C, h, w] or [2C, h, w].

        Args:
            pixels: The picture.
            hidden: Where it is mid grey instead. Shape: [H, W].

        Raises:
            BundleError: The bundle has none.
        """
        codec = self.bundle.manifest.encoder
        if codec is None:
            raise BundleError(f"{self.bundle.folder}: no encoder: start from noise")
        sample = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255) * 2 - 1
        if hidden is not None:
            sample[:, hidden] = 0
        first: Array = self._first_output(codec.graph, sample[np.newaxis])[0]
        return first

    @np.errstate(over="ignore", invalid="ignore")  # the pixels tell what is no number
    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """The decoder: scaled latents [B, C, h, w] → pixels [B, H, W, 3]; without one the latents are the picture."""
        codec = self.bundle.manifest.decoder
        if codec is None:
            return to_pixels(latents)
        scaled = latents / np.float32(codec.scale)
        shifted = scaled + np.float32(codec.shift) if codec.shift else scaled
        decoded = self._first_output(codec.graph, shifted.astype(np.float32))
        return to_pixels(decoded) if self._pixels is None else decoded

    def unet(self, passes: Iterable[Pass]) -> UNetGraphs:
        """The graphs of some passes.

        Raises:
            InputError: The bundle lacks a branch, or graphs that merge that share of the tokens, or of gated calls.
        """
        manifest = self.bundle.manifest
        wanted = frozenset(passes)
        check_passes(manifest, wanted)
        used = {each: manifest.denoiser.graph(*each) for each in wanted}
        graphs = {each: self._use(name, beside=used.values()) for each, name in used.items()}
        gated = manifest.denoiser.tgate
        keeps = manifest.graphs[gated.keeps] if gated else None
        return UNetGraphs(graphs, deep=manifest.deep, names=manifest.denoiser, keeps=keeps)

    def open_all(self) -> Iterator[str]:
        """Open every graph for one guided image of the model's own size and run none; yields each graph's name.

        Raises:
            BackendError: A graph cannot be opened; on a device also, if it would not be wholly there.
            InputError: The machine cannot hold an image of that size.
        """
        sizes = own_sizes(self.bundle.manifest)
        check_room(self.bundle.manifest, images=1, rows=2, latents=(sizes["latent_height"], sizes["latent_width"]))
        for name in self.bundle.manifest.roles:
            spec = self.bundle.manifest.graphs[name]
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
    def device_loop(self) -> LoopGraphs | None:
        """The graphs of the loop on the device; None where the loop runs on the host."""
        if self.place == "host" or (self.place == "auto" and (self.backend.on_host or not self.has_loop)):
            return None
        return self.loop

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
        """What makes pixels in the backend's memory; None where the host makes them, or there is no such graph."""
        file = self.bundle.manifest.loop.pixels if self.bundle.manifest.loop else None
        if self.place == "host" or self.backend.on_host or not self.has_loop or file is None:
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

    def _first_output(self, name: str, values: Array) -> Array:
        output = self.bundle.manifest.graphs[name].outputs[0].name
        return self._run_each(name, values, outputs=(output,))[output]

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
        spec = self.bundle.manifest.graphs[name]
        file = locate(self.bundle, name, artifact=self.backend.artifact, form=self.form)
        # Ids and masks of a prompt are small; of the denoiser and the codecs nothing may be left to the host.
        tolerant = self.bundle.manifest.roles[name].part == "text"
        load = partial(self.backend.load, inputs=spec.inputs, tolerant=tolerant)
        return Graph(_HeldSession.load(self.bundle, file, load), spec)

    def _run_each(self, name: str, values: Array, *, outputs: Sequence[str]) -> Mapping[str, Array]:
        """Run a graph of one input on a batch, one entry at a time or as many as it is fixed to."""
        graph = self._use(name)
        fixed = graph.spec.inputs[0].shape[0]
        size = fixed if isinstance(fixed, int) else 1
        starts = range(0, len(values), size)
        parts = [self._run(name, values[at : at + size], size=size, outputs=outputs) for at in starts]
        return {output: np.concatenate([part[output] for part in parts]) for output in outputs}

    def _run(self, name: str, values: Array, *, size: int, outputs: Sequence[str]) -> Mapping[str, Array]:
        """Run a graph on up to ``size`` entries; the last one fills up what is missing."""
        batch = np.concatenate([values, *[values[-1:]] * (size - len(values))])
        key = (name, batch.shape)
        bound = self._idle.take(key) or self._bind(name, batch.shape, outputs=outputs)
        bound.given.write(batch)
        bound.call.run()
        wanted = {output: read()[: len(values)].copy() for output, read in bound.read.items()}
        self._idle.give_back(key, bound)
        return wanted

    def _bind(self, name: str, shape: tuple[int, ...], *, outputs: Sequence[str]) -> _Bound:
        graph = self._use(name)
        source = graph.spec.inputs[0]
        sizes = check_input(graph.spec, source.name, shape=shape)
        given = self.backend.allocate(shape, source.dtype)
        targets = [graph.spec.output(output) for output in outputs]
        made = {each.name: self.backend.allocate(resolve(each.shape, sizes), each.dtype) for each in targets}
        call = graph.session.bind({source.name: given}, made)
        read: dict[str, Callable[[], Array]] = {output: buffer.read for output, buffer in made.items()}
        if self.bundle.manifest.roles[name].part == "decoder" and self._pixels is not None:
            (output,) = made
            read[output] = DevicePixels(made[output], self._pixels, backend=self.backend).read
        return _Bound(given, call, read)
