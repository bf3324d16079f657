"""The deep pass: a UNet that also hands out the features a shallow pass can start from.

The cut is read off the module's structure. A UNet of diffusers keeps a stack of skips: the
output of `conv_in`, then one per resnet and downsampler of the down path. Each resnet of the up
path takes one skip off the stack and joins it (concatenation on the channels) to what comes from
below. With S skips, up unit S-1-k eats skip k, and *what comes from below* there is the feature
of branch k. All that is deeper lies behind that one tensor (DeepCache, arXiv:2312.00858).
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from torch import Tensor, nn

from accel_exporter import names
from accel_exporter.control import Controls
from accel_exporter.upsampling import cropped
from accel_runtime.errors import ExportError

UNet: TypeAlias = UNet2DConditionModel | UNet2DModel


def up_units(unet: UNet) -> list[nn.Module]:
    """The resnets of the up path, in the order in which they run; each eats one skip."""
    blocks: Any = unet.up_blocks
    if not all(hasattr(block, "resnets") for block in blocks):
        raise ExportError(f"{type(unet).__name__}: an up block without `resnets` cannot be cut")
    return [resnet for block in blocks for resnet in block.resnets]


def branch_count(unet: UNet) -> int:
    """How many branches the UNet has: its skips, S."""
    return len(up_units(unet))


class DeepPass(nn.Module):
    """The whole UNet, returning the noise and one feature per branch.

    ``forward`` takes, in the order of ``inputs``, what the UNet's kind is given:

        sample                 [B, C, H, W]
        timestep               [1]
        encoder_hidden_states  [B, L, D]
        text_embeds            [B, P]: SDXL's pooled text
        time_ids               [B, N]: SDXL's sizes
        timestep_cond          [B, E]: the guidance, embedded
        mask                   [B, 1, H, W]: what of a picture is drawn anew
        masked_image_latents   [B, C, H, W]: the rest of the picture
        controlnet_cond_k      [B, C_0, H, W]: what ControlNet k made of its image
        conditioning_scale     [N]: the scale of each ControlNet

    It returns ``(noise, feature_k, …)``, the noise [B, C, H, W] and each feature [B, C_k, H_k, W_k].
    """

    def __init__(
        self,
        unet: UNet,
        branches: Sequence[int],
        *,
        inputs: Sequence[str] = names.UNET_INPUTS,
        controls: Controls | None = None,
    ) -> None:
        super().__init__()
        self.unet = unet
        self.controls = controls
        self.branches = tuple(branches)
        self.inputs = tuple(inputs)
        # torch names the inputs of a traced graph by the signature.
        self.forward = named_arguments(self._forward, self.inputs)

    def _forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.inputs, values, strict=True))
        # An inpainting UNet takes all three as channels of one sample.
        parts = [given[name] for name in (names.SAMPLE, names.MASK, names.MASKED_IMAGE) if name in given]
        sample = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        more: dict[str, Any] = {names.GUIDANCE: given[names.GUIDANCE]} if names.GUIDANCE in given else {}
        added = {name: given[name] for name in (names.POOLED_TEXT, names.TIME_IDS) if name in given}
        if added:
            more["added_cond_kwargs"] = added
        inputs = (sample, given[names.TIMESTEP], given[names.TEXT])
        if self.controls is not None:
            images = [given[names.control_image(at)] for at in range(len(self.controls.nets))]
            more |= self.controls(*inputs, images=images, scales=given[names.CONTROL_SCALES], added=added or None)
        return self.record(*inputs, **more)

    def record(self, *inputs: Tensor, **more: Any) -> tuple[Tensor, ...]:
        """Run the UNet on what itself takes, and return what `forward` does."""
        with _Recording(self.unet, self.branches) as recorded:
            (noise,) = self.unet(*inputs, return_dict=False, **more)
            return (noise, *recorded.features())


def named_arguments(function: Callable[..., Any], argument_names: Sequence[str]) -> Callable[..., Any]:
    """``function``, which takes any number of arguments, with a signature that names them."""

    def named(*arguments: Any) -> Any:
        return function(*arguments)

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in argument_names]
    named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return named


class _Recording:
    """Forward hooks that note every skip and, for each branch, what it is joined to.

    Hooks are the module's public observers: no method is patched, and they are gone afterwards.
    """

    def __init__(self, unet: UNet, branches: Sequence[int]) -> None:
        self._unet = unet
        self._branches = branches
        self._skips: list[Tensor] = []
        self._joined: dict[int, Tensor] = {}
        self._hooks = ExitStack()

    def __enter__(self) -> "_Recording":
        units = up_units(self._unet)
        self._watch(self._unet.conv_in.register_forward_hook(lambda _m, _i, out: self._skips.append(out)))
        for block in self._unet.down_blocks:
            self._watch(block.register_forward_hook(lambda _m, _i, out: self._skips.extend(out[1])))
        for k in self._branches:
            self._watch(units[len(units) - 1 - k].register_forward_pre_hook(self._note_join(k)))
        self._hooks.enter_context(cropped(self._unet, self._skips))
        return self

    def __exit__(self, *exception: object) -> None:
        self._hooks.close()

    def _watch(self, handle: Any) -> None:
        self._hooks.callback(handle.remove)

    def _note_join(self, k: int) -> Any:
        def note(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._joined[k] = inputs[0]

        return note

    def features(self) -> Iterator[Tensor]:
        units = branch_count(self._unet)
        if len(self._skips) != units:
            raise ExportError(
                f"{type(self._unet).__name__}: {len(self._skips)} skips but {units} up units: "
                "each up unit must eat one skip for the UNet to be cut"
            )
        for k in self._branches:
            # The join is cat([from below, skip]) on the channels.
            joined, skip = self._joined[k], self._skips[k]
            yield joined[:, : joined.shape[1] - skip.shape[1]]


@contextmanager
def inference(module: nn.Module) -> Iterator[nn.Module]:
    """``module`` in evaluation mode, without gradients."""
    with torch.no_grad():
        yield module.eval()
