"""One scheduler configuration, run by diffusers' pipeline and by ours, on the built-in model and the same seed."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import diffusers
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tests.exporter.loops import diffusers_loop, independent_noise, table_loop
from tests.parity.configurations import Configuration

from accel_exporter.schedules import Spacing, compile_schedule
from accel_runtime import AccelError, Pipeline, PlanSpec, Request, ScheduleTable, compile_plan
from accel_runtime.schedules.file import first_call

PROMPT: Final = "red apple on a blue background"
GUIDANCE: Final = 3.0
SEED: Final = 42
STRENGTH: Final = 0.6
# Their draws are correlated Brownian increments in diffusers: here both sides draw them independently.
TORCHSDE: Final = ("DPMSolverSDEScheduler", "CosineDPMSolverMultistepScheduler")

Latents = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """What one run showed.

    Attributes:
        configuration: What ran.
        mode: ``txt2img``, ``img2img``, or ``loop`` where no Stable Diffusion pipeline can drive the class.
        steps: Denoising steps.
        calls: UNet calls; 0 where the table was refused.
        largest: Of |x| at the end, in diffusers.
        error: Largest difference of final latents.
        pixels: Largest difference of 8-bit pixels; None without pictures.
        refused: Why there is no table.
    """

    configuration: Configuration
    mode: str
    steps: int
    calls: int = 0
    largest: float = 0.0
    error: float = 0.0
    pixels: int | None = None
    refused: str | None = None

    @property
    def relative(self) -> float:
        """The error over the largest latent."""
        return self.error / self.largest


def compare(configuration: Configuration, ours: Pipeline, theirs: Any) -> Iterator[Comparison]:
    """Run a configuration at each of its step counts from noise, and at the first one from an image.

    Args:
        configuration: What to run.
        ours: The exported built-in model.
        theirs: The same in diffusers; its scheduler is replaced.
    """
    theirs.scheduler = _scheduler(configuration, theirs)
    if not (hasattr(theirs.scheduler, "scale_model_input") and hasattr(theirs.scheduler, "order")):
        yield from (_loop(configuration, theirs.scheduler, spacing) for spacing in configuration.spacings)
        return
    for spacing in configuration.spacings:
        yield _pictures(configuration, ours, theirs, spacing=spacing, strength=None)
    first = configuration.spacings[0]
    if configuration.custom is None and hasattr(theirs.scheduler, "add_noise") and first.steps >= 4:
        yield _pictures(configuration, ours, theirs, spacing=first, strength=STRENGTH)


def _scheduler(configuration: Configuration, pipe: Any) -> Any:
    """As `Class.from_config(pipe.scheduler.config, …)`, on SD1.5's scheduler as the pipeline corrected it."""
    return getattr(diffusers, configuration.class_name).from_config(pipe.scheduler.config, **configuration.changes)


def _loop(configuration: Configuration, scheduler: Any, spacing: Spacing) -> Comparison:
    table = _table(configuration, scheduler, spacing, begin=0)
    if isinstance(table, str):
        return Comparison(configuration, "loop", spacing.steps, refused=table)
    expected = diffusers_loop(scheduler, spacing, step_options=configuration.step_options)
    found = table_loop(table)
    error, largest = float(np.abs(found - expected).max()), float(np.abs(expected).max())
    return Comparison(configuration, "loop", spacing.steps, calls=len(table.rows), largest=largest, error=error)


def _pictures(
    configuration: Configuration, ours: Pipeline, theirs: Any, *, spacing: Spacing, strength: float | None
) -> Comparison:
    mode = "txt2img" if strength is None else "img2img"
    begin = 0 if strength is None else first_call(spacing.steps, strength, order=theirs.scheduler.order)
    table = _table(configuration, theirs.scheduler, spacing, begin=begin)
    if isinstance(table, str):
        return Comparison(configuration, mode, spacing.steps, refused=table)
    image = None if strength is None else _start(ours)
    expected = _theirs(configuration, theirs, spacing, image=image)
    request = Request((PROMPT,), seed=SEED, image=image)
    found = ours.generate(request, compile_plan(PlanSpec(deep="full"), table, guidance=GUIDANCE))
    pixels = np.abs(found.images.astype(int) - _decode(theirs, expected).astype(int)).max()
    return Comparison(
        configuration,
        mode,
        spacing.steps,
        calls=len(table.rows),
        largest=float(np.abs(expected).max()),
        error=float(np.abs(found.latents - expected).max()),
        pixels=int(pixels),
    )


def _table(configuration: Configuration, scheduler: Any, spacing: Spacing, *, begin: int) -> ScheduleTable | str:
    """The table, or why there is none."""
    options = configuration.step_options
    if "CogVideoXDPM" in configuration.class_name:
        return "its step is called with the sample of the step before; no Stable Diffusion pipeline does that"
    try:
        return compile_schedule(
            copy.deepcopy(scheduler), configuration.label, spacing=spacing, begin=begin, step_options=options
        )
    except AccelError as error:
        return str(error)


def _start(ours: Pipeline) -> npt.NDArray[np.uint8]:
    """The picture to start from, of the model's own size."""
    return np.random.default_rng(0).integers(0, 256, (*ours.bundle.manifest.state.sample_size, 3), dtype=np.uint8)


def _theirs(
    configuration: Configuration, pipe: Any, spacing: Spacing, *, image: npt.NDArray[np.uint8] | None
) -> Latents:
    """Final latents of the diffusers pipeline, as its user would call it."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    options: dict[str, Any] = {"eta": configuration.step_options.get("eta", 0.0)}
    if spacing.timesteps is not None:
        options["timesteps"] = list(spacing.timesteps)
    elif spacing.sigmas is not None:
        options["sigmas"] = list(spacing.sigmas)
    else:
        options["num_inference_steps"] = spacing.steps
    if image is not None:
        options |= {"image": Image.fromarray(image), "strength": STRENGTH}
        pipe = _img2img(pipe)
    side = pipe.unet.config.sample_size
    with independent_noise(pipe.scheduler, generator, shape=(1, 4, side, side)):
        drawn = pipe(PROMPT, guidance_scale=GUIDANCE, generator=generator, output_type="latent", **options)
    return cast("Latents", drawn.images.numpy())


def _img2img(pipe: Any) -> Any:
    made: Any = diffusers.StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def _decode(pipe: Any, latents: Latents) -> npt.NDArray[np.uint8]:
    with torch.no_grad():
        decoded = pipe.vae.decode(torch.from_numpy(latents) / pipe.vae.config.scaling_factor).sample
    images = pipe.image_processor.postprocess(decoded, output_type="np")
    return cast("npt.NDArray[np.uint8]", (images * 255).round().astype(np.uint8))
