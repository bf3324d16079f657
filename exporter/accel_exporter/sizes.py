"""The sizes an export works with, from the configs of the UNet and the VAE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from accel_exporter.graphs import Sizes
from accel_exporter.options import StaticSize
from accel_runtime.bundle.dims import TIMESTEPS
from accel_runtime.errors import InputError

_STABLE_DIFFUSION: Final = 64
_SIZES_ARE_RIGHT_SINCE: Final = (0, 9)


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """Sizes of a pipeline.

    Attributes:
        latent_scale: Pixels per latent, as the VAE halves the picture between its levels.
        sample_size: (height, width) in pixels: the model's own, or the fixed size.
        size_multiple: Pixels must divide by this.
        to_trace: Sizes to trace graphs at. Open sizes can have any value that torch does not treat as a special
            case: not 1, and height and width different.
        to_check: Sizes to check graphs at: other values for open sizes, the same for fixed ones.
    """

    latent_scale: int
    sample_size: tuple[int, int]
    size_multiple: int
    to_trace: Sizes
    to_check: Sizes

    @classmethod
    def of(cls, unet: Mapping[str, Any], vae: Mapping[str, Any], *, multiple: int, static: StaticSize | None) -> Self:
        """The sizes of a pipeline over latents, which divide by ``multiple`` where sizes are open.

        Raises:
            InputError: A fixed size does not fit the model.
        """
        scale = codec_scale(vae)
        return cls.over(_mended_size(unet), scale, levels=_levels(unet), multiple=multiple, static=static)

    @classmethod
    def over(cls, own: tuple[int, int], scale: int, *, levels: int, multiple: int, static: StaticSize | None) -> Self:
        """The sizes of a pipeline whose UNet has so many levels.

        Args:
            own: Height and width that the UNet was made for, in its own cells.
            scale: Pixels of each cell.
            levels: How often the UNet halves its sample, and one more.
            multiple: What height and width in cells divide by where they are open.
            static: The size of graphs that are fixed to one.

        Raises:
            InputError: A fixed size does not fit the model.
        """
        steps = 2 ** (levels - 1)
        # Sizes that do not divide are checked where they are allowed.
        less = 1 if multiple == 1 else 0
        height, width = own
        if static is None:
            return cls(
                latent_scale=scale,
                sample_size=(height * scale, width * scale),
                size_multiple=multiple * scale,
                to_trace=Sizes(batch=2, latent_height=2 * steps, latent_width=3 * steps, multiple=multiple),
                to_check=Sizes(batch=1, latent_height=5 * steps - less, latent_width=4 * steps - less),
            )
        pixels = (static.height or height * scale, static.width or width * scale)
        _check_pixels(pixels, multiple * scale)
        fixed = Sizes(batch=static.batch, latent_height=pixels[0] // scale, latent_width=pixels[1] // scale)
        return cls(latent_scale=scale, sample_size=pixels, size_multiple=scale, to_trace=fixed, to_check=fixed)

    @property
    def symbols(self) -> dict[str, int]:
        """A number for each symbol of the graphs' shapes: batch 1, the model's own size."""
        height, width = self.sample_size
        latents = {"latent_height": height // self.latent_scale, "latent_width": width // self.latent_scale}
        return {"batch": 1, TIMESTEPS: 1, "height": height, "width": width} | latents


def codec_scale(codec: Mapping[str, Any]) -> int:
    """Pixels of each latent, by the config of a VAE or its like: it halves the picture between its levels."""
    return int(2 ** (_levels(codec) - 1))


def own_size(unet: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of a UNet's sample, as its config says them."""
    own = unet["sample_size"]
    height, width = (own, own) if isinstance(own, int) else own
    return height, width


def _levels(config: Mapping[str, Any]) -> int:
    return len(config["block_out_channels"])


def _mended_size(unet: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width in latents, as Stable Diffusion's pipelines draw by default: they mend what old files said."""
    own = unet["sample_size"]
    if not isinstance(own, int):
        return own_size(unet)
    version = re.match(r"(\d+)\.(\d+)", str(unet.get("_diffusers_version")))
    is_old = version is not None and (int(version[1]), int(version[2])) < _SIZES_ARE_RIGHT_SINCE
    return (max(own, _STABLE_DIFFUSION),) * 2 if is_old else (own, own)


def _check_pixels(pixels: tuple[int, int], scale: int) -> None:
    for name, size in zip(("height", "width"), pixels, strict=True):
        if size <= 0 or size % scale:
            raise InputError(f"{name}: expected a positive multiple of {scale} pixels, got {size}")
