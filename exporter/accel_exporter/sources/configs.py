"""Configs of components with the defaults that their files leave out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from accel_exporter.sources.jsonfile import read_object
from accel_exporter.sources.quiet import quiet
from accel_runtime.errors import SourceError


def read_unet_config(folder: Path) -> Mapping[str, Any]:
    """The UNet's config; see `_read_config`."""
    return _read_config(folder, "unet", UNet2DConditionModel)


def read_vae_config(folder: Path) -> Mapping[str, Any]:
    """The autoencoder's config; see `_read_config`."""
    return _read_config(folder, "vae", AutoencoderKL)


# diffusers' models share no typed interface for `from_config`.
def _read_config(folder: Path, part: str, model: Any) -> Mapping[str, Any]:
    """Build the model on the meta device, which costs no memory, and ask it.

    Raises:
        SourceError: The config cannot be read, or describes no such model.
    """
    raw = read_object(folder, f"{part}/config.json")
    try:
        with torch.device("meta"), quiet():
            config: Mapping[str, Any] = dict(model.from_config(raw).config)
    # Whatever a constructor makes of a wrong config.
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise SourceError(f"{part}/config.json describes no {model.__name__}: {reason}") from error
    return config
