"""The passes under `torch.compile`: the same graphs as the packages, for development in torch itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from accel_exporter.graphs import Sizes, unet_deep
from accel_exporter.inductor.cut import cut_module
from accel_exporter.program import export_program

Pass = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPasses:
    """The passes, which are compiled at their first call.

    Attributes:
        deep: (sample, timestep, encoder_hidden_states) → (noise, one feature per branch).
        shallow: By branch: the inputs of the deep pass that the shallow graph still uses, then the feature → (noise,).
    """

    deep: Pass
    shallow: Mapping[int, Pass]


def compiled_modules(
    unet: UNet2DConditionModel,
    branches: Sequence[int],
    *,
    sizes: Sizes,
    text_length: int,
    backend: str | Callable[..., Any] = "inductor",
) -> CompiledPasses:
    """The deep and shallow passes of a UNet, traced as an export traces them, under `torch.compile`.

    Args:
        unet: The UNet; its weights are used, not copied.
        branches: Branches of the shallow passes.
        sizes: Sizes to trace at; batch, height and width stay open.
        text_length: Number of tokens of a prompt.
        backend: Backend of `torch.compile`.

    Raises:
        ExportError: The UNet cannot be traced or cut.
    """
    traceable = unet_deep(unet, branches, sizes=sizes, text_length=text_length)
    deep = export_program(traceable, is_static=False).exported.module(check_guards=False)
    shallow = {k: cut_module(deep, 1 + at) for at, k in enumerate(branches)}
    return CompiledPasses(
        deep=torch.compile(deep, backend=backend),
        shallow={k: torch.compile(module, backend=backend) for k, module in shallow.items()},
    )
