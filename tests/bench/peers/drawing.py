"""A small piece of work for peers, and what ours makes of it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_bench.peers import PeerWork, peer_work
from accel_runtime import Pipeline, Request

STEPS = 4


def small_work(pipeline: Pipeline, weights: Path | None, *, scheduler: str = "ddim", **request: Any) -> PeerWork:
    """One cat on one thread."""
    asked = Request(("a cat",), seed=7, **request)
    return peer_work(pipeline, asked, weights=weights, steps=STEPS, scheduler=scheduler, threads=1)


def ours(pipeline: Pipeline, plan: str = "full", *, scheduler: str = "ddim", **request: Any) -> NDArray[np.uint8]:
    """The same by our runtime. Shape: [B, H, W, 3]."""
    asked = Request(("a cat",), seed=7, **request)
    return pipeline.generate(asked, pipeline.plan(STEPS, plan, scheduler=scheduler)).images


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The largest, of 255."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())
