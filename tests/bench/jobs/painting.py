"""A job whose worker needs no model: it paints each picture in a colour of its seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from accel_bench.base.crew import Here
from accel_bench.images import encode_png
from accel_bench.jobs.blocks import WHOLE, Block, Picture, Shard, cut_blocks, number_pictures
from accel_bench.jobs.drawing import Drawn, Look
from accel_bench.jobs.folder import JobSettings, open_folder
from accel_bench.jobs.run import draw_missing
from accel_bench.quality.prompts import Row
from accel_runtime.backends import BackendDescription
from accel_runtime.plans.spec import PlanSpec

PICTURES: Final = number_pictures([Row("a"), Row("b"), Row("c", height=8, width=16), Row("d"), Row("e")])
BLOCKS: Final = cut_blocks(PICTURES, 2)
SETTINGS: Final = JobSettings(
    bundle="b",
    backend="paint 1",
    plan=PlanSpec(deep="full"),
    guidance=7.5,
    guidance_rescale=0.0,
    prompts="p",
    pictures=len(PICTURES),
    seed=0,
    negative="",
    height=None,
    width=None,
    batch=2,
)
LOOK: Final = Look(SETTINGS.digest, "full", scheduler="ddim", steps=2, guidance=7.5, bundle="b", weights="trained")


def paint(picture: Picture) -> bytes:
    pixels = np.full((picture.height or 8, picture.width or 8, 3), picture.seed, np.uint8)
    return encode_png(pixels, LOOK.texts(picture))


@dataclass(eq=False)
class Painter:
    """Paints, and remembers what."""

    painted: list[int] = field(default_factory=list)

    def do(self, item: Block) -> tuple[Drawn, ...]:
        self.painted += [picture.number for picture in item.pictures]
        return tuple(Drawn(paint(picture), 0.5, cut="") for picture in item.pictures)

    def describe(self) -> BackendDescription:
        return BackendDescription("paint", "1", "none", {})


def paint_job(
    folder: Path, *, shard: Shard = WHOLE, settings: JobSettings = SETTINGS, blocks: Sequence[Block] = BLOCKS
) -> Painter:
    """Run the job in a folder; returns who painted."""
    painter = Painter()
    with open_folder(folder, settings, LOOK, blocks=blocks, shard=shard) as opened:
        for _ in draw_missing(opened, Here(painter)):
            pass
    return painter
