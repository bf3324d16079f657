"""Draws what a job's folder lacks."""

from collections.abc import Iterator

from accel_bench.base.crew import Crew
from accel_bench.jobs.blocks import Block
from accel_bench.jobs.drawing import Drawn
from accel_bench.jobs.folder import JobFolder


def draw_missing(folder: JobFolder, crew: Crew[Block, tuple[Drawn, ...]]) -> Iterator[int]:
    """Draw the blocks that the folder lacks, yielding after each how many pictures it added.

    It may be stopped anywhere and begun again.

    Raises:
        AccelError: A block cannot be drawn or written.
    """
    for block, drawn in crew.map(folder.missing()):
        yield folder.keep(block, drawn)
