"""What peers draw: everything that must be equal for all of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request


@dataclass(frozen=True, slots=True)
class PeerWork:
    """The settings of one drawing.

    Attributes:
        bundle: The bundle's folder.
        weights: The diffusers folder that the bundle was exported from; None where no peer needs it.
        calls: UNet calls that our pipeline makes for all steps.
        scheduler: The scheduler's config in diffusers, with its `_class_name`.
        schedule: The bundle's file of tables of the same scheduler.
        batch: Images at a time; the noise of image i comes from ``seed + i``.
        latent_shape: Shape of one image's latents, (C, h, w).
        threads: Number of threads; None leaves it to each peer.
    """

    bundle: Path
    weights: Path | None
    prompt: str
    steps: int
    calls: int
    scheduler: Mapping[str, Any]
    schedule: Path
    guidance: float
    seed: int
    height: int
    width: int
    batch: int
    latent_shape: tuple[int, int, int]
    threads: int | None

    def noise(self) -> NDArray[np.float32]:
        """The initial latents of all contenders, with unit variance. Shape: [B, C, h, w]."""
        generators = [TorchGenerator(self.seed + image) for image in range(self.batch)]
        return stacked_normal(generators, self.latent_shape)


def peer_work(
    pipeline: Pipeline,
    request: Request,
    *,
    weights: Path | None,
    steps: int,
    scheduler: str | None = None,
    guidance: float = 7.5,
    threads: int | None = None,
) -> PeerWork:
    """Make the work that ``pipeline`` does for ``request`` with every call deep.

    Raises:
        MissingTableError: The bundle lacks the schedule.
        InputError: The model cannot draw images of that size.
    """
    state, file = pipeline.bundle.manifest.state, pipeline.schedule_file(scheduler)
    shape = request.latent_shape(state)
    return PeerWork(
        bundle=pipeline.bundle.folder,
        weights=weights,
        prompt=request.prompts[0],
        steps=steps,
        calls=len(file.table(steps).rows),
        scheduler=json.loads(file.metadata["config"]),
        schedule=file.path,
        guidance=guidance,
        seed=request.seed,
        height=shape[1] * state.scale,
        width=shape[2] * state.scale,
        batch=request.images,
        latent_shape=shape,
        threads=threads,
    )
