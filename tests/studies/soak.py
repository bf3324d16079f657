"""``python -m tests.studies.soak BUNDLE``: whether a process that draws for long grows.

One pipeline draws pictures of changing sizes, batches, plans and prompts, and its resident memory, open files and
threads are read after each hundredth part. The slope is a least-squares fit over the second half, when all buffers that
stay were made.
"""

import argparse
import gc
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import perf_counter

import numpy as np

from accel_runtime import Pipeline, Request, open_bundle

_PLANS = ("full", "every:2", "every:3", "calls:0,1,3")
_SCHEDULERS = ("ddim", "euler", "dpmpp_2m")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the process holds after so many images."""

    images: int
    rss_mb: float
    files: int
    threads: int


def soak(pipeline: Pipeline, images: int, *, seed: int) -> Iterator[Reading]:
    """Draw at least so many images, and read what the process holds every hundredth part."""
    rng, drawn, told = Random(seed), 0, 0  # noqa: S311 - to be had again
    unit = pipeline.bundle.manifest.state.multiple
    while drawn < images:
        batch = rng.choice((1, 1, 2, 3))
        request = Request(
            prompts=(f"picture {drawn} of many",) * rng.choice((1, batch)),
            negatives=(rng.choice(("", "blue")),),
            images_per_prompt=batch,
            seed=drawn,
            height=unit * rng.choice((1, 2, 3)),
            width=unit * rng.choice((1, 2, 3)),
        )
        guidance = rng.choice((1.0, 7.5))
        plan = pipeline.plan(
            4, rng.choice(_PLANS), scheduler=rng.choice(_SCHEDULERS), branch=rng.choice((0, 1)), guidance=guidance
        )
        drawn += len(pipeline.generate(request, plan).images)
        if drawn >= told:
            told += max(1, images // 100)
            yield read(drawn)


def read(images: int) -> Reading:
    """What this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Reading(images, round(rss, 2), len(list(Path("/proc/self/fd").iterdir())), os_threads())


def os_threads() -> int:
    """Threads of the process, those of libraries included."""
    return len(list(Path("/proc/self/task").iterdir()))


def slope(readings: list[Reading]) -> float:
    """MB per 1000 images, over the second half."""
    half = readings[len(readings) // 2 :]
    return float(np.polyfit([each.images for each in half], [each.rss_mb for each in half], 1)[0] * 1000)


def main() -> None:
    """Soak a bundle, and print the readings as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.soak", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--provider", default="cpu")
    options = parser.parse_args()
    started = perf_counter()
    readings = list(soak(open_bundle(options.bundle, provider=options.provider), options.images, seed=0))
    document = {
        "provider": options.provider,
        "images": readings[-1].images,
        "seconds": round(perf_counter() - started, 1),
        "slope_mb_per_1000_images": round(slope(readings), 3),
        "readings": [asdict(each) for each in readings],
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
