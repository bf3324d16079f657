"""ControlNets beside a UNet: copies of its down path, whose outputs are added to its skips and its middle.

What a ControlNet makes of its image does not depend on the call, so a graph of its own makes it once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import ControlNetModel
from torch import Tensor, nn


class ImageEmbedding(nn.Module):
    """The convolutions over a control image: [B, 3, H, W] in [0, 1] → [B, C, h, w]."""

    def __init__(self, net: ControlNetModel) -> None:
        super().__init__()
        self.embedding = net.controlnet_cond_embedding

    def forward(self, image: Tensor) -> Tensor:
        """Embed the image; see the class."""
        embedded: Tensor = self.embedding(image)
        return embedded


class Controls(nn.Module):
    """Some ControlNets, their residuals summed as `MultiControlNetModel` of diffusers 0.42.1 does.

    Args:
        nets: They lose their `ImageEmbedding`: `forward` is given what it makes.
    """

    def __init__(self, nets: Sequence[ControlNetModel]) -> None:
        super().__init__()
        for net in nets:
            net.controlnet_cond_embedding = nn.Identity()
        self.nets = nn.ModuleList(nets)

    def forward(
        self, *inputs: Tensor, images: Sequence[Tensor], scales: Tensor, added: Mapping[str, Tensor] | None
    ) -> dict[str, Any]:
        """What the UNet is given of all of them, by the names of its arguments.

        Args:
            inputs: Sample, timestep and text, as the UNet takes them.
            images: For each net what its embedding makes of its image. Shape: [B, C, h, w] each.
            scales: How strong each net is. Shape: [N].
            added: SDXL's pooled text and sizes.
        """
        made = [
            net(
                *inputs,
                controlnet_cond=images[at],
                conditioning_scale=scales[at : at + 1],
                added_cond_kwargs=added,
                return_dict=False,
            )
            for at, net in enumerate(self.nets)
        ]
        downs, mids = zip(*made, strict=True)
        return {
            "down_block_additional_residuals": [_sum(residuals) for residuals in zip(*downs, strict=True)],
            "mid_block_additional_residual": _sum(mids),
        }


def _sum(residuals: Sequence[Tensor]) -> Tensor:
    first, *others = residuals
    total = first
    for each in others:
        total = torch.add(total, each)
    return total
