"""Token merging in torch, by hooks: merged graphs are held against it, and tests hold it against `tomesd`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from accel_exporter.check import Reference, torch_reference
from accel_exporter.graphs import Traceable
from accel_runtime.errors import ExportError


def merged_reference(traceable: Traceable, ratio: float) -> Reference:
    """What torch makes of the traceable's inputs where its UNet merges ``ratio`` of the tokens.

    Raises:
        ExportError: See `merging`.
    """
    with merging(traceable.module.unet, ratio):
        return torch_reference(traceable)


@contextmanager
def merging(unet: Any, ratio: float) -> Iterator[Any]:
    """``unet`` with ``ratio`` of the tokens merged in its largest self-attentions, while the block runs.

    Hooks are the module's public observers: no method is patched, and they are gone afterwards.

    Raises:
        ExportError: The UNet has no self-attention of a transformer block.
    """
    with ExitStack() as hooks:
        for attention in _largest(unet):
            for handle in _Merging(ratio).watch(attention):
                hooks.callback(handle.remove)
        yield unet


def _largest(unet: Any) -> Iterator[Any]:
    """The attentions of the first level that has any: the down path's, the middle's at the last, the up path's."""
    downs, ups = (list(getattr(unet, name, ())) for name in ("down_blocks", "up_blocks"))
    for level, (down, up) in enumerate(zip(downs, reversed(ups), strict=True)):
        middle = [unet.mid_block] if level == len(downs) - 1 else []
        found = [each for block in (down, *middle, up) for each in getattr(block, "attentions", ()) if _blocks(each)]
        if found:
            yield from found
            return
    raise ExportError("tome: the UNet has no self-attention of a transformer block to merge tokens in")


def _blocks(attention: nn.Module) -> list[Any]:
    return [module for module in attention.modules() if isinstance(module, BasicTransformerBlock)]


class _Merging:
    """The merging of one picture's tokens, which several blocks may follow each other in."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._grid = (0, 0)
        self._groups: Tensor

    def watch(self, attention: nn.Module) -> Iterator[Any]:
        yield attention.register_forward_pre_hook(self._note_grid)
        for block in _blocks(attention):
            yield block.register_forward_pre_hook(self._match)
            yield block.attn1.register_forward_pre_hook(lambda _, given: (self._merge(given[0]), *given[1:]))
            yield block.attn1.register_forward_hook(lambda _, __, made: self._unmerge(made))

    def _note_grid(self, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        height, width = given[0].shape[-2:]
        self._grid = (height, width)

    def _match(self, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        self._groups = token_groups(given[0], *self._grid, ratio=self._ratio)

    def _merge(self, tokens: Tensor) -> Tensor:
        rows, _, channels = tokens.shape
        size = int(self._groups.max()) + 1
        into = self._groups[..., None].expand_as(tokens)
        return tokens.new_zeros(rows, size, channels).scatter_reduce(1, into, tokens, "mean", include_self=False)

    def _unmerge(self, tokens: Tensor) -> Tensor:
        return tokens.gather(1, self._groups[..., None].expand(-1, -1, tokens.shape[-1]))


def token_groups(tokens: Tensor, height: int, width: int, *, ratio: float) -> Tensor:
    """The number of the group that each token is in: those of a group become one token.

    Args:
        tokens: What is compared. Shape: [B, height × width, C].
        height: Height of the grid of tokens.
        width: Width of the grid.
        ratio: Share of the tokens that joins another one's group.

    Returns:
        Numbers from 0 on, all used. Shape: [B, height × width].
    """
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    is_corner = (rows % 2 == 0) & (columns % 2 == 0) & (rows < height // 2 * 2) & (columns < width // 2 * 2)
    sources, destinations = (torch.nonzero(mask.flatten()).flatten() for mask in (~is_corner, is_corner))
    unit = tokens / tokens.norm(dim=-1, keepdim=True)
    likeness, nearest = (unit[:, sources] @ unit[:, destinations].transpose(1, 2)).max(dim=-1)
    count = min(int(tokens.shape[1] * ratio), len(sources))
    merged = likeness.argsort(dim=-1, descending=True)[:, :count]
    leader = torch.arange(height * width).repeat(len(tokens), 1)
    leader[torch.arange(len(tokens))[:, None], sources[merged]] = destinations[nearest.gather(1, merged)]
    return torch.stack([row.unique(return_inverse=True)[1] for row in leader])
