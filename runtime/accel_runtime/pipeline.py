"""Text to image from a bundle: prompt → embeddings → denoised latents → pixels."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends import Backend, OnnxRuntimeBackend
from accel_runtime.backends.base import Array
from accel_runtime.bundle import Bundle, Verification, read_bundle
from accel_runtime.dims import check_input, resolve
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast
from accel_runtime.loop import Step, denoise
from accel_runtime.manifest import GraphSpec
from accel_runtime.noise import TorchGenerator, stacked_normal
from accel_runtime.plan import Plan, make_plan, parse_deep_calls
from accel_runtime.schedule import ScheduleTable, read_schedule
from accel_runtime.tokens import PromptTokenizer, Tokens
from accel_runtime.unet import Embeddings, Graph, UNet, UNetGraphs


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What to draw.

    Attributes:
        prompts: One per image, or fewer with `images_per_prompt`.
        negatives: Negative prompts: one for all, or one per prompt.
        images_per_prompt: Images for each prompt; they lie next to each other in the batch.
        seed: Image i draws its noise from `torch.Generator().manual_seed(seed + i)`.
        height: Pixels; None takes the bundle's own size.
        width: Same.
        latents: Initial unit-variance noise [B, C, h, w] instead of the seed's.
    """

    prompts: tuple[str, ...]
    negatives: tuple[str, ...] = ("",)
    images_per_prompt: int = 1
    seed: int = 0
    height: int | None = None
    width: int | None = None
    latents: Array | None = None

    @property
    def images(self) -> int:
        """How many images come out."""
        return len(self.prompts) * self.images_per_prompt


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Images [B, H, W, 3] uint8 and the latents [B, C, h, w] they were decoded from."""

    images: NDArray[np.uint8]
    latents: Array


def open_bundle(
    folder: str | Path,
    backend: Backend | None = None,
    *,
    provider: str = "cpu",
    verification: Verification = "hashes",
) -> "Pipeline":
    """Open a bundle for use.

    Args:
        folder: The bundle.
        backend: What executes; by default ONNX Runtime on ``provider``.
        provider: A short name of `accel_runtime.backends.onnxruntime.PROVIDERS`.
        verification: `hashes` reads every file once, `sizes` trusts the contents.

    Raises:
        BundleError: The bundle is incomplete, changed or malformed.
        BackendError: The provider cannot be had.
    """
    bundle = read_bundle(Path(folder), verification=verification)
    return Pipeline(bundle, backend or OnnxRuntimeBackend(provider))


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A bundle on a backend. Graphs are loaded when first needed and stay loaded.

    It keeps no state between images but encoded prompts, so the same request gives the same image.
    """

    bundle: Bundle
    backend: Backend
    _embeddings: dict[str, Array] = field(default_factory=dict, init=False)
    _shallow: dict[int, Graph] = field(default_factory=dict, init=False)

    def schedule(self, steps: int, scheduler: str | None = None) -> ScheduleTable:
        """The compiled schedule of a scheduler of the bundle, by default the pipeline's own."""
        schedules = self.bundle.manifest.schedules
        name = scheduler or schedules.default
        if name not in schedules.files:
            raise InputError(f"scheduler {name!r} is not in the bundle: expected one of {', '.join(schedules.files)}")
        return read_schedule(self.bundle.path(schedules.files[name]), steps)

    def plan(
        self,
        steps: int,
        deep: str = "full",
        *,
        scheduler: str | None = None,
        branch: int = 0,
        forecast: Forecast | str = Forecast.HOLD,
        guidance: float | Sequence[float] = 7.5,
    ) -> Plan:
        """A plan by short names; ``deep`` is ``full``, ``every:3`` or ``calls:0,3,7``."""
        schedule = self.schedule(steps, scheduler)
        deep_calls = parse_deep_calls(deep, len(schedule.rows))
        return make_plan(schedule, deep_calls, branch=branch, forecast=Forecast(forecast), guidance=guidance)

    def generate(self, request: Request, plan: Plan) -> Result:
        """Draw the images of a request."""
        last = deque(self.denoise(request, plan), maxlen=1).pop()
        return Result(images=self.decode(last.latents), latents=last.latents)

    def denoise(self, request: Request, plan: Plan) -> Iterator[Step]:
        """Run the plan, yielding after every UNet call; the last step holds the final latents."""
        generators = [TorchGenerator(request.seed + image) for image in range(request.images)]
        latents = self._initial_latents(request, generators)
        unet = UNet(
            self._unet_graphs(plan),
            self.backend,
            plan=plan,
            latent_shape=latents.shape,
            embeddings=self._encode_request(request, plan),
        )
        return denoise(unet, plan, latents=latents, generators=generators)

    def tokenize(self, prompt: str) -> Tokens:
        """The ids of a prompt, and what of it does not fit."""
        return self._tokenizer.encode(prompt)

    def encode(self, prompts: Sequence[str]) -> Array:
        """Encoded prompts, [B, L, D]; each distinct prompt is encoded once in the pipeline's life."""
        missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._embeddings]
        for prompt in missing:
            self._embeddings[prompt] = self._encode_one(prompt)
        return np.stack([self._embeddings[prompt] for prompt in prompts])

    def forget_prompts(self) -> None:
        """Empty the cache of encoded prompts."""
        self._embeddings.clear()

    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """Pixels [B, H, W, 3] of latents [B, C, h, w]; image by image where the graph allows."""
        model = self.bundle.manifest.model
        scaled = (latents / np.float32(model.scaling_factor)).astype(np.float32)
        fixed = self._vae_decoder.spec.input("latent_sample").shape[0]
        size = fixed if isinstance(fixed, int) else 1
        batches = [self._run(self._vae_decoder, scaled[i : i + size]) for i in range(0, len(scaled), size)]
        return to_pixels(np.concatenate(batches))

    def _initial_latents(self, request: Request, generators: Sequence[TorchGenerator]) -> Array:
        """Unit-variance noise [B, C, h, w]: each generator's first draw, as diffusers makes it on a CPU."""
        shape = self._latent_shape(request)
        if request.latents is None:
            return stacked_normal(generators, shape)
        if request.latents.shape != (request.images, *shape):
            raise InputError(f"latents: expected shape {[request.images, *shape]}, got {list(request.latents.shape)}")
        return request.latents.astype(np.float32)

    def _latent_shape(self, request: Request) -> tuple[int, int, int]:
        model = self.bundle.manifest.model
        height, width = request.height or model.sample_size[0], request.width or model.sample_size[1]
        for name, size in (("height", height), ("width", width)):
            if size <= 0 or size % model.size_multiple:
                raise InputError(f"{name}: expected a positive multiple of {model.size_multiple} pixels, got {size}")
        return model.latent_channels, height // model.latent_scale, width // model.latent_scale

    def _encode_request(self, request: Request, plan: Plan) -> Embeddings:
        count, negatives = len(request.prompts), request.negatives
        if len(negatives) not in (1, count):
            raise InputError(f"expected 1 or {count} negative prompts, got {len(negatives)}")
        repeat = request.images_per_prompt
        prompt = np.repeat(self.encode(request.prompts), repeat, axis=0)
        if not plan.guided:
            return Embeddings(prompt=prompt, negative=None)
        spread = negatives if len(negatives) == count else negatives * count
        return Embeddings(prompt=prompt, negative=np.repeat(self.encode(spread), repeat, axis=0))

    def _encode_one(self, prompt: str) -> Array:
        ids = self.tokenize(prompt).ids[np.newaxis]  # [1, L]
        fixed = self._text_encoder.spec.input("input_ids").shape[0]
        batch = np.repeat(ids, fixed, axis=0) if isinstance(fixed, int) else ids
        embedding: Array = self._run(self._text_encoder, batch)[0].copy()  # [L, D]
        return embedding

    def _run(self, graph: Graph, values: Array) -> Array:
        """Run a graph of one input; returns its first output."""
        source, target = graph.spec.inputs[0], graph.spec.outputs[0]
        sizes = check_input(graph.spec, source.name, shape=values.shape)
        given = self.backend.allocate(values.shape, source.dtype)
        made = self.backend.allocate(resolve(target.shape, sizes), target.dtype)
        given.write(values)
        graph.session.bind({source.name: given}, {target.name: made}).run()
        return made.read()

    def _load(self, spec: GraphSpec) -> Graph:
        return Graph(session=self.backend.load(self.bundle.path(spec.file)), spec=spec)

    def _unet_graphs(self, plan: Plan) -> UNetGraphs:
        available = self.bundle.manifest.graphs.unet_shallow
        for k in plan.branches:
            if k not in self._shallow and str(k) in available:
                self._shallow[k] = self._load(available[str(k)])
        return UNetGraphs(deep=self._unet_deep, shallow=self._shallow)

    @cached_property
    def _tokenizer(self) -> PromptTokenizer:
        text = self.bundle.manifest.text
        return PromptTokenizer(self.bundle.path(text.tokenizer), text)

    @cached_property
    def _text_encoder(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.text_encoder)

    @cached_property
    def _unet_deep(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.unet_deep)

    @cached_property
    def _vae_decoder(self) -> Graph:
        return self._load(self.bundle.manifest.graphs.vae_decoder)


def to_pixels(sample: Array) -> NDArray[np.uint8]:
    """[B, 3, H, W] in [-1, 1] → [B, H, W, 3] in 0…255, rounded as diffusers' VaeImageProcessor does."""
    unit = np.clip(sample / 2 + 0.5, 0, 1)
    return (unit.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)
