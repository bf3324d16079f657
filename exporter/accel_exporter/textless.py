"""The modules to trace of pipelines without text: a UNet of pixels or latents, and a decoder with a codebook."""

from collections.abc import Sequence

import torch
from diffusers import UNet2DModel, VQModel
from torch import Tensor, nn

from accel_exporter import names
from accel_exporter.graphs import Axis, Sizes, Traceable, normal, seeded
from accel_exporter.unet import DeepPass

# How far off its entry of the codebook a latent is in a check: more than rounding, and less than to any other entry.
_OFF_ENTRY = 1e-3


class TextlessPass(DeepPass):
    """A UNet that is given sample [B, C, H, W], timestep [1] and, if it draws classes, each image's: class_labels [B].

    Labels are whole numbers as float32. Looked up, they are int32, as some GPUs do not compute with int64.
    """

    def _forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        (sample, timestep), labels = values[:2], values[2:]
        return self.record(sample, timestep, *(each.to(torch.int32) for each in labels))


class _VqDecoder(nn.Module):
    """Takes the nearest entry of the codebook for each latent, as `VQModel.decode` does, and decodes these.

    Distances are compared without the latent's own square, which is the same for all entries: there is less to round.
    """

    def __init__(self, vqvae: VQModel) -> None:
        super().__init__()
        self.vqvae = vqvae
        entries = vqvae.quantize.embedding.weight.detach()
        self.register_buffer("squares", entries.square().sum(dim=1), persistent=False)

    def forward(self, latent_sample: Tensor) -> Tensor:
        quantized = self._quantized(latent_sample.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        spatial = quantized if self.vqvae.config["norm_type"] == "spatial" else None
        image: Tensor = self.vqvae.decoder(self.vqvae.post_quant_conv(quantized), spatial)
        return image

    def _quantized(self, latents: Tensor) -> Tensor:
        """The nearest entries. Shape: [B, h, w, C]."""
        entries = self.vqvae.quantize.embedding.weight
        distances = self.squares - 2 * (latents @ entries.T)  # [B, h, w, N], less |latent|²
        nearest: Tensor = self.vqvae.quantize.embedding(distances.argmin(dim=-1))
        return nearest


def textless_deep(unet: UNet2DModel, branches: Sequence[int], sizes: Sizes) -> Traceable:
    """The deep pass with the inputs that the UNet's config asks for; see `accel_exporter.unet`.

    The loop never runs a negative half, so there are as many rows as images.
    """
    is_labelled = unet.config["num_class_embeds"] is not None
    labels = torch.arange(sizes.batch) % unet.config["num_class_embeds"] if is_labelled else torch.zeros(0)
    inputs = {
        names.SAMPLE: normal(sizes.batch, unet.config["in_channels"], sizes.latent_height, sizes.latent_width),
        names.TIMESTEP: torch.tensor([500.0]),
        **({names.CLASS_LABELS: labels.float()} if is_labelled else {}),
    }
    return Traceable(
        name=names.UNET_DEEP,
        part="deep",
        module=TextlessPass(unet, branches, inputs=tuple(inputs)),
        inputs=inputs,
        outputs=(names.NOISE, *map(names.feature, branches)),
        axes={
            names.SAMPLE: {
                0: Axis("batch"),
                2: Axis("latent_height", sizes.multiple),
                3: Axis("latent_width", sizes.multiple),
            },
            **({names.CLASS_LABELS: {0: Axis("batch")}} if is_labelled else {}),
        },
    )


def vqvae_decoder(vqvae: VQModel, sizes: Sizes) -> Traceable:
    """latent_sample [B, C, h, w], already divided by the scaling factor → sample [B, 3, H, W] in [-1, 1].

    The latents to trace and check with lie beside entries of the codebook: midway between two, rounding would choose.
    """
    entries = vqvae.quantize.embedding.weight.detach()
    shape = (sizes.batch, sizes.latent_height, sizes.latent_width)
    chosen = entries[torch.randint(0, len(entries), shape, generator=seeded())]
    latents = chosen.permute(0, 3, 1, 2) + _OFF_ENTRY * entries.std() * normal(
        sizes.batch, entries.shape[1], *shape[1:]
    )
    return Traceable(
        name=names.VQVAE_DECODER,
        part="decoder",
        module=_VqDecoder(vqvae),
        inputs={"latent_sample": latents.contiguous()},
        outputs=("sample",),
        axes={"latent_sample": {0: Axis("batch"), 2: Axis("latent_height"), 3: Axis("latent_width")}},
    )
