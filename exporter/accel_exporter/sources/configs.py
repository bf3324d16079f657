"""Configs of components with the defaults that their files leave out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, ControlNetModel, UNet2DConditionModel, UNet2DModel, VQModel
from transformers import CLIPTextConfig

from accel_exporter.libraries import one_line, quiet
from accel_exporter.sources.common import read_object
from accel_exporter.sources.selection import inside
from accel_runtime.errors import SourceError, first_line

# By the class that `config.json` names.
AUTOENCODERS: Final[Mapping[str, Any]] = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}

Depth = Annotated[int, msgspec.Meta(ge=0, le=256)]


class _Depths(msgspec.Struct, frozen=True):
    """How often a part repeats something: who builds it does so once for each, before anything else can be wrong."""

    layers_per_block: Depth | list[Depth] = 0
    num_hidden_layers: Depth = 0
    reverse_transformer_layers_per_block: Depth | list[Depth | list[Depth]] | None = None
    transformer_layers_per_block: Depth | list[Depth | list[Depth]] = 0


def read_unet_config(
    folder: Path, model: type[UNet2DConditionModel | UNet2DModel] = UNet2DConditionModel, *, part: str = "unet"
) -> Mapping[str, Any]:
    """The config of a UNet of the class ``model``; see `_read_config`."""
    return _read_config(folder, part, model)


def read_vae_config(folder: Path, part: str = "vae") -> Mapping[str, Any]:
    """The autoencoder's config, with its class under ``_class_name``; see `_read_config`."""
    model = autoencoder_class(folder, part)
    return {**_read_config(folder, part, model), "_class_name": model.__name__}


def autoencoder_class(folder: Path, part: str = "vae") -> Any:
    """The class of an autoencoder; old configs do not say it.

    Raises:
        SourceError: It is none that can be exported, or the config cannot be read.
    """
    name = read_object(folder, f"{part}/config.json").get("_class_name", "AutoencoderKL")
    if name not in AUTOENCODERS:
        raise SourceError(f"{part}/config.json: _class_name: expected {' or '.join(AUTOENCODERS)}, got {name!r}")
    return AUTOENCODERS[name]


def read_controlnet_config(folder: Path, part: str) -> Mapping[str, Any]:
    """A ControlNet's config; see `_read_config`."""
    return _read_config(folder, part, ControlNetModel)


def read_vqvae_config(folder: Path) -> Mapping[str, Any]:
    """The config of the autoencoder with a codebook; see `_read_config`."""
    return _read_config(folder, "vqvae", VQModel)


def read_text_config(folder: Path, part: str) -> Mapping[str, Any]:
    """A text encoder's config.

    Raises:
        SourceError: It cannot be read, or describes no such model.
    """
    _check_depths(part, read_object(folder, f"{part}/config.json"))
    try:
        with quiet():
            config: Mapping[str, Any] = CLIPTextConfig.from_pretrained(folder / part).to_dict()
    # Whatever the library makes of a wrong config.
    except Exception as error:
        raise _describes_none(part, CLIPTextConfig, error) from error
    return config


def unet_skeleton(config: Mapping[str, Any]) -> UNet2DConditionModel:
    """A UNet of this config without weights.

    Raises:
        SourceError: There is none.
    """
    unet: UNet2DConditionModel = _skeleton("unet", UNet2DConditionModel, config)
    return unet


def unet_2d_skeleton(config: Mapping[str, Any]) -> UNet2DModel:
    """The same of a UNet that takes no text."""
    unet: UNet2DModel = _skeleton("unet", UNet2DModel, config)
    return unet


# diffusers' models share no typed interface for `from_config`.
def _read_config(folder: Path, part: str, model: Any) -> Mapping[str, Any]:
    """Build the model without weights and ask it.

    Raises:
        SourceError: The config cannot be read, or describes no such model.
    """
    return dict(_skeleton(part, model, read_object(folder, inside(part, "config.json"))).config)


def _skeleton(part: str, model: Any, config: Mapping[str, Any]) -> Any:
    """The model on the meta device, which costs no memory."""
    _check_depths(part, config)
    try:
        with torch.device("meta"), quiet():
            return model.from_config(dict(config))
    # Whatever a constructor makes of a wrong config.
    except Exception as error:
        raise _describes_none(part, model, error) from error


def _check_depths(part: str, config: Mapping[str, Any]) -> None:
    try:
        msgspec.convert(dict(config), _Depths)
    except msgspec.ValidationError as error:
        raise SourceError(f"{inside(part, 'config.json')}: {first_line(error)}") from error


def _describes_none(part: str, model: type, error: Exception) -> SourceError:
    return SourceError(f"{inside(part, 'config.json')} describes no {model.__name__}: {one_line(error)}")
