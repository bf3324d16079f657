"""Whether the parts of a pipeline without text fit each other and the loop: all that the configs alone can tell."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from accel_exporter.sources.source import Source

_COLOURS: Final = 3
# More classes than float32 has whole numbers would be of no use to anyone.
_MOST_CLASSES: Final = 2**24

Config = Mapping[str, Any]


def textless_complaints(source: Source) -> Iterator[str]:
    """What does not fit: key, what was expected, what it is, and why.

    Raises:
        SourceError: A config cannot be read.
    """
    unet = source.unet_config
    yield from _sizes(unet)
    yield from _classes(unet)
    yield from _blocks(unet)
    if "vqvae" in source.model_index:
        yield from _codebook(unet, source.vqvae_config)
    else:
        yield from _channels(unet, _COLOURS, whose="red, green and blue, as the pipeline has no decoder")


def _sizes(unet: Config) -> Iterator[str]:
    size = unet["sample_size"]
    sides = [size, size] if isinstance(size, int) else size
    is_sound = isinstance(sides, (list, tuple)) and len(sides) == 2 and all(map(_is_positive, sides))
    if not is_sound:
        yield f"unet: sample_size: expected a positive number, or height and width, got {size!r}"


def _classes(unet: Config) -> Iterator[str]:
    kind, count = unet["class_embed_type"], unet["num_class_embeds"]
    if kind is not None:
        yield f"unet: class_embed_type: expected none: only classes that num_class_embeds counts are fed, got {kind!r}"
    if count is not None and not (_is_positive(count) and count <= _MOST_CLASSES):
        yield f"unet: num_class_embeds: expected 1 to {_MOST_CLASSES}, got {count!r}"
    if unet["time_embedding_type"] == "learned":
        yield "unet: time_embedding_type = 'learned' takes whole timesteps only, which not every scheduler gives"


def _blocks(unet: Config) -> Iterator[str]:
    for block in (*unet["down_block_types"], *unet["up_block_types"]):
        if "Skip" in str(block):
            yield f"unet: {block} hands on a second tensor beside its sample, so the UNet cannot be cut at one"
            return


def _channels(unet: Config, expected: int, *, whose: str) -> Iterator[str]:
    for key in ("in_channels", "out_channels"):
        if unet[key] != expected:
            yield f"unet: {key}: expected {expected}, {whose}, got {unet[key]}"


def _codebook(unet: Config, vqvae: Config) -> Iterator[str]:
    width = vqvae["latent_channels"] if vqvae["vq_embed_dim"] is None else vqvae["vq_embed_dim"]
    yield from _channels(unet, width, whose="the width of the vqvae's codebook")
    if vqvae["out_channels"] != _COLOURS:
        yield f"vqvae: out_channels: expected {_COLOURS}, red, green and blue, got {vqvae['out_channels']}"
    factor = vqvae["scaling_factor"]
    is_number = isinstance(factor, (int, float)) and not isinstance(factor, bool)
    if not (is_number and math.isfinite(factor) and factor > 0):
        yield f"vqvae: scaling_factor: expected a positive number, got {factor!r}"


def _is_positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0
