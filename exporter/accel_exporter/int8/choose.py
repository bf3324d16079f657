"""Which layers are quantised: the cheapest ones by error for each operation saved, as many as a loss allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accel_exporter.int8.sensitivity import Group


@dataclass(frozen=True, slots=True)
class Choice:
    """The layers that are quantised.

    Attributes:
        layers: Their names.
        psnr: Of pictures to those of the float32 bundle, in dB; None where it was not measured.
    """

    layers: tuple[str, ...]
    psnr: float | None


def choose(groups: Sequence[Group], *, least: float, psnr_of: Callable[[Sequence[str]], float]) -> Choice:
    """Take groups in the order of their price, as many as keep pictures near enough.

    The number is searched by halves: a group more is taken to be no nearer to the float32 pictures.

    Args:
        groups: All groups.
        least: PSNR that pictures must have, in dB.
        psnr_of: Draws with these layers quantised.
    """
    ordered = sorted(groups, key=lambda group: group.price)
    best, low, high = Choice((), None), 0, len(ordered)
    while low < high:
        middle = (low + high + 1) // 2
        names = tuple(name for group in ordered[:middle] for name in group.layers)
        reached = psnr_of(names)
        if reached >= least:
            best, low = Choice(names, reached), middle
        else:
            high = middle - 1
    return best
