"""The names that an export gives to graphs and tensors.

A bundle's manifest says what they are for, so nobody else needs to know them. Tensors are named as in optimum's ONNX
layout, so that other loaders recognise the graphs.
"""

from typing import Final

TEXT_ENCODER: Final = "text_encoder"
TEXT_ENCODER_2: Final = "text_encoder_2"
UNET_DEEP: Final = "unet_deep"
VAE_DECODER: Final = "vae_decoder"
VAE_ENCODER: Final = "vae_encoder"
VQVAE_DECODER: Final = "vqvae_decoder"

# Tensors of the UNet.
SAMPLE: Final = "sample"
TIMESTEP: Final = "timestep"
TEXT: Final = "encoder_hidden_states"
POOLED_TEXT: Final = "text_embeds"
TIME_IDS: Final = "time_ids"
GUIDANCE: Final = "timestep_cond"
CLASS_LABELS: Final = "class_labels"
MASK: Final = "mask"
MASKED_IMAGE: Final = "masked_image_latents"
CONTROL_SCALES: Final = "conditioning_scale"
NOISE: Final = "out_sample"
# What every UNet takes.
UNET_INPUTS: Final = (SAMPLE, TIMESTEP, TEXT)

# Tensors of the text encoders.
IDS: Final = "input_ids"
HIDDEN: Final = "last_hidden_state"
POOLED: Final = "pooler_output"
PROJECTED: Final = "text_embeds"
SKIPPED: Final = "skipped_hidden_state"

_ATTENDED: Final = "attended_"


def hidden(layer: int) -> str:
    """What a text encoder's layer is given; 0 is the first."""
    return f"hidden_states.{layer}"


def controlnet(number: int) -> str:
    """The graph that embeds a ControlNet's image, and its folder, as diffusers calls those of several."""
    return f"controlnet_{number}" if number else "controlnet"


def control_image(number: int) -> str:
    """The UNet's input for what such a graph makes."""
    return f"controlnet_cond_{number}"


def unet_shallow(branch: int) -> str:
    """The graph of a shallow pass."""
    return f"unet_shallow_{branch}"


def merged(graph: str, ratio: float) -> str:
    """The graph, or its file, that merges a share of the tokens."""
    return f"{graph}_tome_{100 * ratio:g}"


def keeping(graph: str) -> str:
    """The graph, or its file, that also hands out what its cross-attentions give."""
    return f"{graph}_keeps"


def gated(graph: str) -> str:
    """The graph, or its file, that is given this instead of a text."""
    return f"{graph}_gated"


def attended(number: int) -> str:
    """The tensor that a cross-attention gives, in the order in which they run."""
    return f"{_ATTENDED}{number}"


def is_attended(name: str) -> bool:
    """Whether a tensor is one of these."""
    return name.startswith(_ATTENDED) and name.removeprefix(_ATTENDED).isdecimal()


def feature(branch: int) -> str:
    """The tensor that the deep pass returns and the shallow pass of ``branch`` takes."""
    return f"feature_{branch}"
