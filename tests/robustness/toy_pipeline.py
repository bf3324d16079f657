"""diffusers' own `StableDiffusionPipeline` around a model of one line, so that a scheduler's config can be tried."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import ConfigMixin, ModelMixin, StableDiffusionPipeline
from diffusers.configuration_utils import register_to_config
from tests.exporter.loops import independent_noise, toy_model

from accel_exporter.libraries import quiet
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.schedules.schedule import Recurrence, ScheduleTable

SIDE = 4
SHAPE = (1, 4, SIDE, SIDE)
SEED = 3
Latents = npt.NDArray[np.float32]


class ToyUNet(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers has no types
    """`toy_model` where the pipeline expects its UNet."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, in_channels: int = 4, sample_size: int = SIDE, time_cond_proj_dim: int | None = None) -> None:
        """Take what the pipeline reads of the config."""
        del in_channels, sample_size, time_cond_proj_dim
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
        return (torch.from_numpy(toy_model(sample.numpy().astype(np.float32), float(timestep))).to(sample.dtype),)


def pipeline_of(config: Mapping[str, Any]) -> Any:
    """The pipeline that diffusers makes around a scheduler with this `scheduler_config.json`."""
    import diffusers

    maker: Any = StableDiffusionPipeline
    parts = ("vae", "text_encoder", "tokenizer", "safety_checker", "feature_extractor")
    with quiet():
        scheduler = getattr(diffusers, config["_class_name"]).from_config(dict(config))
        pipe = maker(**dict.fromkeys(parts), unet=ToyUNet(), scheduler=scheduler, requires_safety_checker=False)
    pipe.vae_scale_factor = 1
    pipe.set_progress_bar_config(disable=True)
    return pipe


def drawn_by_diffusers(config: Mapping[str, Any], steps: int, *, dtype: torch.dtype = torch.float32) -> Latents:
    """Final latents of diffusers' own pipeline, called as its users call it; with latents of ``dtype``."""
    pipe, generator = pipeline_of(config), torch.Generator("cpu").manual_seed(SEED)
    embeddings = torch.zeros(1, 2, 4)
    with quiet(), torch.no_grad(), independent_noise(pipe.scheduler, generator, shape=SHAPE):
        found = pipe(
            prompt_embeds=embeddings,
            guidance_scale=1.0,
            height=8,
            width=8,
            num_inference_steps=steps,
            generator=generator,
            latents=torch.randn(SHAPE, generator=generator).to(dtype),
            output_type="latent",
        )
    result: Latents = found.images.numpy()
    return result


def drawn_by_us(table: ScheduleTable) -> Latents:
    """What the runtime's loop makes of a table."""
    generator = TorchGenerator(SEED)
    state = Recurrence.start(generator.normal(SHAPE) * np.float32(table.init_noise_sigma))
    for row in table.rows:
        noise_pred = toy_model(state.model_input(row), row.timestep)
        state = state.advance(row, noise_pred, draw=generator.normal(SHAPE) if row.draws else None)
    return state.latents
