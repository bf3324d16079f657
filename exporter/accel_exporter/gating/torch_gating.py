"""What cross-attentions give in torch, by hooks: graphs that hand it out or take it are held against this."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from accel_exporter import names
from accel_exporter.check import Reference, torch_reference
from accel_exporter.graphs import Traceable
from accel_runtime.errors import ExportError


def kept_reference(traceable: Traceable) -> Reference:
    """What torch makes of the traceable's inputs, and what its UNet's cross-attentions give on the way.

    A gated graph that is given the latter must make the former.

    Raises:
        ExportError: ControlNets take part, which are given the text at every call.
    """
    if traceable.module.controls is not None:
        raise ExportError("tgate: expected a UNet without ControlNets, whose own cross-attentions take the text")
    with recording(traceable.module.unet) as attended:
        reference = torch_reference(traceable)
    kept = {names.attended(number): cells.contiguous().numpy() for number, cells in enumerate(attended)}
    return replace(reference, outputs={**reference.outputs, **kept})


@contextmanager
def recording(unet: Any) -> Iterator[list[Tensor]]:
    """What the cross-attentions of ``unet`` give while the block runs, [rows, h, w, C] each, in the order of running.

    Hooks are the module's public observers: no method is patched, and they are gone afterwards.
    """
    attended: list[Tensor] = []
    with ExitStack() as hooks:
        for block in unet.modules():
            transformers = getattr(block, "attentions", None)
            for transformer in transformers if isinstance(transformers, nn.ModuleList) else ():
                for handle in _Recorder(attended).watch(transformer):
                    hooks.callback(handle.remove)
        yield attended


class _Recorder:
    """Notes what the cross-attentions of one transformer give."""

    def __init__(self, attended: list[Tensor]) -> None:
        self._attended = attended
        self._grid = (0, 0)

    def watch(self, transformer: nn.Module) -> Iterator[Any]:
        yield transformer.register_forward_pre_hook(self._note_grid)
        for module in transformer.modules():
            if isinstance(module, Attention):
                yield module.register_forward_hook(self._note, with_kwargs=True)

    def _note_grid(self, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        height, width = given[0].shape[-2:]
        self._grid = (height, width)

    def _note(self, _: nn.Module, __: tuple[Tensor, ...], options: dict[str, Any], made: Tensor) -> None:
        if options.get("encoder_hidden_states") is not None:
            self._attended.append(made.reshape(len(made), *self._grid, made.shape[-1]))
