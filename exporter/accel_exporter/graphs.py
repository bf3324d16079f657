"""The modules to trace: each component of the pipeline with named inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderTiny, ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn

from accel_exporter import names
from accel_exporter.control import Controls, ImageEmbedding
from accel_exporter.sources.source import Autoencoder
from accel_exporter.unet import DeepPass
from accel_runtime.manifest import Part


@dataclass(frozen=True, slots=True)
class Axis:
    """An open dimension.

    Attributes:
        symbol: Name of the symbol.
        multiple: The symbol's size must be a multiple of this.
        over: The dimension is the symbol divided by this, which divides ``multiple``.
    """

    symbol: str
    multiple: int = 1
    over: int = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """A size to trace or run graphs at.

    Attributes:
        batch: Images at a time.
        latent_height: Height in pixels / latent scale.
        latent_width: Width in pixels / latent scale.
        multiple: Of open sizes, what latent height and width divide by.
    """

    batch: int
    latent_height: int
    latent_width: int
    multiple: int = 1

    @property
    def unet_batch(self) -> int:
        """The UNet sees each image twice: without and with the prompt (classifier-free guidance)."""
        return 2 * self.batch


@dataclass(frozen=True, slots=True)
class Traceable:
    """A module, the inputs to trace it with, and which of their axes stay open.

    Attributes:
        name: Name of the graph in the manifest.
        part: Purpose of the graph.
        module: Module that takes the inputs in their order.
        inputs: Inputs by name.
        outputs: Names of outputs in order; those of a deep pass are the noise, then the features.
        axes: Open axes by input.
    """

    name: str
    part: Part
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    axes: Mapping[str, Mapping[int, Axis]]

    @property
    def features(self) -> tuple[str, ...]:
        """The outputs that are features."""
        return tuple(self.outputs[1:]) if self.part == "deep" else ()


class _VaeDecoder(nn.Module):
    def __init__(self, vae: Autoencoder) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample: Tensor) -> Tensor:
        image: Tensor = self.vae.decode(latent_sample, return_dict=False)[0]
        return image


class _TinyEncoder(nn.Module):
    """Returns latents: a tiny autoencoder has no distribution of them to draw from."""

    def __init__(self, vae: Autoencoder) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, sample: Tensor) -> Tensor:
        latents: Tensor = self.vae.encode(sample, return_dict=False)[0]
        return latents


class _VaeEncoder(nn.Module):
    """Returns the moments, with mean and log-variance on the channels; the runtime samples."""

    def __init__(self, vae: Autoencoder) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, sample: Tensor) -> Tensor:
        moments: Tensor = self.vae.encode(sample, return_dict=False)[0].parameters
        return moments


def unet_deep(
    unet: UNet2DConditionModel,
    branches: Sequence[int],
    *,
    sizes: Sizes,
    text_length: int,
    time_ids: int = 6,
    controlnets: Sequence[ControlNetModel] = (),
) -> Traceable:
    """The deep pass with the inputs that the UNet's config asks for; see `accel_exporter.unet`.

    Args:
        unet: The UNet.
        branches: The branches whose features it hands out.
        sizes: Sizes to trace at.
        text_length: Tokens of a prompt.
        time_ids: How many numbers SDXL's time ids are; not used for others.
        controlnets: ControlNets that steer it; they lose their `ImageEmbedding`.
    """
    channels, rows = int(unet.config["out_channels"]), sizes.unet_batch
    latents = (sizes.latent_height, sizes.latent_width)
    inputs = {
        names.SAMPLE: normal(rows, channels, *latents),
        names.TIMESTEP: torch.tensor([500.0]),
        names.TEXT: normal(rows, text_length, _text_width(unet)),
        **_more_inputs(unet, rows, time_ids),
        **(_masked_inputs(rows, channels, latents) if takes_mask(unet.config) else {}),
        **_control_inputs(controlnets, rows, latents),
    }
    alone = (names.TIMESTEP, names.CONTROL_SCALES)
    return Traceable(
        name=names.UNET_DEEP,
        part="deep",
        module=DeepPass(unet, branches, inputs=tuple(inputs), controls=Controls(controlnets) if controlnets else None),
        inputs=inputs,
        outputs=(names.NOISE, *map(names.feature, branches)),
        axes={name: _axes(tensor, sizes.multiple) for name, tensor in inputs.items() if name not in alone},
    )


def takes_mask(unet: Mapping[str, Any]) -> bool:
    """Whether a UNet of this config takes a mask and a masked image beside the latents."""
    return bool(unet["in_channels"] == 2 * unet["out_channels"] + 1)


def _axes(tensor: Tensor, multiple: int) -> dict[int, Axis]:
    """The open dimensions of an input: rows, and of pictures height and width."""
    sides = {2: Axis("latent_height", multiple), 3: Axis("latent_width", multiple)} if tensor.ndim == 4 else {}
    return {0: Axis("batch"), **sides}


def _more_inputs(unet: UNet2DConditionModel, rows: int, time_ids: int) -> dict[str, Tensor]:
    config, inputs = unet.config, {}
    if config["addition_embed_type"] == "text_time":
        pooled = config["projection_class_embeddings_input_dim"] - time_ids * config["addition_time_embed_dim"]
        inputs[names.POOLED_TEXT] = normal(rows, pooled)
        inputs[names.TIME_IDS] = 512 + 128 * normal(rows, time_ids)
    if config["time_cond_proj_dim"] is not None:
        inputs[names.GUIDANCE] = normal(rows, config["time_cond_proj_dim"])
    return inputs


def _masked_inputs(rows: int, channels: int, latents: tuple[int, int]) -> dict[str, Tensor]:
    mask = (normal(rows, 1, *latents) > 0).float()
    return {names.MASK: mask, names.MASKED_IMAGE: normal(rows, channels, *latents)}


def _control_inputs(controlnets: Sequence[ControlNetModel], rows: int, latents: tuple[int, int]) -> dict[str, Tensor]:
    if not controlnets:
        return {}
    images = {
        names.control_image(at): normal(rows, net.config["block_out_channels"][0], *latents)
        for at, net in enumerate(controlnets)
    }
    return {**images, names.CONTROL_SCALES: torch.linspace(0.7, 0.9, len(controlnets))}


def control_image(net: ControlNetModel, sizes: Sizes, *, number: int) -> Traceable:
    """What a ControlNet makes of its image: image [B, 3, H, W] in [0, 1] → embedded [B, C, h, w]."""
    scale = 2 ** (len(net.config["conditioning_embedding_out_channels"]) - 1)
    pixels = normal(sizes.batch, 3, sizes.latent_height * scale, sizes.latent_width * scale).clamp(0, 1)
    return Traceable(
        name=names.controlnet(number),
        part="control",
        module=ImageEmbedding(net),
        inputs={"image": pixels},
        outputs=("embedded",),
        axes={"image": {0: Axis("batch"), 2: Axis("height", scale), 3: Axis("width", scale)}},
    )


def vae_decoder(vae: Autoencoder, sizes: Sizes) -> Traceable:
    """latent_sample [B, C, h, w], already divided by the scaling factor → sample [B, 3, H, W] in [-1, 1]."""
    latents = normal(sizes.batch, vae.config["latent_channels"], sizes.latent_height, sizes.latent_width)
    return Traceable(
        name=names.VAE_DECODER,
        part="decoder",
        module=_VaeDecoder(vae),
        inputs={"latent_sample": latents},
        outputs=("sample",),
        axes={"latent_sample": {0: Axis("batch"), 2: Axis("latent_height"), 3: Axis("latent_width")}},
    )


def vae_encoder(vae: Autoencoder, sizes: Sizes) -> Traceable:
    """Encode sample [B, 3, H, W] in [-1, 1] to latent_parameters [B, 2C, h, w]: mean, then log-variance.

    A tiny autoencoder's output is latent_sample [B, C, h, w].
    """
    is_tiny = isinstance(vae, AutoencoderTiny)
    scale = 2 ** (len(vae.config["block_out_channels"]) - 1)
    pixels = normal(sizes.batch, 3, sizes.latent_height * scale, sizes.latent_width * scale).clamp(-1, 1)
    return Traceable(
        name=names.VAE_ENCODER,
        part="encoder",
        module=(_TinyEncoder if is_tiny else _VaeEncoder)(vae),
        inputs={"sample": pixels},
        outputs=("latent_sample" if is_tiny else "latent_parameters",),
        axes={"sample": {0: Axis("batch"), 2: Axis("height", scale), 3: Axis("width", scale)}},
    )


def seeded() -> torch.Generator:
    """Make the same inputs each time, so that equal exports are equal bundles."""
    return torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    """Numbers to trace and check with, the same each time."""
    return torch.randn(shape, generator=seeded())


def _text_width(unet: UNet2DConditionModel) -> int:
    width = unet.config["cross_attention_dim"]
    return int(width[0] if isinstance(width, (list, tuple)) else width)
