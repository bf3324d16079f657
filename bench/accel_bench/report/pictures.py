"""Pictures of contenders, and their differences from the baseline's picture."""

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.pictures import open_picture
from accel_bench.benchmark.record import to_png
from accel_bench.quality.difference import difference
from accel_bench.quality.psnr import psnr
from accel_bench.records.bench import BenchRecord


@dataclass(frozen=True, slots=True)
class Picture:
    """A contender's picture and its difference from the baseline's.

    Attributes:
        name: Name of the contender.
        source: The picture as a data URL.
        difference: `difference` of the pair as a data URL; None for the baseline and for other sizes.
        psnr: PSNR of the pair in dB; None where no pixel differs or there is no pair.
        width: Width in pixels.
        height: Height in pixels.
    """

    name: str
    source: str
    difference: str | None
    psnr: float | None
    width: int
    height: int

    @property
    def same(self) -> bool:
        """Whether the picture was compared and no pixel differs."""
        return self.difference is not None and self.psnr is None


def pictures(record: BenchRecord) -> tuple[Picture, ...]:
    """The first picture of each contender that has one; the baseline comes first.

    Raises:
        InputError: A contender's picture cannot be read.
    """
    named = [(plan.facts.name, plan.picture) for plan in record.plans]
    named += [(peer.name, peer.picture) for peer in record.peers]
    (_, baseline), *others = named
    first = [] if baseline is None else [_compare(named[0][0], baseline, baseline=None)]
    return (*first, *(_compare(name, png, baseline=baseline) for name, png in others if png is not None))


def pair_psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float | None:
    """The PSNR of two pictures in dB; None where no pixel differs."""
    return psnr([float(np.mean((first.astype(np.float64) - second) ** 2))])


def _compare(name: str, png: bytes, *, baseline: bytes | None) -> Picture:
    pixels = _read(png, name)
    height, width, _ = pixels.shape
    reference = None if baseline is None else _read(baseline, name)
    if reference is None or reference.shape != pixels.shape:
        return Picture(name, _address(png), None, None, width, height)
    shown = _address(to_png(difference(pixels, reference)))
    return Picture(name, _address(png), shown, pair_psnr(pixels, reference), width, height)


def _read(png: bytes, name: str) -> NDArray[np.uint8]:
    return np.asarray(open_picture(BytesIO(png), f"the record's picture of {name}", formats=("PNG",)))


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
