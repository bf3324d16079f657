"""The scheduler config that every scheduler of a bundle is made of: the pipeline's own, and what its class does to it.

Stable Diffusion's pipelines correct two values of old configs when they are made; those of SDXL and of latent
consistency models take the config as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

# In memory only: never written to a file.
_AS_IT_IS: Final = "_accel_as_it_is"
_CORRECTED_BY: Final = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")


def base_config(config: Mapping[str, Any], pipeline: str) -> dict[str, Any]:
    """A `scheduler_config.json` as read, with what the class ``pipeline`` of diffusers does to it."""
    return dict(config) if pipeline in _CORRECTED_BY else {**config, _AS_IT_IS: True}


def is_corrected(base: Mapping[str, Any]) -> bool:
    """Whether the pipeline's class corrects the config."""
    return _AS_IT_IS not in base


def file_config(base: Mapping[str, Any]) -> dict[str, Any]:
    """What `scheduler_config.json` says."""
    return {key: value for key, value in base.items() if key != _AS_IT_IS}
