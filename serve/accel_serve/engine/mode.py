"""How requests share calls: chosen by measuring what a call of many rows costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Literal, get_args

import numpy as np

from accel_runtime.bundle.dims import check_input, resolve
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request
from accel_serve.engine.row import Image, Row
from accel_serve.engine.unet import RowUNet, takes_rows

Mode = Literal["steps", "batches", "singles"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

# Images a second that a batch must gain over one image at a time. Below it, who shares a call waits for nothing.
_PAYS: Final = 1.15
# Of the best batch, which a smaller one must reach to be taken: it makes everybody wait less.
_ALMOST: Final = 0.95
_ROUNDS: Final = 3
# Of the plan whose first call is measured; every scheduler of every bundle has so many.
_STEPS: Final = 4


def parse_mode(text: str) -> Mode | None:
    """A mode by its name; None for `auto`.

    Raises:
        InputError: There is no such mode.
    """
    found: Mapping[str, Mode | None] = {"auto": None, **{mode: mode for mode in MODES}}
    if text not in found:
        raise InputError(f"mode: expected {', '.join(found)}, got {text!r}")
    return found[text]


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode, and why.

    Attributes:
        mode: `steps`: images join and leave the batch at any deep call. `batches`: those that begin together run
            together. `singles`: one image at a time.
        images: The most images of a batch.
        reason: For the log.
    """

    mode: Mode
    images: int
    reason: str


def choose_mode(pipeline: Pipeline, *, most_images: int) -> Choice:
    """Measure deep calls of 1, 2, 4 … guided images, of the model's own size, and choose.

    Args:
        pipeline: The bundle.
        most_images: The largest batch to try.

    Raises:
        AccelError: The bundle cannot run one image.
    """
    rates = {images: images / seconds for images, seconds in measured(pipeline, most_images=most_images)}
    best = max(rates.values())
    images = min(each for each, rate in rates.items() if rate >= _ALMOST * best)
    gain = rates[images] / rates[1]
    said = f"a deep call of {images} images draws {gain:.2f} times as many a second as one of a single image"
    if images == 1 or gain < _PAYS:
        largest = max(rates)
        said = f"a deep call of {largest} images draws {rates[largest] / rates[1]:.2f} times as many a second as one"
        return Choice("singles", 1, f"{said}, less than {_PAYS}" if largest > 1 else "the batch is 1")
    if not takes_rows(pipeline):
        return Choice("batches", images, f"{said}, but all rows of the graph share a timestep: export the bundle again")
    return Choice("steps", images, said)


def forced_mode(pipeline: Pipeline, mode: Mode, *, most_images: int) -> Choice:
    """The mode that an operator asks for.

    Raises:
        InputError: The bundle cannot run it.
    """
    if mode == "steps" and not takes_rows(pipeline):
        raise InputError("mode steps: all rows of the bundle's graphs share a timestep: export the bundle again")
    return Choice(mode, 1 if mode == "singles" else most_images, "asked for")


def measured(pipeline: Pipeline, *, most_images: int) -> Iterator[tuple[int, float]]:
    """Numbers of images and the seconds of a deep call of so many: the least of a few, after one that warms up."""
    row = _row(pipeline)
    shape = row.latents.shape[1:]
    unet = RowUNet(pipeline, shape, most_rows=row.unet_rows * most_images)
    images = 1
    while images <= most_images and images * row.unet_rows <= unet.most_rows:
        unet.run([row] * images)
        seconds = []
        for _ in range(_ROUNDS):
            started = perf_counter()
            unet.run([row] * images)
            seconds.append(perf_counter() - started)
        yield images, min(seconds)
        images *= 2


def _row(pipeline: Pipeline) -> Row:
    """An image of the model's own size at its first call, guided where the model can be; its inputs are zeros."""
    manifest = pipeline.bundle.manifest
    plan = pipeline.plan(_STEPS)
    request = Request(("",))
    rows = 2 if plan.guided else 1
    shape = request.latent_shape(manifest.state)
    sizes = check_input(manifest.deep, manifest.denoiser.sample, shape=(rows, *shape))
    inputs = {
        each.name: np.zeros(resolve(manifest.deep.input(each.name).shape, sizes), np.float32)
        for each in manifest.denoiser.inputs
    }
    return Row(Image(plan, inputs, TorchGenerator(0)), TorchGenerator(0).normal((1, *shape)))
