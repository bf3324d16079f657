"""Whether a ControlNet fits the pipeline that it is to steer: all that the configs alone can tell."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Config = Mapping[str, Any]

# What must be the same, for a ControlNet's outputs are added to the UNet's skips and it is given the same inputs.
_SHARED: Final = (
    "in_channels",
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    "downsample_padding",
)
# What it may not have, and why.
_UNFED: Final[Mapping[str, tuple[object, str]]] = {
    "class_embed_type": (None, "it needs inputs that the runtime does not feed"),
    "num_class_embeds": (None, "it needs inputs that the runtime does not feed"),
    "encoder_hid_dim_type": (None, "it needs inputs that the runtime does not feed"),
    "global_pool_conditions": (False, "it works in guess mode alone, which is not exported"),
    "controlnet_conditioning_channel_order": ("rgb", "control images are red, green and blue"),
    "conditioning_channels": (3, "control images are red, green and blue"),
}


def controlnet_complaints(net: Config, unet: Config, vae: Config, *, name: str) -> Iterator[str]:
    """What does not fit, each in a line.

    Args:
        net: The ControlNet's config.
        unet: The UNet's.
        vae: The VAE's.
        name: Name of the ControlNet's folder.
    """
    for key in _SHARED:
        if _plain(net.get(key)) != _plain(unet.get(key)):
            yield f"{name}: {key}: expected {_plain(unet.get(key))}, the UNet's, got {_plain(net.get(key))}"
    for key, (expected, why) in _UNFED.items():
        if net.get(key, expected) != expected:
            yield f"{name}: {key}: expected {expected!r}, got {net[key]!r}: {why}"
    scale = 2 ** (len(vae["block_out_channels"]) - 1)
    halved = 2 ** (len(net["conditioning_embedding_out_channels"]) - 1)
    if halved != scale:
        key = "conditioning_embedding_out_channels"
        yield f"{name}: {key}: expected to scale the image by {scale}, as the VAE does, got {halved}"


def _plain(value: object) -> object:
    """A config's value; lists and tuples mean the same."""
    return list(value) if isinstance(value, (list, tuple)) else value
