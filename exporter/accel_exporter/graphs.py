"""The modules to trace: each component of the pipeline with named inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from accel_exporter import names
from accel_exporter.unet import DeepPass, GuidedPass, GuidedSizedPass, SizedPass
from accel_runtime.manifest import Part

TextModel = CLIPTextModel | CLIPTextModelWithProjection


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


class _TextEncoder(nn.Module):
    """Takes its causal mask from a constant: computed from the ids, it would be a dozen nodes of 64-bit arithmetic.

    As a sum it needs no guard against rows that are hidden whole, for which GPU providers lack an operator.
    """

    mask: Tensor  # [1, 1, L, L]

    def __init__(self, model: TextModel, length: int) -> None:
        super().__init__()
        self.model = model
        hidden = torch.full((1, 1, length, length), float("-inf"), dtype=model.dtype).triu(1)
        self.register_buffer("mask", hidden, persistent=False)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(input_ids=input_ids, attention_mask=self.mask)
        return output.last_hidden_state, output.pooler_output


class _LayeredTextEncoder(_TextEncoder):
    """Also returns what each layer is given: SDXL takes what the last one is. The pooled output goes first.

    For a model with a projection that is the projected one.
    """

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        output = self.model(input_ids=input_ids, attention_mask=self.mask, output_hidden_states=True)
        pooled = getattr(output, "text_embeds", None)
        given = output.hidden_states[: self.model.config.num_hidden_layers]
        return (output.pooler_output if pooled is None else pooled, output.last_hidden_state, *given)


class _VaeDecoder(nn.Module):
    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample: Tensor) -> Tensor:
        image: Tensor = self.vae.decode(latent_sample, return_dict=False)[0]
        return image


class _VaeEncoder(nn.Module):
    """Returns the moments, with mean and log-variance on the channels; the runtime samples."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, sample: Tensor) -> Tensor:
        moments: Tensor = self.vae.encode(sample, return_dict=False)[0].parameters
        return moments


def text_encoder(model: TextModel, sizes: Sizes, *, length: int) -> Traceable:
    """CLIP's text model: input_ids [B, L] → last_hidden_state [B, L, D], pooler_output [B, D].

    L is ``length``, the tokenizer's: it may be less than the model has positions for.
    """
    ids = torch.randint(0, model.config.vocab_size, (sizes.batch, length), generator=seeded())
    return Traceable(
        name=names.TEXT_ENCODER,
        part="text",
        module=_TextEncoder(model, length),
        inputs={names.IDS: ids},
        outputs=(names.HIDDEN, names.POOLED),
        axes={names.IDS: {0: Axis("batch")}},
    )


def layered_text_encoder(model: TextModel, sizes: Sizes, *, name: str, length: int) -> Traceable:
    """A text encoder with the states between its layers, as SDXL's are read; ``name`` is the graph's.

    input_ids [B, L] → the pooled output [B, P], last_hidden_state [B, L, D], hidden_states.0 to .N-1 [B, L, D].
    """
    plain = text_encoder(model, sizes, length=length)
    pooled = names.PROJECTED if isinstance(model, CLIPTextModelWithProjection) else names.POOLED
    layers = map(names.hidden, range(model.config.num_hidden_layers))
    outputs = (pooled, names.HIDDEN, *layers)
    return replace(plain, name=name, module=_LayeredTextEncoder(model, length), outputs=outputs)


def unet_deep(
    unet: UNet2DConditionModel, branches: Sequence[int], *, sizes: Sizes, text_length: int, time_ids: int = 6
) -> Traceable:
    """The deep pass with the inputs that the UNet's config asks for; see `accel_exporter.unet`.

    Args:
        unet: The UNet.
        branches: The branches whose features it hands out.
        sizes: Sizes to trace at.
        text_length: Tokens of a prompt.
        time_ids: How many numbers SDXL's time ids are; not used for others.
    """
    channels = int(unet.config["in_channels"])
    more = _more_inputs(unet, sizes.unet_batch, time_ids)
    inputs = {
        names.SAMPLE: normal(sizes.unet_batch, channels, sizes.latent_height, sizes.latent_width),
        names.TIMESTEP: torch.tensor([500.0]),
        names.TEXT: normal(sizes.unet_batch, text_length, _text_width(unet)),
        **more,
    }
    return Traceable(
        name=names.UNET_DEEP,
        part="deep",
        module=_PASSES[tuple(more)](unet, branches),
        inputs=inputs,
        outputs=(names.NOISE, *map(names.feature, branches)),
        axes={
            names.SAMPLE: {
                0: Axis("batch"),
                2: Axis("latent_height", sizes.multiple),
                3: Axis("latent_width", sizes.multiple),
            },
            **{name: {0: Axis("batch")} for name in (names.TEXT, *more)},
        },
    )


# By the inputs beside sample, timestep and text.
_PASSES: Final[Mapping[tuple[str, ...], type[DeepPass]]] = {
    (): DeepPass,
    (names.GUIDANCE,): GuidedPass,
    (names.POOLED_TEXT, names.TIME_IDS): SizedPass,
    (names.POOLED_TEXT, names.TIME_IDS, names.GUIDANCE): GuidedSizedPass,
}


def _more_inputs(unet: UNet2DConditionModel, rows: int, time_ids: int) -> dict[str, Tensor]:
    config, inputs = unet.config, {}
    if config["addition_embed_type"] == "text_time":
        pooled = config["projection_class_embeddings_input_dim"] - time_ids * config["addition_time_embed_dim"]
        inputs[names.POOLED_TEXT] = normal(rows, pooled)
        inputs[names.TIME_IDS] = 512 + 128 * normal(rows, time_ids)
    if config["time_cond_proj_dim"] is not None:
        inputs[names.GUIDANCE] = normal(rows, config["time_cond_proj_dim"])
    return inputs


def vae_decoder(vae: AutoencoderKL, sizes: Sizes) -> Traceable:
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


def vae_encoder(vae: AutoencoderKL, sizes: Sizes) -> Traceable:
    """Encode sample [B, 3, H, W] in [-1, 1] to latent_parameters [B, 2C, h, w]: mean, then log-variance."""
    scale = 2 ** (len(vae.config["block_out_channels"]) - 1)
    pixels = normal(sizes.batch, 3, sizes.latent_height * scale, sizes.latent_width * scale).clamp(-1, 1)
    return Traceable(
        name=names.VAE_ENCODER,
        part="encoder",
        module=_VaeEncoder(vae),
        inputs={"sample": pixels},
        outputs=("latent_parameters",),
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
