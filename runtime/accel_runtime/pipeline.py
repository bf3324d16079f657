"""Text to image from a bundle: prompt → embeddings → denoised latents → pixels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Unpack

import msgspec
import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends import Backend, BackendDescription, make_backend
from accel_runtime.backends.base import Array
from accel_runtime.base.idle import Idle
from accel_runtime.bundle.bundle import Bundle, Verification, read_bundle
from accel_runtime.bundle.forms import choose_form
from accel_runtime.bundle.named_plans import BundlePlans
from accel_runtime.bundle.room import check_request
from accel_runtime.bundle.schedules import BundleSchedules
from accel_runtime.denoising.components import IDLE_KEPT, Components, Loop
from accel_runtime.denoising.conditioning import Conditioning, Told, condition
from accel_runtime.denoising.encoding import embed_controls
from accel_runtime.denoising.loop import Step
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.prompts import Prompts
from accel_runtime.denoising.start import start
from accel_runtime.denoising.unet import UNet
from accel_runtime.denoising.workspace import Workspace
from accel_runtime.errors import InputError
from accel_runtime.manifest import Form
from accel_runtime.plans.compile import compile_plan, default_guidance
from accel_runtime.plans.forecast import Forecast, parse_forecast
from accel_runtime.plans.plan import Deep, Pass, Plan
from accel_runtime.plans.rule import parse_calls
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request, Result
from accel_runtime.schedules.file import ScheduleFile
from accel_runtime.schedules.schedule import ScheduleTable
from accel_runtime.text.tokens import Tokens

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
        backend: Backend that runs graphs; by default the one of ``provider``.
        provider: A name that `accel_runtime.backends.make_backend` knows.
        verification: `hashes` reads every file once, `sizes` trusts the weights.
        digest: Required digest of the bundle, as `accel inspect` prints it; None accepts any bundle.
        low_memory: See `Pipeline`.
        loop: See `Pipeline`.
        form: Form of the graphs; see `accel_runtime.bundle.forms.choose_form`.

    Raises:
        BundleError: The bundle is incomplete, changed, malformed, or another one than ``digest`` says.
        BackendError: The provider cannot be had, or the bundle lacks the form.
        InputError: The provider cannot run the form.
    """
    bundle = read_bundle(Path(folder), verification=verification, digest=digest)
    backend = backend or make_backend(provider)
    chosen = choose_form(bundle, backend.name, form)
    return Pipeline(bundle, backend, low_memory=low_memory, loop=loop, form=chosen)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A bundle on a backend. Graphs are loaded when first needed and stay loaded.

    It keeps no state between images but buffers and the prompts encoded last, so the same request gives the same
    image. Several threads may use one pipeline.

    Attributes:
        bundle: Bundle to run.
        backend: Backend that runs it.
        low_memory: Keep each graph loaded only while it is in use, and run the batch entry by entry. None does so for
            large models with ONNX Runtime on the CPU, which suits a single image: further ones load again.
        loop: Where guidance, schedule and pixels are computed: with numpy on the `host`, or by graphs on the
            `device`, as `auto` does where the backend has memory of its own and the bundle has the graphs.
        form: Which of the bundle's graphs to run.
    """

    bundle: Bundle
    backend: Backend
    low_memory: bool | None = False
    loop: Loop = "auto"
    form: Form = "plain"
    _schedules: BundleSchedules = field(init=False)
    _plans: BundlePlans = field(init=False)

    def __post_init__(self) -> None:
        # All of them now: once more was added to the bundle, these files may be gone.
        object.__setattr__(self, "_schedules", BundleSchedules.read(self.bundle))
        object.__setattr__(self, "_plans", BundlePlans.read(self.bundle))

    def schedule(self, steps: int, scheduler: str | None = None, *, strength: float | None = None) -> ScheduleTable:
        """The compiled schedule of a scheduler of the bundle.

        Args:
            steps: Denoising steps.
            scheduler: Its short name or its class in diffusers; None takes the bundle's default, the pipeline's own.
            strength: Strength of img2img, the share of the schedule that is run; None starts from noise.

        Raises:
            MissingTableError: The bundle has no such table.
            InputError: The scheduler cannot start there.
        """
        return self._schedules.table(steps, scheduler, strength=strength)

    def schedule_file(self, scheduler: str | None = None) -> ScheduleFile:
        """All tables of a scheduler of the bundle, by short name or class in diffusers.

        Raises:
            MissingTableError: The bundle has none.
        """
        return self._schedules.file(scheduler)

    def named_plan(self, name: str) -> PlanSpec:
        """A plan that the bundle brings, for `compile`; `accel plans list` shows them.

        Raises:
            InputError: The bundle has no plan of that name.
            BundleError: The plan's file holds no plan.
        """
        return self._plans.plan(name)

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
        guidance: float | None = None,
    ) -> Plan:
        """A plan by short names; ``deep`` is ``full``, ``every:3``, ``calls:0,3,7`` or ``rule:noise:0.3:10``.

        ``guidance`` is as in `compile`.

        Raises:
            InputError: There is no such plan or forecast, or the plan cannot be run.
            MissingTableError: The bundle has no such schedule.
        """
        numbers, rule = parse_calls(deep)
        spec = PlanSpec(
            deep=numbers,
            rule=rule,
            branch=branch,
            forecast=parse_forecast(forecast),
            guided_calls=guided_calls,
            scheduler=scheduler,
            steps=steps,
        )
        return self.compile(spec, strength=strength, guidance=guidance)

    def compile(
        self,
        spec: PlanSpec,
        *,
        strength: float | None = None,
        guidance: float | None = None,
        guidance_rescale: float = 0.0,
    ) -> Plan:
        """Compile a plan on the bundle's schedule of its scheduler and steps.

        Args:
            spec: The plan.
            strength: See `schedule`.
            guidance: Scale of classifier-free guidance; None takes 7.5, or 1 of a model that is never guided.
            guidance_rescale: See `accel_runtime.plans.plan.Plan`.

        Raises:
            InputError: The plan names no steps, does not fit the schedule, or cannot be run.
            MissingTableError: The bundle has no such schedule.
        """
        if spec.steps is None:
            raise InputError("plan: expected a number of steps, got none: give one, as `spec.with_defaults` does")
        schedule = self.schedule(spec.steps, spec.scheduler, strength=strength)
        by = self.bundle.manifest.denoiser.guidance
        scale = default_guidance(by) if guidance is None else guidance
        return compile_plan(spec, schedule, guidance=scale, guidance_rescale=guidance_rescale, guidance_by=by)

    def generate(self, request: Request, plan: Plan) -> Result:
        """Draw the images of a request."""
        deep: list[int] = []
        for step in self.denoise(request, plan):
            last = step
            if isinstance(step.call, Deep):
                deep.append(step.index)
        return Result(images=self.decode(last.latents), latents=last.latents, deep_calls=tuple(deep))

    def denoise(self, request: Request, plan: Plan) -> Iterator[Step]:
        """Run the plan, yielding after every UNet call; the last step holds the final latents.

        Raises:
            InputError: The request and the model do not fit, or the machine cannot hold the images.
        """
        check_request(request, self.bundle.manifest, guided=plan.guided)
        generators = [TorchGenerator(seed) for seed in request.image_seeds]
        started = start(self.components, request, schedule=plan.schedule, generators=generators)
        latents, inpainting = started.latents, started.inpainting
        told = Told(guidance=plan.guidance_input, calls=len(plan.calls), inpainting=inpainting)
        conditioning = self.condition(request, guided=plan.guided, **told)
        key = (latents.shape, plan)
        if (workspace := self._idle.take(key)) is None:
            unet = self._unet(plan.passes, latent_shape=latents.shape, conditioning=conditioning)
            workspace = Workspace.make(self.components, unet, plan, latent_shape=latents.shape)
        else:
            workspace.restart(conditioning)
        blend = inpainting.blend if inpainting else None
        return self._steps(key, workspace, steps=workspace.denoise(latents, generators, blend=blend))

    def _steps(
        self, key: tuple[tuple[int, ...], Plan], workspace: Workspace, *, steps: Iterator[Step]
    ) -> Iterator[Step]:
        """Denoise in a workspace, which is the next request's once the last step is taken or the caller stops."""
        try:
            yield from steps
            # Libraries map weights into memory: what overwrites the file while an image is drawn changes the image.
            self.bundle.check_graphs()
        finally:
            self._idle.give_back(key, workspace)

    def unet(self, branches: Iterable[int], *, latent_shape: tuple[int, ...], conditioning: Conditioning) -> UNet:
        """The UNet with buffers of its own, for whoever runs single calls.

        Args:
            branches: The shallow graphs that will be used.
            latent_shape: [B, C, h, w].
            conditioning: Conditioning that `condition` returned.

        Raises:
            InputError: The bundle lacks a branch, or its graphs are fixed to other sizes.
        """
        passes = (Pass(), *map(Pass, branches))
        return self._unet(passes, latent_shape=latent_shape, conditioning=conditioning)

    def _unet(self, passes: Iterable[Pass], *, latent_shape: tuple[int, ...], conditioning: Conditioning) -> UNet:
        return UNet(
            self.components.unet(passes),
            self.backend,
            latent_shape=latent_shape,
            conditioning=conditioning,
            rows_at_a_time=1 if self._is_frugal else None,
        )

    def tokenize(self, prompt: str) -> tuple[Tokens, ...]:
        """The ids of a prompt and what of it does not fit, for each text encoder."""
        return self._prompts.tokenize(prompt)

    def condition(self, request: Request, *, guided: bool, **told: Unpack[Told]) -> Conditioning:
        """What the denoiser is given of a request; encoded prompts that were used last are kept.

        Args:
            request: Its prompts, sizes and control images are used.
            guided: Whether some call runs a negative half.
            told: What else the calls are told.

        Raises:
            InputError: The request says what the model does not take, or has too few negative prompts.
        """
        manifest, encode = self.bundle.manifest, self._prompts.encode
        controls = embed_controls(self.components, request)
        return condition(request, manifest, encode=encode, guided=guided, controls=controls, **told)

    def forget_prompts(self) -> None:
        """Empty the cache of encoded prompts."""
        self._prompts.encode.cache_clear()

    def decode(self, latents: Array) -> NDArray[np.uint8]:
        """Pixels [B, H, W, 3] of latents [B, C, h, w]."""
        pixels = self.components.decode(latents)
        self.bundle.check_graphs()
        return pixels

    @cached_property
    def components(self) -> Components:
        """The graphs."""
        stay: Literal["all", "in use"] = "in use" if self._is_frugal else "all"
        return Components(self.bundle, self.backend, form=self.form, stay=stay, place=self.loop)

    @cached_property
    def _prompts(self) -> Prompts:
        return Prompts(self.components)

    @cached_property
    def _idle(self) -> Idle[Workspace]:
        return Idle(keep=0 if self._is_frugal else IDLE_KEPT)

    @property
    def _is_frugal(self) -> bool:
        if self.low_memory is not None:
            return self.low_memory
        return self.backend.name == "cpu" and self.bundle.manifest.deep.parameters >= _LARGE

    def describe(self) -> BackendDescription:
        """What really runs, and in which form where the graphs have several."""
        ran = self.backend.describe()
        if self.backend.artifact != "onnx":
            return ran
        return msgspec.structs.replace(ran, options={**ran.options, "form": self.form})
