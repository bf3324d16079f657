"""Text to image from a bundle: prompt → embeddings → denoised latents → pixels."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cached_property, lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends import Backend, BackendDescription, make_backend
from accel_runtime.backends.base import Array
from accel_runtime.bundle import Bundle, Verification, read_bundle
from accel_runtime.clip_tokenizer import read_tokenizer
from accel_runtime.components import IDLE_KEPT, Components
from accel_runtime.deep_calls import parse_deep_calls
from accel_runtime.device_loop import DeviceLoop, LoopGraphs
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast, parse_forecast
from accel_runtime.forms import choose_form
from accel_runtime.idle import Idle
from accel_runtime.loop import Step, denoise
from accel_runtime.manifest import Form
from accel_runtime.noise import TorchGenerator
from accel_runtime.plan import Plan
from accel_runtime.plan_compile import compile_plan
from accel_runtime.plan_spec import PlanSpec
from accel_runtime.request import Request, Result
from accel_runtime.room import check_request
from accel_runtime.schedule import ScheduleTable
from accel_runtime.schedule_file import OWN_SCHEDULER, MissingTableError, ScheduleFile, first_call
from accel_runtime.start import start
from accel_runtime.tokens import PromptTokenizer, Tokens
from accel_runtime.unet import Embeddings, UNet

Loop = Literal["auto", "host", "device"]

# Of encoded prompts, each 0.2 MB in SD1.5: enough for any batch, and a service never grows by more.
_PROMPTS_KEPT = 256

# Parameters of a UNet from which memory counts more than the seconds that loading it again takes.
_LARGE = 250_000_000


def open_bundle(
    folder: str | Path,
    backend: Backend | None = None,
    *,
    provider: str = "cpu",
    verification: Verification = "hashes",
    digest: str | None = None,
    low_memory: bool | None = False,
    loop: Loop = "auto",
    form: str | None = None,
) -> "Pipeline":
    """Open a bundle for use.

    Args:
        folder: The bundle.
        backend: What executes; by default what ``provider`` names.
        provider: A name that `accel_runtime.backends.make_backend` knows.
        verification: `hashes` reads every file once, `sizes` trusts the weights.
        digest: Of the bundle that is meant, as `accel inspect` shows it; None opens any.
        low_memory: See `Pipeline`.
        loop: Same.
        form: Of the graphs, as `accel_runtime.forms.choose_form` takes it.

    Raises:
        BundleError: The bundle is incomplete, changed, malformed, or another one than ``digest`` says.
        BackendError: The provider cannot be had, or the bundle lacks the form.
        InputError: The provider cannot run the form.
    """
    bundle = read_bundle(Path(folder), verification=verification, digest=digest)
    backend = backend or make_backend(provider)
    chosen = choose_form(bundle, backend.name, form)
    return Pipeline(bundle, backend, low_memory=low_memory, loop=loop, form=chosen)


@dataclass(frozen=True, slots=True, eq=False)
class _Workspace:
    """What one request at a time works in: the UNet's buffers, and the loop's where that is on the device."""

    unet: UNet
    loop: DeviceLoop | None = None


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A bundle on a backend. Graphs are loaded when first needed and stay loaded.

    It keeps no state between images but buffers and the prompts encoded last, so the same request gives the same
    image. Several threads may use one pipeline.

    Attributes:
        bundle: What to run.
        backend: What runs it.
        low_memory: Keep each graph loaded only while it is in use, and run the batch entry by entry. None does so for
            large models with ONNX Runtime on the CPU, which suits a single image: further ones load again.
        loop: Where guidance and schedule are computed: with numpy on the `host`, or by graphs on the `device`, as
            `auto` does where the backend has memory of its own and the bundle has the graphs.
        form: Which of the bundle's graphs to run.
    """

    bundle: Bundle
    backend: Backend
    low_memory: bool | None = False
    loop: Loop = "auto"
    form: Form = "plain"
    _schedules: dict[str, bytes] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        # All of them now: once more was added to the bundle, these files may be gone.
        for file in self.bundle.manifest.schedules.files.values():
            self._schedules[file] = self.bundle.read(file)

    def schedule(self, steps: int, scheduler: str | None = None, *, strength: float | None = None) -> ScheduleTable:
        """The compiled schedule of a scheduler of the bundle.

        Args:
            steps: Denoising steps.
            scheduler: Its short name or its class in diffusers; None takes the bundle's default, the pipeline's own.
            strength: Of img2img: how much of the schedule is run; None starts from noise.

        Raises:
            MissingTableError: The bundle has no such table.
            InputError: The scheduler cannot start there.
        """
        file = self.schedule_file(scheduler)
        begin = 0 if strength is None else first_call(steps, strength, order=file.order)
        return file.table(steps, begin=begin)

    def schedule_file(self, scheduler: str | None = None) -> ScheduleFile:
        """All tables of a scheduler of the bundle, by short name or class in diffusers.

        Raises:
            MissingTableError: The bundle has none.
        """
        schedules = self.bundle.manifest.schedules
        name = scheduler or schedules.default
        if name in schedules.files:
            return self._read_schedule(schedules.files[name])
        # A class is what its short name means; the pipeline's own may be of the same class with other values.
        for _, path in sorted(schedules.files.items(), key=lambda item: item[0] == OWN_SCHEDULER):
            file = self._read_schedule(path)
            if file.metadata.get("class") == name:
                return file
        raise MissingTableError(f"scheduler {name!r} is not in the bundle: there is {', '.join(schedules.files)}")

    def _read_schedule(self, file: str) -> ScheduleFile:
        return ScheduleFile.decode(self._schedules[file], self.bundle.path(file))

    def plan(
        self,
        steps: int,
        deep: str = "full",
        *,
        scheduler: str | None = None,
        strength: float | None = None,
        branch: int = 0,
        forecast: Forecast | str = Forecast.HOLD,
        guided_calls: tuple[int, int] | None = None,
        guidance: float = 7.5,
    ) -> Plan:
        """A plan by short names; ``deep`` is ``full``, ``every:3`` or ``calls:0,3,7``.

        Raises:
            InputError: There is no such plan or forecast, or the plan cannot be run.
            MissingTableError: The bundle has no such schedule.
        """
        spec = PlanSpec(
            deep=parse_deep_calls(deep),
            branch=branch,
            forecast=parse_forecast(forecast),
            guided_calls=guided_calls,
            scheduler=scheduler,
            steps=steps,
        )
        return self.compile(spec, strength=strength, guidance=guidance)

    def compile(
        self, spec: PlanSpec, *, strength: float | None = None, guidance: float = 7.5, guidance_rescale: float = 0.0
    ) -> Plan:
        """Compile a plan on the bundle's schedule of its scheduler and steps.

        Raises:
            InputError: The plan names no steps, does not fit the schedule, or cannot be run.
            MissingTableError: The bundle has no such schedule.
        """
        if spec.steps is None:
            raise InputError("plan: expected a number of steps, got none: give one, as `spec.with_defaults` does")
        schedule = self.schedule(spec.steps, spec.scheduler, strength=strength)
        return compile_plan(spec, schedule, guidance=guidance, guidance_rescale=guidance_rescale)

    def generate(self, request: Request, plan: Plan) -> Result:
        """Draw the images of a request."""
        last = deque(self.denoise(request, plan), maxlen=1).pop()
        return Result(images=self.decode(last.latents), latents=last.latents)

    def denoise(self, request: Request, plan: Plan) -> Iterator[Step]:
        """Run the plan, yielding after every UNet call; the last step holds the final latents.

        Raises:
            InputError: The request and the model do not fit, or the machine cannot hold the images.
        """
        check_request(request, self.bundle.manifest, guided=plan.guided)
        generators = [TorchGenerator(seed) for seed in request.image_seeds]
        latents = start(self.components, request, schedule=plan.schedule, generators=generators)
        embeddings = self.embed(request, plan)
        key = (latents.shape, plan)
        if (workspace := self._idle.take(key)) is None:
            workspace = self._make_workspace(plan, latents.shape, embeddings)
        else:
            workspace.unet.restart(embeddings)
        return self._steps(key, workspace, latents=latents, generators=generators)

    def _steps(
        self,
        key: tuple[tuple[int, ...], Plan],
        workspace: _Workspace,
        *,
        latents: Array,
        generators: Sequence[TorchGenerator],
    ) -> Iterator[Step]:
        """Denoise in a workspace, which is the next request's once the last step is taken or the caller stops."""
        try:
            if workspace.loop is None:
                yield from denoise(workspace.unet, key[1], latents=latents, generators=generators)
            else:
                yield from workspace.loop.denoise(latents, generators)
            # Libraries map weights into memory: what overwrites the file while an image is drawn changes the image.
            self.bundle.check_graphs()
        finally:
            self._idle.give_back(key, workspace)

    def _make_workspace(self, plan: Plan, latent_shape: tuple[int, ...], embeddings: Embeddings) -> _Workspace:
        graphs = self._loop_graphs()
        unet = UNet(
            self.components.unet(plan.branches),
            self.backend,
            plan=plan,
            latent_shape=latent_shape,
            embeddings=embeddings,
            rows_at_a_time=1 if self._is_frugal else None,
            forecaster=graphs.forecaster(self.backend, plan) if graphs else None,
        )
        if graphs is None:
            return _Workspace(unet)
        loop = DeviceLoop(unet, plan, latent_shape=latent_shape, backend=self.backend, advance=graphs.advance)
        return _Workspace(unet, loop)

    def tokenize(self, prompt: str) -> Tokens:
        """The ids of a prompt, and what of it does not fit."""
        return self._tokenizer.encode(prompt)

    def encode(self, prompts: Sequence[str]) -> Array:
        """Encoded prompts, [B, L, D]; those that were used last are kept."""
        return np.stack([self._encoded(prompt) for prompt in prompts])

    def forget_prompts(self) -> None:
        """Empty the cache of encoded prompts."""
        self._encoded.cache_clear()

    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """Pixels [B, H, W, 3] of latents [B, C, h, w]."""
        pixels = self.components.decode(latents)
        self.bundle.check_graphs()
        return pixels

    @cached_property
    def components(self) -> Components:
        """The graphs."""
        stay: Literal["all", "in use"] = "in use" if self._is_frugal else "all"
        return Components(self.bundle, self.backend, form=self.form, stay=stay)

    @cached_property
    def _encoded(self) -> "_lru_cache_wrapper[Array]":
        """A prompt, encoded: [L, D]."""
        return lru_cache(_PROMPTS_KEPT)(lambda prompt: self.components.embed(self.tokenize(prompt).ids))

    @cached_property
    def _idle(self) -> Idle[_Workspace]:
        return Idle(keep=0 if self._is_frugal else IDLE_KEPT)

    @property
    def _is_frugal(self) -> bool:
        if self.low_memory is not None:
            return self.low_memory
        return self.backend.name == "cpu" and self.bundle.manifest.graphs.unet_deep.parameters >= _LARGE

    def describe(self) -> BackendDescription:
        """What really runs, and in which form where the graphs have several."""
        ran = self.backend.describe()
        if self.backend.artifact != "onnx":
            return ran
        return msgspec.structs.replace(ran, options={**ran.options, "form": self.form})

    def _loop_graphs(self) -> LoopGraphs | None:
        """The graphs of the loop on the device; None where it runs on the host."""
        if self.loop == "host" or (self.loop == "auto" and (self.backend.on_host or not self.components.has_loop)):
            return None
        return self.components.loop

    def embed(self, request: Request, plan: Plan) -> Embeddings:
        """The prompts of a request, encoded, one row per image; negatives only where the plan is guided.

        Raises:
            InputError: There are neither one negative prompt nor as many as prompts.
        """
        count, negatives = len(request.prompts), request.negatives
        if len(negatives) not in (1, count):
            raise InputError(f"expected 1 or {count} negative prompts, got {len(negatives)}")
        repeat = request.images_per_prompt
        prompt = np.repeat(self.encode(request.prompts), repeat, axis=0)
        if not plan.guided:
            return Embeddings(prompt=prompt, negative=None)
        spread = negatives if len(negatives) == count else negatives * count
        return Embeddings(prompt=prompt, negative=np.repeat(self.encode(spread), repeat, axis=0))

    @cached_property
    def _tokenizer(self) -> PromptTokenizer:
        text = self.bundle.manifest.text
        raw = self.bundle.read(text.tokenizer)
        return PromptTokenizer(read_tokenizer(raw, self.bundle.path(text.tokenizer)), text)
