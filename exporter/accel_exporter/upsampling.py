"""Latents of any size: each upsampler's result is cropped to the skip that it will be joined with.

A downsampler makes ceil(h / 2) rows of h, its upsampler 2·ceil(h / 2): one too many where h is odd. There diffusers
asks the interpolation for the skip's size. Of the nearest neighbour these are the same rows and columns without the
last, so cropping before the upsampler's convolution gives the same numbers. diffusers' way would fix a traced graph to
sizes that divide, or to those that do not; a crop is right for both.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from diffusers import UNet2DConditionModel
from diffusers.models.downsampling import Downsample2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.fx.experimental.symbolic_shapes import statically_known_true

_HEIGHT_AND_WIDTH: Final = (2, 3)


def latent_multiple(unet: nn.Module, *, is_packaged: bool = False) -> int:
    """Height and width of the latents must divide by this: 1 for UNets that `cropped` can fit.

    Args:
        unet: The UNet.
        is_packaged: Whether it becomes AOTInductor packages of open sizes: torch knows no input that is half of
            another, rounded up.
    """
    blocks: Any = unet.up_blocks
    if _is_fitted(unet) and not is_packaged:
        return 1
    multiple: int = 2 ** sum(len(getattr(block, "upsamplers", None) or ()) for block in blocks)
    return multiple


@contextmanager
def cropped(unet: nn.Module, skips: Sequence[Tensor]) -> Iterator[None]:
    """Let a UNet run at every size, if it can.

    Args:
        unet: The UNet.
        skips: All skips of the running call, once its up path begins.
    """
    if not _is_fitted(unet):
        yield
        return
    blocks: Any = unet.up_blocks
    left = sum(len(block.resnets) for block in blocks)
    with ExitStack() as undo:
        undo.callback(setattr, unet, "num_upsamplers", unet.num_upsamplers)
        # diffusers asks for sizes where latents do not divide by 2 to this power: now never.
        unet.num_upsamplers = 0  # type: ignore[assignment]  # a plain number, not a part
        for block in blocks:
            left -= len(block.resnets)
            for upsampler in block.upsamplers or ():
                undo.callback(upsampler.conv.register_forward_pre_hook(_crop(skips, left - 1)).remove)
        yield


def _is_fitted(unet: nn.Module) -> bool:
    """Whether diffusers fits this UNet to every size, and does so in the way that this file does."""
    if not isinstance(unet, UNet2DConditionModel):
        return False
    ups = [each for block in unet.up_blocks for each in getattr(block, "upsamplers", None) or ()]
    downs = [each for block in unet.down_blocks for each in getattr(block, "downsamplers", None) or ()]
    return all(type(each) is Upsample2D and each.interpolate and each.use_conv for each in ups) and all(
        type(each) is Downsample2D and each.use_conv and each.padding == 1 for each in downs
    )


def _crop(skips: Sequence[Tensor], index: int) -> Callable[[nn.Module, tuple[Tensor]], tuple[Tensor]]:
    def crop(_: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (upsampled,) = inputs
        for axis in _HEIGHT_AND_WIDTH:
            size = skips[index].shape[axis]
            # Of open sizes a trace may not ask more: the answer would hold for some of them.
            if not statically_known_true(upsampled.shape[axis] == size):
                upsampled = upsampled.narrow(axis, 0, size)
        return (upsampled,)

    return crop
