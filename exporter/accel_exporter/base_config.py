"""The scheduler config that every scheduler of a bundle is made of: the pipeline's own, and what its class does to it.

Stable Diffusion's pipelines correct values of old configs when they are made; those of SDXL, of latent consistency
models and with ControlNets take the config as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

Corrections = Mapping[str, object]

# In memory only: never written to a file.
_PIPELINE: Final = "_accel_pipeline"
_USUAL: Final[Corrections] = {"steps_offset": 1, "clip_sample": False}
_CORRECTIONS: Final[Mapping[str, Corrections]] = {
    "StableDiffusionPipeline": _USUAL,
    "StableDiffusionImg2ImgPipeline": _USUAL,
    "StableDiffusionInpaintPipeline": {"steps_offset": 1, "skip_prk_steps": True},
}


def base_config(config: Mapping[str, Any], pipeline: str) -> dict[str, Any]:
    """A `scheduler_config.json` as read, with what the class ``pipeline`` of diffusers does to it."""
    return dict(config) if _CORRECTIONS.get(pipeline) is _USUAL else {**config, _PIPELINE: pipeline}


def corrections(base: Mapping[str, Any]) -> Corrections:
    """What the pipeline's class makes some values of the config, where they are there and otherwise."""
    return _CORRECTIONS.get(base[_PIPELINE], {}) if _PIPELINE in base else _USUAL


def file_config(base: Mapping[str, Any]) -> dict[str, Any]:
    """What `scheduler_config.json` says."""
    return {key: value for key, value in base.items() if key != _PIPELINE}
