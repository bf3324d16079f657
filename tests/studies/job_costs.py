"""What a job costs beside the drawing, for docs/cluster.md: python -m tests.studies.job_costs.

Workers answer at once, with pictures of noise, which compress least: what is timed is ours, Ray's and the disk's.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final

import msgspec
import numpy as np
import ray
from tests.bench.cluster.killing import two_nodes
from tests.bench.jobs.painting import LOOK, SETTINGS

from accel_bench.base.crew import Crew, Here
from accel_bench.cluster import open_crew
from accel_bench.images import encode_png
from accel_bench.jobs.blocks import Block, cut_blocks, number_pictures
from accel_bench.jobs.drawing import Drawn
from accel_bench.jobs.folder import open_folder
from accel_bench.jobs.run import draw_missing
from accel_bench.quality.prompts import Row
from accel_runtime.backends import BackendDescription

PICTURES: Final = 400
BATCH: Final = 8
SIDE: Final = 512


@dataclass(frozen=True)
class Noise:
    """A `Work` whose worker sends the same picture of noise again and again."""

    bundle: Path
    digest: str
    provider: str = "cpu"

    def open(self, folder: Path, *, threads: int | None = None) -> "Sender":  # noqa: ARG002  # of the protocol
        pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        return Sender(encode_png(pixels, {}))


@dataclass(frozen=True)
class Sender:
    """Its worker."""

    png: bytes

    def do(self, item: Block) -> tuple[Drawn, ...]:
        return tuple(Drawn(self.png, 0.0, cut="") for _ in item.pictures)

    def describe(self) -> BackendDescription:
        return BackendDescription("noise", "1", "none", {})


def timed(crew: Crew[Block, tuple[Drawn, ...]], folder: Path, *, keeps: bool) -> tuple[float, float]:
    """Milliseconds of a picture, by the clock and of this process."""
    pictures = number_pictures([Row("a red apple on a blue background")] * PICTURES)
    blocks, settings = cut_blocks(pictures, BATCH), msgspec.structs.replace(SETTINGS, pictures=PICTURES)
    with open_folder(folder, settings, LOOK, blocks=blocks) as opened:
        started, spent = perf_counter(), process_time()
        for _ in draw_missing(opened, crew) if keeps else crew.map(blocks):
            pass
        each = 1000 / PICTURES
        return (perf_counter() - started) * each, (process_time() - spent) * each


def main() -> None:
    with TemporaryDirectory() as name, two_nodes() as cluster:
        folder = Path(name)
        (folder / "accel.json").write_text("{}")
        work = Noise(folder, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        sender = work.open(folder)
        print(f"{len(sender.png) / 1e6:.2f} MB a picture, {BATCH} pictures a block; ms a picture: clock, processor")  # noqa: T201
        with open_crew(cluster.address, work, tell=print) as crew:
            crew.describe()
            for turn in range(3):
                here = timed(Here(sender), folder / f"here-{turn}", keeps=True)
                sent = timed(crew, folder / f"sent-{turn}", keeps=False)
                both = timed(crew, folder / f"both-{turn}", keeps=True)
                print(f"written here {here}, sent by Ray {sent}, both {both}")  # noqa: T201
            assert ray.is_initialized()


if __name__ == "__main__":
    # Workers find what is pickled by the module's name.
    from tests.studies import job_costs

    job_costs.main()
