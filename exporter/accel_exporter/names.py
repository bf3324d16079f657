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
NOISE: Final = "out_sample"

# Tensors of the text encoders.
IDS: Final = "input_ids"
HIDDEN: Final = "last_hidden_state"
POOLED: Final = "pooler_output"
PROJECTED: Final = "text_embeds"


def hidden(layer: int) -> str:
    """What a text encoder's layer is given; 0 is the first."""
    return f"hidden_states.{layer}"


def unet_shallow(branch: int) -> str:
    """The graph of a shallow pass."""
    return f"unet_shallow_{branch}"


def feature(branch: int) -> str:
    """The tensor that the deep pass returns and the shallow pass of ``branch`` takes."""
    return f"feature_{branch}"
