"""The images that are being drawn, and which of them share the next call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Pass
from accel_serve.engine.mode import Mode
from accel_serve.engine.row import Row
from accel_serve.engine.unet import RowUNet
from accel_serve.engine.waiting import Ticket

# Sizes of pictures whose buffers stay.
_SIZES_KEPT: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """An image in the batch: its ticket, its number in the ticket, and where it stands."""

    ticket: Ticket
    number: int
    row: Row

    @property
    def runs(self) -> Pass:
        """The pass of the next call."""
        return Pass.of(self.row.call)


def next_group(batch: Sequence[Running], mode: Mode) -> list[Running]:
    """The images of a batch whose next calls are run as one.

    1. They have the same size, and the same kind of call: deep, or shallow on one branch, and as many tokens.
    2. Where rows share a timestep, so do they.
    3. Shallow calls go before deep ones. So images meet at the next deep call, which costs most, and one that is begun
       meanwhile joins them there. A plan has few shallow calls in a row, so nobody waits long.
    4. Then the group goes first whose first image is first in the batch: the engine puts those that ran at its end, so
       every size has its turn.
    """

    def kind(each: Running) -> tuple[object, ...]:
        timestep = 0.0 if mode == "steps" else each.row.step.timestep
        return each.runs, each.row.latents.shape, timestep

    groups: dict[tuple[object, ...], list[Running]] = {}
    for each in batch:
        groups.setdefault(kind(each), []).append(each)
    return min(groups.values(), key=lambda group: group[0].runs.branch is None)


class RowUNets:
    """The UNets of the sizes that were used last.

    Args:
        pipeline: Has the graphs.
        most_images: Images of the largest call.
    """

    def __init__(self, pipeline: Pipeline, *, most_images: int) -> None:
        self._pipeline, self._most_images = pipeline, most_images
        self._unets: dict[tuple[int, ...], RowUNet] = {}

    def of(self, row: Row) -> RowUNet:
        """The UNet for images of a row's size."""
        shape = row.latents.shape[1:]
        unet = self._unets.pop(shape, None) or RowUNet(self._pipeline, shape, most_rows=2 * self._most_images)
        self._unets[shape] = unet
        if len(self._unets) > _SIZES_KEPT:
            del self._unets[next(iter(self._unets))]
        return unet
