"""Which family a pipeline is of."""

from collections.abc import Mapping
from typing import Final

from accel_exporter.families.family import Family
from accel_exporter.families.sdxl import StableDiffusionXL
from accel_exporter.families.stable_diffusion import StableDiffusion
from accel_exporter.families.textless import LatentsWithoutText, PixelsWithoutText
from accel_exporter.sources import Source

# By pipeline class of diffusers; `sources.model_index` says which of them can be read.
_FAMILIES: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": StableDiffusion(),
    "StableDiffusionImg2ImgPipeline": StableDiffusion(),
    "StableDiffusionInpaintPipeline": StableDiffusion(),
    "StableDiffusionControlNetPipeline": StableDiffusion(),
    # Its pipeline for pictures spaces timesteps by the strength, which no table holds.
    "LatentConsistencyModelPipeline": StableDiffusion(from_pictures=False),
    "StableDiffusionXLPipeline": StableDiffusionXL(),
    "StableDiffusionXLImg2ImgPipeline": StableDiffusionXL(),
    "StableDiffusionXLInpaintPipeline": StableDiffusionXL(),
    "StableDiffusionXLControlNetPipeline": StableDiffusionXL(),
    "DDPMPipeline": PixelsWithoutText(),
    "DDIMPipeline": PixelsWithoutText(),
    "LDMPipeline": LatentsWithoutText(),
}


def family_of(source: Source) -> Family:
    """The family of a pipeline."""
    return _FAMILIES[str(source.model_index["_class_name"])]
